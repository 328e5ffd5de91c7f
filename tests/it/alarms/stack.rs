//! The alarms and dashboards of `template.yaml` as CloudWatch would be given them.
//!
//! Parameters and the stack's name are put in. A resource is called by its logical id, its ARN
//! `arn:` and that, so that what refers to it can be followed.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::template::chosen::Template;

/// A stack, made of the template.
pub(super) struct Stack {
    pub(super) template: Template,
}

/// A metric that an alarm looks at.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Metric {
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) dimensions: BTreeMap<String, String>,
    pub(super) statistic: String,
    pub(super) period_seconds: usize,
}

/// What a metric alarm is told.
#[derive(Debug, Clone)]
pub(super) struct MetricAlarm {
    pub(super) id: String,
    /// Its metrics, by the ids that its expression knows them by.
    pub(super) metrics: BTreeMap<String, Metric>,
    pub(super) expression: String,
    pub(super) period_seconds: usize,
    pub(super) periods: usize,
    pub(super) to_alarm: usize,
    pub(super) comparison: String,
    pub(super) threshold: f64,
    pub(super) missing: String,
    pub(super) rings: bool,
}

/// What a composite alarm is told.
#[derive(Debug, Clone)]
pub(super) struct CompositeAlarm {
    pub(super) id: String,
    pub(super) rule: String,
    pub(super) suppressor: Option<Suppressor>,
    pub(super) rings: bool,
}

/// The alarm that keeps a composite one quiet, and for how long around it.
#[derive(Debug, Clone)]
pub(super) struct Suppressor {
    pub(super) id: String,
    pub(super) wait_minutes: usize,
    pub(super) extension_minutes: usize,
}

impl Stack {
    /// The template's defaults, with a topic that is told.
    pub(super) fn new() -> Self {
        Self::of(Template::new())
    }

    /// A template with some parameters chosen, and a topic.
    pub(super) fn of(template: Template) -> Self {
        let topic = "arn:aws:sns:eu-central-1:123456789012:on-call";
        let template = template.with("AlarmTopicArn", topic);
        Self { template }
    }

    /// With a deployment that goes back when an alarm rings.
    pub(super) fn gradual() -> Self {
        let template = Template::new().with("Deployment", "Canary10Percent5Minutes");
        Self::of(template.with("Release", "4f2c9d1"))
    }

    /// A resource's properties, whole.
    pub(super) fn properties(&self, id: &str) -> Value {
        let written = &self.template.text["Resources"][id]["Properties"];
        self.plain(&self.template.resolve(written))
    }

    /// The resources of a type, with their properties.
    pub(super) fn of_type(&self, kind: &str) -> BTreeMap<String, Value> {
        let ids = self.template.of_type(kind).into_iter();
        ids.map(|id| (id.clone(), self.properties(&id))).collect()
    }

    /// Every alarm, of both kinds, with its properties.
    pub(super) fn alarms(&self) -> BTreeMap<String, Value> {
        let mut all = self.of_type("AWS::CloudWatch::Alarm");
        all.extend(self.of_type("AWS::CloudWatch::CompositeAlarm"));
        all
    }

    /// The alarms of metrics.
    pub(super) fn metric_alarms(&self) -> Vec<MetricAlarm> {
        let all = self.of_type("AWS::CloudWatch::Alarm").into_iter();
        all.map(|(id, told)| MetricAlarm::read(id, &told)).collect()
    }

    /// One of them.
    pub(super) fn metric_alarm(&self, id: &str) -> MetricAlarm {
        MetricAlarm::read(id.to_owned(), &self.properties(id))
    }

    /// The alarms of alarms.
    pub(super) fn composites(&self) -> Vec<CompositeAlarm> {
        let all = self.of_type("AWS::CloudWatch::CompositeAlarm").into_iter();
        all.map(|(id, told)| CompositeAlarm::read(id, &told))
            .collect()
    }

    /// The dashboards' bodies.
    pub(super) fn dashboards(&self) -> BTreeMap<String, String> {
        let all = self.of_type("AWS::CloudWatch::Dashboard").into_iter();
        all.map(|(id, told)| (id, text(&told["DashboardBody"])))
            .collect()
    }

    /// A resolved value with the names that it refers to put in.
    fn plain(&self, value: &Value) -> Value {
        match value {
            Value::Object(map) => match map.iter().next() {
                Some((name, of)) if name == "Ref" || name == "Fn::GetAtt" => {
                    self.named(&text(of)).into()
                }
                Some((name, of)) if name == "Fn::Sub" => self.substituted(&text(of)).into(),
                Some(_) | None => {
                    let entries = map.iter().map(|(k, v)| (k.clone(), self.plain(v)));
                    Value::Object(entries.collect())
                }
            },
            Value::Array(list) => list.iter().map(|entry| self.plain(entry)).collect(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
        }
    }

    fn substituted(&self, of: &str) -> String {
        let mut parts = of.split("${");
        let mut whole = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (name, after) = part.split_once('}').expect("its end");
            whole += &self.named(name);
            whole += after;
        }
        whole
    }

