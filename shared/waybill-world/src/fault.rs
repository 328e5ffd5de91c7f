//! What can go wrong, each with a switch and a count.

use std::fmt;

/// One sort of trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// A process dies at some await point.
    Crash,
    /// A process dies right before or right after a request leaves it.
    CrashAtRequest,
    /// What a function does kills its process: out of memory, an abort.
    Abort,
    /// A function panics.
    Panic,
    /// A sandbox stands still for a while, past its deadline perhaps, and goes on.
    Freeze,
    /// A request to the store or the queue never arrives.
    LostRequest,
    /// A request does what it should, and its reply never arrives (F40).
    LostReply,
    /// The client's own retry sends a request twice (F40).
    RepeatedRequest,
    /// A request arrives long after its caller gave up: late writes come in another order.
    LateRequest,
    /// A reply comes long after its effect.
    SlowReply,
    /// The service refuses a request for now.
    Throttle,
    /// The service answers some entries of a batch with errors, of which some were done all the
    /// same (F31, F35).
    PartialFailure,
    /// The service refuses a request for good, for a while: a permission is missing.
    Denied,
    /// The store answers nothing, or only errors, for minutes; or does what it is asked and its
    /// answers are lost.
    StoreOutage,
    /// The same for six hours.
    LongStoreOutage,
    /// The target answers nothing, or only errors, for minutes.
    TargetOutage,
    /// The same for six hours.
    LongTargetOutage,
    /// The target takes what it is sent and answers too late, or never (F57).
    LateAnswer,
    /// The target is busy, and says for how long (F58).
    Busy,
    /// The target refuses for good.
    Refusal,
    /// A standard queue delivers a message while it is in flight.
    Duplicate,
    /// A standard queue delivers a message after its delete (F09).
    Resurrection,
    /// Another process has the message made visible, or the visibility is shorter than the work.
    LeaseLoss,
    /// The mapping receives, and no function is free (F18).
    MappingThrottle,
    /// The mapping's own delete after a success fails (F22).
    LostDelete,
    /// Clocks differ by less than a lease allows for.
    Skew,
    /// Clocks differ by more.
    WildSkew,
    /// Another event comes under the same key (F47).
    OtherData,
    /// The same event is sent once more.
    Resend,
    /// The dead are moved back by the console's redrive in the middle of trouble.
    NativeRedrive,
    /// The dead are sent again with their keys in the middle of trouble.
    OwnRedrive,
    /// Expired rows are swept at some moment (F41).
    Sweep,
    /// A schedule sends its message many minutes late.
    LateSchedule,
    /// A schedule sends its message twice.
    RepeatedSchedule,
}

impl Fault {
    /// Every sort.
    pub const ALL: [Self; 34] = [
        Self::Crash,
        Self::CrashAtRequest,
        Self::Abort,
        Self::Panic,
        Self::Freeze,
        Self::LostRequest,
        Self::LostReply,
        Self::RepeatedRequest,
        Self::LateRequest,
        Self::SlowReply,
        Self::Throttle,
        Self::PartialFailure,
        Self::Denied,
        Self::StoreOutage,
        Self::LongStoreOutage,
        Self::TargetOutage,
        Self::LongTargetOutage,
        Self::LateAnswer,
        Self::Busy,
        Self::Refusal,
        Self::Duplicate,
        Self::Resurrection,
        Self::LeaseLoss,
        Self::MappingThrottle,
        Self::LostDelete,
        Self::Skew,
        Self::WildSkew,
        Self::OtherData,
        Self::Resend,
        Self::NativeRedrive,
        Self::OwnRedrive,
        Self::Sweep,
        Self::LateSchedule,
        Self::RepeatedSchedule,
    ];

    /// Its name, as it is said on a command line.
    pub fn word(self) -> &'static str {
        match self {
            Self::Crash => "crash",
            Self::CrashAtRequest => "crash-at-request",
            Self::Abort => "abort",
            Self::Panic => "panic",
            Self::Freeze => "freeze",
            Self::LostRequest => "lost-request",
            Self::LostReply => "lost-reply",
            Self::RepeatedRequest => "repeated-request",
            Self::LateRequest => "late-request",
            Self::SlowReply => "slow-reply",
            Self::Throttle => "throttle",
            Self::PartialFailure => "partial-failure",
            Self::Denied => "denied",
            Self::StoreOutage => "store-outage",
            Self::LongStoreOutage => "long-store-outage",
            Self::TargetOutage => "target-outage",
            Self::LongTargetOutage => "long-target-outage",
            Self::LateAnswer => "late-answer",
            Self::Busy => "busy",
            Self::Refusal => "refusal",
            Self::Duplicate => "duplicate",
            Self::Resurrection => "resurrection",
            Self::LeaseLoss => "lease-loss",
            Self::MappingThrottle => "mapping-throttle",
            Self::LostDelete => "lost-delete",
            Self::Skew => "skew",
            Self::WildSkew => "wild-skew",
            Self::OtherData => "other-data",
            Self::Resend => "resend",
            Self::NativeRedrive => "native-redrive",
            Self::OwnRedrive => "own-redrive",
            Self::Sweep => "sweep",
            Self::LateSchedule => "late-schedule",
            Self::RepeatedSchedule => "repeated-schedule",
        }
    }

    /// The sort of this name.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|fault| fault.word() == word)
    }

    fn bit(self) -> u64 {
        1 << (self as u32)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// Which sorts of trouble there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Faults(u64);

impl Faults {
    /// Every sort.
    pub fn all() -> Self {
        Fault::ALL.into_iter().fold(Self::none(), Self::with)
    }

    /// No trouble at all.
    pub fn none() -> Self {
        Self(0)
    }

    /// These, and this one.
    #[must_use]
    pub fn with(self, fault: Fault) -> Self {
        Self(self.0 | fault.bit())
    }

    /// These, but not this one.
    #[must_use]
    pub fn without(self, fault: Fault) -> Self {
        Self(self.0 & !fault.bit())
    }

    /// Whether this sort is among them.
    pub fn has(self, fault: Fault) -> bool {
        self.0 & fault.bit() != 0
    }
}
