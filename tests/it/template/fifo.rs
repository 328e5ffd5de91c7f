//! FIFO queues.

use serde_json::json;

use super::chosen::{Template, number};
use super::sample_policies;
use crate::yaml;

/// What a FIFO queue says and a standard one must not: SQS refuses it there.
const OF_FIFO: [&str; 4] = [
    "FifoQueue",
    "ContentBasedDeduplication",
    "DeduplicationScope",
    "FifoThroughputLimit",
];

/// The receives that the template's texts tell people to set.
fn advised() -> u64 {
    let refused = Template::new()
        .fifo()
        .with("MaxReceiveCount", "25")
        .refusals();
    let (_, after) = refused
        .iter()
        .find_map(|said| said.split_once("QueueType \"fifo\", set MaxReceiveCount to "))
        .expect("it says what to set");
    let digits: String = after.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap()
}

#[test]
fn the_queues_are_standard_ones_unless_told_otherwise() {
    let template = Template::new();
    assert_eq!(template.parameters["QueueType"], "standard");
    for queue in template.of_type("AWS::SQS::Queue") {
        for property in OF_FIFO {
            assert!(template.property(&queue, property).is_null(), "{property}");
        }
        let name = template.property(&queue, "QueueName");
        assert!(!name["Fn::Sub"].as_str().unwrap().ends_with(".fifo"));
    }
}

#[test]
fn both_queues_are_fifo_or_neither_with_order_and_throughput_by_group() {
    let template = Template::new().fifo();
    let queues = template.of_type("AWS::SQS::Queue");
    assert_eq!(queues.len(), 2);
    for queue in queues {
        let said = OF_FIFO.map(|property| template.property(&queue, property));
        // Two equal bodies can be two events, so no hash of the body stands for an event.
        let expected = [
            json!(true),
            json!(false),
            json!("messageGroup"),
            json!("perMessageGroupId"),
        ];
        assert_eq!(said, expected, "{queue}");
        let name = template.property(&queue, "QueueName");
        assert!(name["Fn::Sub"].as_str().unwrap().ends_with(".fifo"));
    }
}

#[test]
fn the_dead_letter_queue_knows_its_source_by_the_name_it_has() {
    for (kind, template) in Template::every_kind() {
        let name = template.property("SourceQueue", "QueueName");
        let name = name["Fn::Sub"].as_str().unwrap();
        let arn =
            format!("arn:${{AWS::Partition}}:sqs:${{AWS::Region}}:${{AWS::AccountId}}:{name}");
        let allowed = template.property("DeadLetterQueue", "RedriveAllowPolicy");
        assert_eq!(
            allowed["sourceQueueArns"],
            json!([{ "Fn::Sub": arn }]),
            "{kind}"
        );
    }
}

#[test]
fn fifo_is_refused_with_the_redrive_policy_for_the_dead_f25() {
    let mixed = Template::new().fifo().with("DeadLetterMode", "redrive");
    let said = mixed.refusals().join("\n");
    assert!(said.contains("set DeadLetterMode to send"), "{said}");
}

#[test]
fn fifo_is_refused_with_the_receives_of_a_standard_queue() {
    let default = Template::new().parameters["MaxReceiveCount"].clone();
    assert!(number(&json!(default)) < advised());
    let refused = Template::new().fifo().with("MaxReceiveCount", &default);
    assert!(!refused.refusals().is_empty());
    let advised = advised().to_string();
    let taken = Template::new().fifo().with("MaxReceiveCount", &advised);
    assert!(taken.refusals().is_empty());
}

#[test]
fn the_advised_receives_outlast_the_waits_of_a_group_for_every_sample_route() {
    for policy in sample_policies() {
        assert!(advised() >= 10 * (u64::from(policy.steps) + 1) + 20);
    }
    let most = number(&Template::new().text["Parameters"]["MaxReceiveCount"]["MaxValue"]);
    assert!(advised() <= most);
}

#[test]
fn the_receives_are_the_same_wherever_they_are_advised() {
    let advice = format!("MaxReceiveCount={}", advised());
    for path in ["README.md", "samconfig.toml"] {
        assert!(yaml::text(path).contains(&advice), "{path}");
    }
}

#[test]
fn a_fifo_queue_still_has_the_redrive_policy_as_a_net() {
    let policy = Template::new()
        .fifo()
        .property("SourceQueue", "RedrivePolicy");
    assert_eq!(
        policy["deadLetterTargetArn"],
        json!({ "Fn::GetAtt": "DeadLetterQueue.Arn" })
    );
    assert_eq!(number(&policy["maxReceiveCount"]), 100);
}

#[test]
fn a_mapping_of_a_fifo_queue_has_at_most_ten_and_no_window() {
    for mapping in Template::new().fifo().mappings() {
        assert!(number(&mapping["BatchSize"]) <= 10);
        assert!(mapping["MaximumBatchingWindowInSeconds"].is_null());
    }
}

#[test]
fn a_queue_that_is_replaced_stays_with_its_messages() {
    let text = &Template::new().text["Resources"];
    for queue in Template::new().of_type("AWS::SQS::Queue") {
        assert_eq!(text[&queue]["UpdateReplacePolicy"], "Retain");
    }
}
