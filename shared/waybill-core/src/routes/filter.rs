//! Which events a route takes: a pattern of EventBridge's over the event, expressions of the
//! CloudEvents dialect over its attributes, or both, and then both must hold.
//!
//! `docs/FILTERS.md` tells both languages. Whatever is not understood is refused when the file is
//! read, so that no fault of a filter ever widens what its route takes.

mod dialect;
mod folded;
mod matcher;
mod network;
mod number;
mod pattern;
mod view;
mod wildcard;

use super::RoutesErrors;
use super::fields::Faults;
use super::tree::{self, Node};
use crate::event::Event;
use dialect::Expression;
use pattern::Pattern;

pub(super) use view::View;

/// Most values of a `filter`, and of a `filters`: each costs a comparison at worst
/// for each value of the event that it is asked of.
pub const FILTER_VALUES_MAX: usize = 1000;

/// Most combinations that the alternatives of one filter's `$or` make: the number of arguments of
/// each, multiplied. An event is compared with each of them at worst.
pub const FILTER_CHOICES_MAX: usize = 1000;

/// Which events a route takes; the default takes every event.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Filter {
    /// `filter`; `None` asks nothing.
    pattern: Option<Pattern>,
    /// `filters`, all of which must hold.
    expressions: Vec<Expression>,
}

impl Filter {
    /// Whether the event is taken.
    pub fn matches(&self, event: &Event) -> bool {
        self.takes(&View::of(event))
    }

    /// Whether the event is taken, of which several filters share one view.
    pub(super) fn takes(&self, view: &View<'_>) -> bool {
        self.expressions.iter().all(|each| each.holds(view.event))
            && self.pattern.as_ref().is_none_or(|p| p.matches(view))
    }

    /// Reads a pattern alone, as YAML or JSON.
    ///
    /// # Errors
    ///
    /// Every fault of it.
    pub fn parse(text: &str) -> Result<Self, RoutesErrors> {
        let root = tree::parse(text).map_err(RoutesErrors::one)?;
        let mut faults = Faults::default();
        let pattern = pattern::read(&root, "", &mut faults);
        match faults.into_errors() {
            None => Ok(Self {
                pattern,
                expressions: Vec::new(),
            }),
            Some(errors) => Err(errors),
        }
    }

    /// Reads a route's `filter` and `filters`, each with its path, where it has them. `None` only
    /// after a fault was told.
    pub(super) fn read(
        filter: Option<(&Node, &str)>,
        filters: Option<(&Node, &str)>,
        faults: &mut Faults,
    ) -> Option<Self> {
        // Both are read before either is missed, so that all faults are told.
        let pattern = filter.map(|(node, path)| pattern::read(node, path, faults));
        let expressions = filters.map(|(node, path)| dialect::read(node, path, faults));
        Some(Self {
            pattern: match pattern {
                Some(read) => Some(read?),
                None => None,
            },
            expressions: match expressions {
                Some(read) => read?,
                None => Vec::new(),
            },
        })
    }
}

/// Tells that a filter has too many values.
fn too_many_values<T>(path: &str, node: &Node, faults: &mut Faults) -> Option<T> {
    let message = format!("has more than {FILTER_VALUES_MAX} values; split it over several routes");
    faults.refuse(path, node, message)
}

#[cfg(test)]
mod tests;
