//! Facts about batches.

use waybill_engine::ports::Outgoing;

use super::*;

fn letter(line: u64, size_bytes: usize, group: Option<&str>) -> Letter {
    let message = Outgoing {
        group_id: group.map(str::to_owned),
        ..Outgoing::default()
    };
    Letter {
        line,
        size_bytes,
        message,
    }
}

/// The lines of each batch.
fn packed(order: Order, letters: Vec<Letter>) -> Vec<Vec<u64>> {
    let mut packer = Packer::new(order);
    let mut batches: Vec<_> = letters
        .into_iter()
        .filter_map(|letter| packer.push(letter))
        .collect();
    batches.extend(packer.take());
    assert!(packer.is_empty());
    let lines = |batch: Vec<Letter>| batch.iter().map(|letter| letter.line).collect();
    batches.into_iter().map(lines).collect()
}

#[test]
fn ten_go_together() {
    let letters = (0..25).map(|line| letter(line, 100, None)).collect();
    let batches = packed(Order::Free, letters);
    let expected: [Vec<u64>; 3] = [(0..10).collect(), (10..20).collect(), (20..25).collect()];
    assert_eq!(batches, expected);
}

#[test]
fn a_batch_is_no_longer_than_a_message_may_be_f74() {
    let half = SQS_MESSAGE_MAX / 2;
    let sizes = [
        half,
        half,
        1,
        SQS_MESSAGE_MAX,
        SQS_MESSAGE_MAX,
        half + 1,
        half,
    ];
    let letters = (0..)
        .zip(sizes)
        .map(|(line, size)| letter(line, size, None));
    let batches = packed(Order::Free, letters.collect());
    assert_eq!(
        batches,
        [vec![0, 1], vec![2], vec![3], vec![4], vec![5], vec![6]]
    );
}

#[test]
fn a_batch_of_a_fifo_queue_has_one_of_each_group_f24() {
    let groups = ["a", "b", "b", "a", "c", "a"];
    let letters = || {
        (0..)
            .zip(groups)
            .map(|(line, group)| letter(line, 1, Some(group)))
    };
    let batches = packed(Order::ByGroup, letters().collect());
    assert_eq!(batches, [vec![0, 1], vec![2, 3, 4], vec![5]]);
    assert_eq!(packed(Order::Free, letters().collect()).len(), 1);
}

#[test]
fn nothing_is_no_batch() {
    assert_eq!(packed(Order::Free, Vec::new()), [[0_u64; 0]; 0]);
}
