//! The alarms of the template: which metrics each watches, and its runbook.

use std::collections::BTreeSet;

use super::WAITING;

/// An alarm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Alarm {
    /// Its name, without the stack's.
    pub(super) name: String,
    /// The metrics that it names.
    pub(super) metrics: Vec<String>,
    /// Whether it is of the dead-letter queue: it says nothing of what waits in the source queue.
    pub(super) of_dead_letters: bool,
    /// The page that says what to do.
    pub(super) runbook: String,
}

impl Alarm {
    /// Whether it watches one of these metrics, all of them of the source queue.
    pub(super) fn watches(&self, moved: &BTreeSet<&str>) -> bool {
        let is_among = |of: &String| {
            let is_of_another = self.of_dead_letters && of == WAITING;
            moved.contains(of.as_str()) && !is_of_another
        };
        self.metrics.iter().any(is_among)
    }
}

/// The alarms of a template that name a metric and a runbook. Each begins with its name, which is
/// the stack's and its own.
pub(super) fn alarms(template: &str) -> Vec<Alarm> {
    let mut alarms: Vec<Alarm> = Vec::new();
    for line in template.lines() {
        if let Some((_, name)) = line.split_once("AlarmName: !Sub ${AWS::StackName}-") {
            alarms.push(Alarm {
                name: name.to_owned(),
                metrics: Vec::new(),
                of_dead_letters: false,
                runbook: String::new(),
            });
        }
        let Some(alarm) = alarms.last_mut() else {
            continue;
        };
        if let Some((_, metric)) = line.split_once("MetricName: ") {
            let name = metric.split([',', ' ', '}']).next().unwrap_or_default();
            alarm.metrics.push(name.to_owned());
        }
        alarm.of_dead_letters |= line.contains("DeadLetterQueue.QueueName");
        if let Some((_, page)) = line.split_once("${Runbooks}/") {
            let end = page.find(".md").map_or(page.len(), |at| at + ".md".len());
            alarm.runbook = format!("docs/runbooks/{}", page.get(..end).unwrap_or(page));
        }
    }
    alarms.retain(|alarm| !alarm.metrics.is_empty() && !alarm.runbook.is_empty());
    alarms
}
