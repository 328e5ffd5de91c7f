//! Which lines of a log group are new: it is read again and again from a little before its last line
//! on, for lines come late, and out of their order.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{Hash, Hasher};
use std::time::Duration;

use waybill_aws::logs::{LINES_MAX, LogLine, LogPage};
use waybill_core::time::Timestamp;

/// How far a log group has been read.
#[derive(Debug)]
pub(super) struct Tail {
    /// From when on it is read.
    from: Timestamp,
    /// Where the next page begins, in the middle of a reading.
    next: Option<String>,
    /// From when on the next page is asked for, where it has no name.
    resumed: Option<Timestamp>,
    /// The time of the last line.
    newest: Timestamp,
    /// Lines that were seen, by their time.
    seen: BTreeMap<u64, BTreeSet<u64>>,
    /// Of this reading: how many lines were alike, where lines have no names.
    alike: HashMap<(u64, u64), u32>,
}

/// Whether a reading goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    /// There is another page.
    GoesOn,
    /// That was the last one.
    AtEnd,
}

impl Tail {
    /// Nothing was read yet; what is older is of no interest.
    pub(super) fn new(from: Timestamp) -> Self {
        Self {
            from,
            next: None,
            resumed: None,
            newest: Timestamp::default(),
            seen: BTreeMap::new(),
            alike: HashMap::new(),
        }
    }

    /// What to ask for: from when on, and which page.
    pub(super) fn wanted(&self) -> (Timestamp, Option<&str>) {
        (self.resumed.unwrap_or(self.from), self.next.as_deref())
    }

    /// Takes a page; the lines in it that are new, and whether there is another.
    pub(super) fn take(&mut self, page: LogPage) -> (Vec<LogLine>, Reading) {
        let is_full = page.lines.len() >= LINES_MAX;
        let last = page.lines.iter().map(|line| line.at_ms).max();
        let last = last.map(Timestamp::from_millis);
        self.newest = self.newest.max(last.unwrap_or_default());
        if let (true, None, Some(last)) = (is_full, &page.next, last) {
            // A stand-in cuts the page off, and names no other: what lies at its end is read again.
            let (from, _) = self.wanted();
            let fresh = self.fresh(page.lines);
            self.alike.retain(|(at, _), _| *at < last.as_millis());
            let moves = last > from;
            self.resumed = moves.then_some(last);
            return match moves {
                true => (fresh, Reading::GoesOn),
                false => (fresh, self.end()),
            };
        }
        let fresh = self.fresh(page.lines);
        self.next = page.next;
        match self.next {
            Some(_) => (fresh, Reading::GoesOn),
            None => (fresh, self.end()),
        }
    }

    /// Begins anew where the reading began: it was broken off.
    pub(super) fn begin_again(&mut self) {
        self.next = None;
        self.resumed = None;
        self.alike.clear();
    }

    /// Nothing older is of interest any more.
    pub(super) fn forget(&mut self, before: Timestamp) {
        if self.next.is_none() && self.resumed.is_none() {
            self.from = self.from.max(before);
            self.seen = self.seen.split_off(&self.from.as_millis());
        }
    }

    /// Ends a reading.
    fn end(&mut self) -> Reading {
        self.begin_again();
        self.forget(self.newest.before(LATE));
        Reading::AtEnd
    }

    /// Lines that were not seen before.
    fn fresh(&mut self, lines: Vec<LogLine>) -> Vec<LogLine> {
        let is_new = |line: &LogLine| {
            let mut name = hash(&(&line.stream, &line.message, &line.id));
            if line.id.is_none() {
                // The second of two that are alike is another line, and at its place in each reading.
                let nth = self.alike.entry((line.at_ms, name)).or_default();
                *nth += 1;
                name = hash(&(name, *nth));
            }
            self.seen.entry(line.at_ms).or_default().insert(name)
        };
        lines.into_iter().filter(is_new).collect()
    }
}

/// A number that stands for a value.
fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// How late a line may come after one with a later time.
pub(super) const LATE: Duration = Duration::from_secs(15);

#[cfg(test)]
mod tests;
