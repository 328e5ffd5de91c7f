//! The alarms of the template: which metrics each watches, and its runbook.

/// An alarm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Alarm {
    /// Its logical id in the template.
    pub(super) name: String,
    /// The metrics that it names.
    pub(super) metrics: Vec<String>,
    /// The page that says what to do.
    pub(super) runbook: String,
}

/// The alarms of a template that name a metric and a runbook, by the indentation that the template
/// has: a resource's name is indented by two.
pub(super) fn alarms(template: &str) -> Vec<Alarm> {
    let mut alarms: Vec<Alarm> = Vec::new();
    for line in template.lines() {
        let name = line
            .strip_prefix("  ")
            .and_then(|line| line.strip_suffix(':'));
        if let Some(name) = name.filter(|name| !name.starts_with([' ', '-', '#'])) {
            alarms.push(Alarm {
                name: name.to_owned(),
                metrics: Vec::new(),
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
        if let Some((_, page)) = line.split_once("docs/runbooks/") {
            let end = page.find(".md").map_or(page.len(), |at| at + ".md".len());
            alarm.runbook = format!("docs/runbooks/{}", page.get(..end).unwrap_or(page));
        }
    }
    alarms.retain(|alarm| !alarm.metrics.is_empty() && !alarm.runbook.is_empty());
    alarms
}
