//! Traces: which trace a record goes on with, what it is linked to, and what a span says.
//!
//! A batch has many parents (F78): each record has a span of its own, which goes on with the trace
//! that its message carries. Both ways to carry one are read and printed: W3C trace context and
//! X-Ray's header, whose ids are the same 128 and 64 bits in other spellings. How spans are printed
//! for others is in [`otlp`] and [`segment`].

pub mod otlp;
pub mod segment;

use std::borrow::Cow;
use std::fmt;
use std::num::{NonZeroU64, NonZeroU128};

use crate::time::Timestamp;

/// The id of a trace: 128 bits, never all zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceId(NonZeroU128);

/// The id of a span: 64 bits, never all zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SpanId(NonZeroU64);

/// Where something stands in a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceContext {
    /// Which trace.
    pub trace_id: TraceId,
    /// Which span.
    pub span_id: SpanId,
    /// Whether its spans are kept.
    pub sampled: bool,
}

/// What a message says of the trace that it is part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Upstream {
    /// Which trace.
    pub trace_id: TraceId,
    /// Which span, where it is said: X-Ray's header may leave it out.
    pub span_id: Option<SpanId>,
    /// Whether spans are kept, where that is decided.
    pub sampled: Option<bool>,
}

/// A span of this trace or another that belongs to a span and is not its parent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// Which trace.
    pub trace_id: TraceId,
    /// Which span of it.
    pub span_id: SpanId,
}

/// What a record's span goes on with, and what it is linked to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lineage {
    /// The trace and the parent; none where a trace begins here.
    pub parent: Option<Upstream>,
    /// The others, each once.
    pub links: Vec<Link>,
}

/// How many of the traces that begin here are kept: from 0, none, to 1, all.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ratio(f64);

/// One piece of work, as it is exported. Never a body, a header or a secret.
#[derive(Debug, Clone, PartialEq)]
pub struct Span {
    /// Which trace.
    pub trace_id: TraceId,
    /// Its own id.
    pub span_id: SpanId,
    /// What it is part of.
    pub parent: Option<SpanId>,
    /// What it does, with few values in all.
    pub name: String,
    /// Its part in what goes on between processes.
    pub kind: SpanKind,
    /// When it began.
    pub started: Timestamp,
    /// When it ended.
    pub ended: Timestamp,
    /// What else belongs to it.
    pub links: Vec<Link>,
    /// What there is to say about it.
    pub attributes: Vec<(&'static str, Value)>,
    /// What kind of failure it ended in, where it did; also said as `error.type`.
    pub failure: Option<Cow<'static, str>>,
}

/// What part a span has in what goes on between processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpanKind {
    /// It works on a message.
    Consumer,
    /// It calls a target.
    Client,
}

/// The value of an attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// A text.
    Text(Cow<'static, str>),
    /// A number.
    Number(u32),
    /// Yes or no.
    Flag(bool),
}

/// The attribute that says what kind of failure a span ended in.
pub const ERROR_TYPE: &str = "error.type";

impl TraceId {
    /// A new one of random bits; its first 32 are the time in seconds, as X-Ray makes its ids.
    /// <https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-traces>
    pub fn new(now: Timestamp, random: [u64; 2]) -> Self {
        let [high, low] = random.map(u128::from);
        let seconds = u128::from(now.as_millis() / 1000) << 96;
        let id = seconds | (high << 64 & !(u128::from(u32::MAX) << 96)) | low;
        Self(NonZeroU128::new(id).unwrap_or(NonZeroU128::MIN))
    }

    /// X-Ray's spelling: `1-58406520-a006649127e371903a2de979`.
    pub fn to_xray(self) -> String {
        let id = self.0.get();
        format!("1-{:08x}-{:024x}", id >> 96, id & (u128::MAX >> 32))
    }
}