    /// What a name is: a parameter's value, or what stands for a resource.
    fn named(&self, name: &str) -> String {
        if let Some(value) = self.template.parameters.get(name) {
            return value.clone();
        }
        match name {
            "AWS::StackName" => return "shop".to_owned(),
            "AWS::Region" => return "eu-central-1".to_owned(),
            _ => {}
        }
        let (id, attribute) = name.split_once('.').unwrap_or((name, ""));
        assert!(self.template.is_made("Resources", id), "{id} is left out");
        match attribute {
            "" | "QueueName" => id.to_owned(),
            "Arn" => format!("arn:{id}"),
            "Version.Version" => "1".to_owned(),
            _ => panic!("{name}"),
        }
    }
}

impl MetricAlarm {
    fn read(id: String, told: &Value) -> Self {
        let mut metrics = BTreeMap::new();
        let mut expression = "metric".to_owned();
        if told["Metrics"].is_null() {
            let statistic = told["Statistic"].as_str();
            let statistic = statistic.or(told["ExtendedStatistic"].as_str()).expect(&id);
            let metric = Metric::read(told, statistic, &told["Period"]);
            metrics.insert(expression.clone(), metric);
        }
        for query in told["Metrics"].as_array().into_iter().flatten() {
            match query["Expression"].as_str() {
                Some(written) => expression = written.to_owned(),
                None => {
                    assert_eq!(query["ReturnData"], false, "{id} has one result");
                    let stat = &query["MetricStat"];
                    let metric =
                        Metric::read(&stat["Metric"], &text(&stat["Stat"]), &stat["Period"]);
                    metrics.insert(text(&query["Id"]), metric);
                }
            }
        }
        let mut periods: Vec<_> = metrics.values().map(|one| one.period_seconds).collect();
        periods.dedup();
        let [period_seconds] = periods[..] else {
            panic!("{id}: an expression is of one period, not of {periods:?}");
        };
        Self {
            metrics,
            expression,
            period_seconds,
            periods: whole(&told["EvaluationPeriods"]),
            to_alarm: whole(&told["DatapointsToAlarm"]),
            comparison: text(&told["ComparisonOperator"]),
            threshold: text(&told["Threshold"]).parse().expect(&id),
            missing: text(&told["TreatMissingData"]),
            rings: rings(told),
            id,
        }
    }
}

impl Metric {
    fn read(of: &Value, statistic: &str, period: &Value) -> Self {
        let dimensions = of["Dimensions"].as_array().into_iter().flatten();
        let dimensions = dimensions.map(|one| (text(&one["Name"]), text(&one["Value"])));
        Self {
            namespace: text(&of["Namespace"]),
            name: text(&of["MetricName"]),
            dimensions: dimensions.collect(),
            statistic: statistic.to_owned(),
            period_seconds: whole(period),
        }
    }

    /// What its samples are kept under: namespace, name, and the values of its dimensions.
    pub(super) fn key(&self) -> String {
        let of: Vec<_> = self.dimensions.values().map(String::as_str).collect();
        format!("{} {} {}", self.namespace, self.name, of.join(" "))
    }
}

impl CompositeAlarm {
    fn read(id: String, told: &Value) -> Self {
        let suppressor = told["ActionsSuppressor"].as_str().map(|arn| Suppressor {
            id: arn.strip_prefix("arn:").expect("an ARN").to_owned(),
            wait_minutes: whole(&told["ActionsSuppressorWaitPeriod"]) / 60,
            extension_minutes: whole(&told["ActionsSuppressorExtensionPeriod"]) / 60,
        });
        Self {
            rule: text(&told["AlarmRule"]),
            suppressor,
            rings: rings(told),
            id,
        }
    }
}

/// Whether somebody is told of an alarm; then of its end as well.
fn rings(told: &Value) -> bool {
    assert_eq!(told["AlarmActions"], told["OKActions"]);
    told["AlarmActions"].is_array()
}

/// A scalar as text.
pub(super) fn text(value: &Value) -> String {
    let plain = value.as_str().map(str::to_owned);
    plain.unwrap_or_else(|| value.to_string())
}

fn whole(value: &Value) -> usize {
    let text = text(value);
    text.parse().unwrap_or_else(|_| panic!("`{text}`"))
}
