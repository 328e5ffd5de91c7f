//! How many invocations a mapping may start at once, and how many are reserved.

use super::super::bundle::Mapping;
use super::super::finding::Severity;
use super::super::resource::Resource;
use super::super::value::Unknown;
use super::{Fault, Known, Rule, Verdict};

/// The rules.
pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "concurrency-unbounded",
        severity: Severity::Error,
        failures: &["F18"],
        relation: "a mapping has MaximumConcurrency, or provisioned pollers with MaximumPollers",
        remedy: "set ScalingConfig.MaximumConcurrency, and reserve as much for the function",
        judge: |known| known.each_mapping(unbounded),
    },
    Rule {
        id: "concurrency-and-pollers",
        severity: Severity::Error,
        failures: &["F18"],
        relation: "a mapping has MaximumConcurrency or provisioned pollers, never both",
        remedy: "leave one of ScalingConfig and ProvisionedPollerConfig out",
        judge: |known| known.each_mapping(both),
    },
    Rule {
        id: "concurrency-over-reserved",
        severity: Severity::Error,
        failures: &["F18"],
        relation: "what the mappings of a function may start at once is at most what is reserved \
                   for it",
        remedy: "raise ReservedConcurrentExecutions, or lower MaximumConcurrency",
        judge: |known| known.each_mapped(over_reserved),
    },
    Rule {
        id: "concurrency-not-reserved",
        severity: Severity::Warning,
        failures: &["F18"],
        relation: "concurrency is reserved for a function with a mapping",
        remedy: "set ReservedConcurrentExecutions to at least MaximumConcurrency",
        judge: |known| known.each_mapped(not_reserved),
    },
];

impl Known<'_> {
    /// One verdict for each function that has a mapping.
    fn each_mapped(&self, judge: fn(&Self, &Resource) -> Verdict) -> Vec<Verdict> {
        let functions = self.bundle.functions().filter(|function| {
            let mut mappings = self.bundle.mappings.iter();
            mappings.any(|mapping| mapping.function.as_ref() == Some(&function.id))
        });
        functions.map(|function| judge(self, function)).collect()
    }
}

/// No bound.
fn unbounded(_: &Known<'_>, mapping: &Mapping) -> Verdict {
    let scaling = mapping.concurrency()?;
    let pollers = mapping.properties.get("ProvisionedPollerConfig");
    let most = pollers.get("MaximumPollers").number()?;
    let (place, message) = match (scaling, pollers.is_absent(), most) {
        (Some(_), _, _) | (None, false, Some(_)) => return Ok(None),
        (None, true, _) => (
            "ScalingConfig.MaximumConcurrency",
            "the mapping has no MaximumConcurrency: Lambda receives more than the function may \
             run, throws it back, and the redrive policy counts each time",
        ),
        (None, false, None) => (
            "ProvisionedPollerConfig.MaximumPollers",
            "the mapping has provisioned pollers without MaximumPollers, so nothing bounds them",
        ),
    };
    let remedy = "set ScalingConfig.MaximumConcurrency (2 to 1000) and reserve as much for the \
                  function, or set ProvisionedPollerConfig.MaximumPollers";
    Ok(Some(Fault::new(mapping.path_of(place), message, remedy)))
}

/// Two bounds.
fn both(_: &Known<'_>, mapping: &Mapping) -> Verdict {
    let pollers = mapping.properties.get("ProvisionedPollerConfig");
    let both = mapping.concurrency()?.is_some() && pollers.is_written()?;
    Ok(both.then(|| {
        Fault::new(
            mapping.path_of("ProvisionedPollerConfig"),
            "the mapping has MaximumConcurrency and provisioned pollers: Lambda takes one of them",
            "leave ScalingConfig out, or ProvisionedPollerConfig",
        )
    }))
}

/// More than is reserved.
fn over_reserved(known: &Known<'_>, function: &Resource) -> Verdict {
    let reserved = function.property("ReservedConcurrentExecutions").number()?;
    let Some(reserved) = reserved else {
        return Ok(None);
    };
    let mut most = 0_u64;
    for mapping in &known.bundle.mappings {
        if mapping.function.as_ref() == Some(&function.id) {
            most = most.saturating_add(mapping.concurrency()?.unwrap_or(0));
        }
    }
    let id = &function.id;
    Ok((most > reserved).then(|| {
        Fault::new(
            function.path_of("ReservedConcurrentExecutions"),
            format!(
                "the mappings of `{id}` may start {most} invocations at once, and {reserved} are \
                 reserved: what is thrown back is received again, and counted"
            ),
            format!(
                "set ReservedConcurrentExecutions of `{id}` to {most} or more, or \
                 MaximumConcurrency to {reserved} or less"
            ),
        )
    }))
}

/// Nothing reserved.
fn not_reserved(_: &Known<'_>, function: &Resource) -> Verdict {
    let reserved = function.property("ReservedConcurrentExecutions");
    let id = &function.id;
    Ok(reserved.is_absent().then(|| {
        Fault::new(
            function.path_of("ReservedConcurrentExecutions"),
            format!(
                "nothing is reserved for `{id}`: other functions of the account can use up what it \
                 needs, and each throttle costs messages a receive"
            ),
            format!(
                "set ReservedConcurrentExecutions of `{id}` to at least its MaximumConcurrency"
            ),
        )
    }))
}

impl Mapping {
    /// `MaximumConcurrency`, where it is written.
    pub(super) fn concurrency(&self) -> Result<Option<u64>, Unknown> {
        let scaling = self.properties.get("ScalingConfig");
        scaling.get("MaximumConcurrency").number()
    }
}
