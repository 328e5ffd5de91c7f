//! What switches a route on and off: `enabled`, `shadow` and `percent` in the routes file.

use sha2::{Digest, Sha256};

use crate::event::Event;
use crate::id::RouteName;

/// How far a route is switched on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flags {
    /// Whether it is there at all for events that come now.
    pub enabled: bool,
    /// Whether it is evaluated and counted, and nothing is delivered.
    pub shadow: bool,
    /// Of how many in a hundred of its events it takes part, 0 to 100.
    pub percent: u8,
}

/// What a route has to do with an event that its filter takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The event is delivered along it.
    Deliver,
    /// It is evaluated, and that is told; nothing is delivered.
    Shadow,
    /// The event is not among its percentage.
    LeftOut,
    /// It is disabled: as if it were not in the file.
    Off,
}

impl Default for Flags {
    fn default() -> Self {
        Self {
            enabled: true,
            shadow: false,
            percent: 100,
        }
    }
}

impl Flags {
    /// What a route with these flags has to do with an event that its filter takes. The same
    /// event has the same answer each time, and a higher percentage only adds events.
    pub fn part(&self, route: &RouteName, event: &Event) -> Part {
        if !self.enabled {
            return Part::Off;
        }
        if self.percent < 100 && place(route, event) >= self.percent {
            return Part::LeftOut;
        }
        match self.shadow {
            true => Part::Shadow,
            false => Part::Deliver,
        }
    }

    /// Whether nothing may be delivered along the route: not even an event that was claimed for
    /// it before it was switched so.
    pub fn holds(&self) -> bool {
        !self.enabled || self.shadow
    }
}

/// Where an event stands among a hundred, 0 to 99: by the hash of its source, its id and the
/// route's name, so that two routes divide their events differently. Changing it moves events of
/// a percentage in and out, those included that are on their way.
fn place(route: &RouteName, event: &Event) -> u8 {
    let parts = [&event.source, &event.id, route.as_str()];
    let hash = Sha256::digest(parts.join("\0"));
    let high = hash.iter().take(8);
    let high = high.fold(0u64, |sum, byte| sum << 8 | u64::from(*byte));
    let place = (u128::from(high) * 100) >> 64;
    u8::try_from(place).unwrap_or(99)
}

#[cfg(test)]
mod tests;
