//! Tests of what is read of a template for a plan.

use std::path::Path;

use super::super::rules::{Routes, Subject};
use super::*;

/// What the project's own template sets, with parameters and with the routes beside it.
fn settings(parameters: &[(&str, &str)]) -> Settings {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let text = |name: &str| std::fs::read_to_string(root.join(name)).unwrap();
    let parameters: Vec<_> = parameters
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let checked = Checked {
        subject: Subject::Template(Template::read(&text("template.yaml"), &parameters).unwrap()),
        routes: Routes::Beside(text("infra/routes/routes.yaml")),
        manifest: None,
    };
    Settings::of(&checked).unwrap()
}

#[test]
fn the_numbers_of_our_own_template_are_read_with_their_parameters() {
    let settings = settings(&[]);
    let trigger = settings.trigger.unwrap();
    let read = [
        (&trigger.concurrency, 10, "MaximumConcurrency"),
        (&trigger.reserved, 10, "MaximumConcurrency"),
        (&trigger.timeout, 60, "FunctionTimeoutSeconds"),
        (&trigger.batch_size, 10, "BatchSize"),
        (&trigger.machine.memory, 256, "MemorySize"),
        (&settings.queue.visibility, 360, "VisibilityTimeoutSeconds"),
        (&settings.queue.retention, 345_600, "SourceRetentionDays"),
        (&settings.queue.receives, 25, "MaxReceiveCount"),
    ];
    for (setting, number, parameter) in read {
        assert_eq!(setting.number(), Some(number), "{setting:?}");
        assert_eq!(setting.parameter.as_deref(), Some(parameter));
    }
    assert_eq!(trigger.window.number(), Some(0));
    assert_eq!(trigger.window.parameter, None);
    assert_eq!(trigger.concurrency.allowed.first(), Some(&2));
    assert_eq!(trigger.concurrency.allowed.last(), Some(&1_000));
    assert_eq!(trigger.machine.architecture, Some(Architecture::Arm64));
    assert_eq!(settings.queue.kind, Ok(QueueKind::Standard));
    assert_eq!(settings.dead_letter, Ok(DeadLetter::Redrive));
    // The route `crm` has five retries.
    assert_eq!(settings.retry.unwrap().steps, 5);
    assert_eq!(settings.tries, Ok(6));
    assert!(settings.poller.is_none(), "Mode is trigger");
}

#[test]
fn a_poller_is_read_where_one_is_made() {
    let settings = settings(&[
        ("Mode", "poll"),
        ("Pollers", "3"),
        ("Architecture", "x86_64"),
    ]);
    assert!(settings.trigger.is_none());
    let poller = settings.poller.unwrap();
    assert_eq!(poller.pollers.number(), Some(3));
    assert_eq!(poller.pollers.parameter.as_deref(), Some("Pollers"));
    assert_eq!(poller.pollers.allowed, [1, 2, 3, 5, 10, 15]);
    assert_eq!(poller.timeout.number(), Some(180));
    assert_eq!(poller.concurrency.number(), Some(100));
    assert_eq!(poller.visibility.number(), Some(30));
    assert_eq!(poller.machine.architecture, Some(Architecture::X86));
}

#[test]
fn a_fifo_queue_and_what_is_chosen_are_read_as_chosen() {
    let settings = settings(&[
        ("QueueType", "fifo"),
        ("DeadLetterMode", "send"),
        ("MaxReceiveCount", "100"),
        ("MaximumConcurrency", "50"),
    ]);
    assert_eq!(settings.queue.kind, Ok(QueueKind::Fifo));
    assert_eq!(settings.dead_letter, Ok(DeadLetter::Send));
    assert_eq!(settings.queue.receives.number(), Some(100));
    assert_eq!(settings.trigger.unwrap().concurrency.number(), Some(50));
}

#[test]
fn a_template_without_a_queue_of_ours_sets_nothing() {
    let text = "Resources:\n  Q:\n    Type: AWS::SQS::Queue\n";
    let checked = Checked {
        subject: Subject::Template(Template::read(text, &[]).unwrap()),
        routes: Routes::None,
        manifest: None,
    };
    assert!(Settings::of(&checked).is_none());
}
