//! A queue before many servers: Little's law, Erlang B and C, and how long is waited.
//!
//! The model is M/M/n: arrivals by chance and independent (Poisson), service times exponential,
//! n equal servers, one queue without end, whoever is first is served first. Real service times
//! vary less, mostly, and then less is waited; arrivals in bursts make it more.

/// Little's law: how many are inside at once, of what comes at a rate and stays so long.
pub fn inside(rate_per_second: f64, seconds: f64) -> f64 {
    rate_per_second * seconds
}

/// Erlang B: the part of arrivals that `servers` without a queue turn away, by the recursion that
/// neither overflows nor loses digits.
pub fn erlang_b(servers: u32, load: f64) -> f64 {
    (1..=servers).fold(1.0, |blocked, n| next_blocked(blocked, n, load))
}

/// Erlang C: the part of arrivals that must wait. One where the servers cannot keep up.
pub fn erlang_c(servers: u32, load: f64) -> f64 {
    waiting(servers, load, erlang_b(servers, load))
}

/// Erlang B of one server more.
fn next_blocked(blocked: f64, servers: u32, load: f64) -> f64 {
    load * blocked / (f64::from(servers) + load * blocked)
}

/// Erlang C by Erlang B.
fn waiting(servers: u32, load: f64, blocked: f64) -> f64 {
    let n = f64::from(servers);
    match is_full(load, n) {
        true => 1.0,
        false => n * blocked / (n - load * (1.0 - blocked)),
    }
}

/// Servers, and what comes to them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Station {
    /// How many work at once.
    pub servers: u32,
    /// What comes in a second.
    pub rate_per_second: f64,
    /// How long one takes, on average.
    pub service_seconds: f64,
}

impl Station {
    /// The offered load in Erlangs: how many servers would be busy if there were enough.
    pub fn load(&self) -> f64 {
        inside(self.rate_per_second, self.service_seconds)
    }

    /// The part of the servers' time that is asked for; above one there is more work than time.
    pub fn utilisation(&self) -> f64 {
        self.load() / f64::from(self.servers)
    }

    /// Whether the servers keep up. Where they do not, the queue grows without bound: already at
    /// a utilisation of one, since what chance idles away is never caught up.
    pub fn keeps_up(&self) -> bool {
        !is_full(self.load(), f64::from(self.servers))
    }

    /// What all servers together end in a second at most.
    pub fn capacity_per_second(&self) -> f64 {
        f64::from(self.servers) / self.service_seconds
    }

    /// The probability that one must wait.
    pub fn waits(&self) -> f64 {
        erlang_c(self.servers, self.load())
    }

    /// How long is waited on average, those that do not wait counted; none where it grows without
    /// bound.
    pub fn mean_wait_seconds(&self) -> Option<f64> {
        self.keeps_up().then(|| self.waits() / self.spare())
    }

    /// How long a part of all, 0.99 say, waits at most; none where it grows without bound.
    pub fn wait_seconds(&self, part: f64) -> Option<f64> {
        let waits = || (self.waits() / (1.0 - part)).ln() / self.spare();
        self.keeps_up().then(|| waits().max(0.0))
    }

    /// How many wait on average; none where it grows without bound.
    pub fn mean_waiting(&self) -> Option<f64> {
        let wait = self.mean_wait_seconds();
        wait.map(|wait| inside(self.rate_per_second, wait))
    }

    /// What could be ended in a second beside what comes.
    fn spare(&self) -> f64 {
        self.capacity_per_second() - self.rate_per_second
    }
}

/// How good it must be. What is none is not asked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Goal {
    /// The highest utilisation.
    pub utilisation: f64,
    /// The highest probability that one must wait.
    pub waits: Option<f64>,
    /// The longest wait of 99 in a hundred.
    pub wait_p99_seconds: Option<f64>,
}

impl Goal {
    /// Whether these servers are good enough.
    pub fn is_reached_by(&self, station: &Station) -> bool {
        self.is_reached(station, || station.waits())
    }

    /// The same where the probability to wait is known, or dear to find.
    fn is_reached(&self, station: &Station, waits: impl FnOnce() -> f64) -> bool {
        if !station.keeps_up() || station.utilisation() > self.utilisation + ROUNDED {
            return false;
        }
        let waits = waits();
        let p99 = ((waits * 100.0).ln() / station.spare()).max(0.0);
        self.waits.is_none_or(|most| waits <= most)
            && self.wait_p99_seconds.is_none_or(|most| p99 <= most)
    }
}

/// The least servers that keep up and reach the goal; none where `most` do not.
pub fn least_servers(
    rate_per_second: f64,
    service_seconds: f64,
    goal: &Goal,
    most: u32,
) -> Option<u32> {
    let load = inside(rate_per_second, service_seconds);
    let mut blocked = 1.0;
    (1..=most).find(|servers| {
        blocked = next_blocked(blocked, *servers, load);
        let station = Station {
            servers: *servers,
            rate_per_second,
            service_seconds,
        };
        goal.is_reached(&station, || waiting(*servers, load, blocked))
    })
}

/// Whether a load leaves these servers no time.
fn is_full(load: f64, servers: f64) -> bool {
    load >= servers * (1.0 - ROUNDED)
}

/// What a sum of decimals may be off by.
const ROUNDED: f64 = 1e-9;

#[cfg(test)]
mod tests;