impl SpanId {
    /// A new one of random bits.
    pub fn new(random: u64) -> Self {
        Self(NonZeroU64::new(random).unwrap_or(NonZeroU64::MIN))
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl TraceContext {
    /// As W3C's `traceparent`: `00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01`.
    /// <https://www.w3.org/TR/trace-context/#traceparent-header>
    pub fn to_traceparent(&self) -> String {
        let flags = u8::from(self.sampled);
        format!("00-{}-{}-{flags:02x}", self.trace_id, self.span_id)
    }

    /// As X-Ray's header, `AWSTraceHeader` of a message:
    /// `Root=1-58406520-a006649127e371903a2de979;Parent=53995c3f42cd8ad8;Sampled=1`.
    /// <https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader>
    pub fn to_trace_header(&self) -> String {
        let (root, sampled) = (self.trace_id.to_xray(), u8::from(self.sampled));
        format!("Root={root};Parent={};Sampled={sampled}", self.span_id)
    }
}

impl Upstream {
    /// Reads W3C's `traceparent`; `None` where it does not keep the specification's form. Of a
    /// version to come the part is read that every version has.
    /// <https://www.w3.org/TR/trace-context/#traceparent-header-field-values>
    pub fn of_traceparent(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let version = lower_hex(parts.next()?, 2)?;
        let trace_id = lower_hex(parts.next()?, 32)?;
        let span_id = lower_hex(parts.next()?, 16)?;
        let flags = lower_hex(parts.next()?, 2)?;
        let is_longer = parts.next().is_some();
        if version == 0xff || (version == 0 && is_longer) {
            return None;
        }
        Some(Self {
            trace_id: TraceId(NonZeroU128::new(trace_id)?),
            span_id: Some(SpanId(NonZeroU64::new(u64::try_from(span_id).ok()?)?)),
            sampled: Some(flags & 1 == 1),
        })
    }

    /// Reads X-Ray's header; `None` where it names no trace, or says one of its parts in another
    /// form. What else is in it is passed over.
    pub fn of_trace_header(text: &str) -> Option<Self> {
        let (mut trace_id, mut span_id, mut sampled) = (None, None, None);
        for part in text.split(';') {
            match part.trim().split_once('=') {
                Some(("Root", root)) => trace_id = Some(of_xray(root)?),
                Some(("Parent", parent)) => {
                    let parent = u64::try_from(hex(parent, 16)?).ok()?;
                    span_id = Some(SpanId(NonZeroU64::new(parent)?));
                }
                Some(("Sampled", "1")) => sampled = Some(true),
                Some(("Sampled", "0")) => sampled = Some(false),
                // `Sampled=?` leaves it to the next.
                Some(_) | None => {}
            }
        }
        Some(Self {
            trace_id: trace_id?,
            span_id,
            sampled,
        })
    }

    /// The span, where one is named.
    fn link(self) -> Option<Link> {
        let (trace_id, span_id) = (self.trace_id, self.span_id?);
        Some(Link { trace_id, span_id })
    }
}

impl Lineage {
    /// Of what a message carries, nearest first, the first is the parent and the rest are links;
    /// `beside` is never a parent: the trace of the invocation that the message came in with many
    /// others.
    pub fn of<const N: usize>(carried: [Option<Upstream>; N], beside: Option<Upstream>) -> Self {
        let mut carried = carried.into_iter().flatten();
        let parent = carried.next();
        let mut links: Vec<Link> = Vec::new();
        for link in carried.chain(beside).filter_map(Upstream::link) {
            if parent.and_then(Upstream::link) != Some(link) && !links.contains(&link) {
                links.push(link);
            }
        }
        Self { parent, links }
    }
}

impl Ratio {
    /// Every trace that begins here.
    pub const ALL: Self = Self(1.0);

    /// A share from 0 to 1.
    pub fn new(share: f64) -> Option<Self> {
        (0.0..=1.0).contains(&share).then_some(Self(share))
    }

    /// Whether a trace is kept: the same for a trace wherever that is asked, by its random bits.
    pub fn keeps(self, trace_id: TraceId) -> bool {
        const BITS: u32 = 52;
        let random = trace_id.0.get() & ((1 << BITS) - 1);
        let random = u64::try_from(random).unwrap_or_default();
        // 52 bits are exact in a float.
        (random as f64) < self.0 * (1_u64 << BITS) as f64
    }
}

/// A number in X-Ray's spelling of a trace's id.
fn of_xray(text: &str) -> Option<TraceId> {
    let (seconds, random) = text.strip_prefix("1-")?.split_once('-')?;
    let id = hex(seconds, 8)? << 96 | hex(random, 24)?;
    NonZeroU128::new(id).map(TraceId)
}

/// A number of so many hex digits.
fn hex(text: &str, digits: usize) -> Option<u128> {
    let is_hex = text.len() == digits && text.bytes().all(|b| b.is_ascii_hexdigit());
    is_hex.then(|| u128::from_str_radix(text, 16).ok())?
}

/// The same in small letters: W3C takes no others.
fn lower_hex(text: &str, digits: usize) -> Option<u128> {
    hex(text, digits).filter(|_| !text.bytes().any(|b| b.is_ascii_uppercase()))
}

#[cfg(test)]
mod tests;
