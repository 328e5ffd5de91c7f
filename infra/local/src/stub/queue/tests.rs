//! What a receive hands out, in groups and without, and what a handle is good for.

use super::*;

const LONG: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(5);

/// A FIFO queue with these messages, each its group's letter and a number.
fn fifo(receives: u32, messages: &[&str]) -> Queue {
    let queue = Queue::fifo(LONG, receives);
    queue.send_in_groups(messages.iter().map(|message| {
        let group = message.chars().next().map(String::from);
        (group, (*message).to_owned())
    }));
    queue
}

/// The bodies of a receive.
fn bodies(received: &[Received]) -> Vec<&str> {
    received.iter().map(|it| it.body.as_str()).collect()
}

#[test]
fn a_group_is_held_while_a_message_of_it_is_hidden_and_no_other_is() {
    let queue = fifo(5, &["a1", "a2", "b1", "a3"]);
    let first = queue.receive(1, None);
    assert_eq!(bodies(&first), ["a1"]);
    assert_eq!(bodies(&queue.receive(10, None)), ["b1"]);
    assert!(queue.receive(10, None).is_empty());
    queue.delete(&first[0].handle);
    assert_eq!(bodies(&queue.receive(10, None)), ["a2", "a3"]);
}

#[test]
fn what_is_shown_again_is_in_its_old_place() {
    let queue = fifo(5, &["a1", "a2", "a3"]);
    let first = queue.receive(2, None);
    for received in first.iter().rev() {
        queue.hide(&received.handle, Duration::ZERO);
    }
    assert_eq!(bodies(&queue.receive(10, None)), ["a1", "a2", "a3"]);
}

#[test]
fn in_a_group_a_handle_deletes_nothing_once_its_time_is_over() {
    let queue = fifo(5, &["a1"]);
    let late = queue.receive(1, Some(SHORT));
    std::thread::sleep(2 * SHORT);
    queue.delete(&late[0].handle);
    assert_eq!(queue.left(), 1);
    let again = queue.receive(1, None);
    assert_eq!(again[0].receives, 2);
    queue.delete(&late[0].handle);
    assert_eq!(queue.left(), 1, "nor once another has it");
    queue.delete(&again[0].handle);
    assert_eq!(queue.left(), 0);
}

#[test]
fn without_a_group_a_late_handle_deletes_and_what_is_shown_again_comes_last() {
    let queue = Queue::standard(SHORT, 5);
    queue.send(["1", "2"].map(str::to_owned));
    let late = queue.receive(1, None);
    std::thread::sleep(2 * SHORT);
    assert_eq!(bodies(&queue.receive(2, Some(LONG))), ["2", "1"]);
    queue.delete(&late[0].handle);
    assert_eq!(queue.left(), 2, "another receive has it");

    let queue = Queue::standard(SHORT, 5);
    queue.send(["1"].map(str::to_owned));
    let late = queue.receive(1, None);
    std::thread::sleep(2 * SHORT);
    queue.delete(&late[0].handle);
    assert_eq!(queue.left(), 0);
}

#[test]
fn a_dead_head_lets_its_group_go_on() {
    let queue = fifo(1, &["a1", "a2"]);
    let head = queue.receive(1, None);
    queue.hide(&head[0].handle, Duration::ZERO);
    assert_eq!(bodies(&queue.receive(10, None)), ["a2"]);
    assert_eq!((queue.dead(), queue.left()), (1, 1));
}

#[tokio::test]
async fn letters_that_are_sent_to_the_dead_letter_queue_are_counted_and_no_others_taken() {
    let queue = fifo(5, &[]);
    let send = async |path: String| {
        let asked = json!({
            "QueueUrl": format!("http://127.0.0.1:1/{path}"),
            "Entries": [{"Id": "0", "MessageBody": "a"}, {"Id": "1", "MessageBody": "b"}],
        });
        queue.answer("SendMessageBatch", &asked).await
    };
    let sent = send(queue.dead_letter_path()).await.unwrap();
    assert_eq!(sent["Successful"][1]["Id"], "1");
    assert_eq!(queue.dead(), 2);
    let refused = send(queue.path()).await.unwrap_err();
    assert_eq!(refused.code, "UnsupportedOperation");
}
