//! Which requests are spoiled, and how.

use std::time::Duration;

use http_body_util::Full;
use hyper::Response;
use hyper::body::Bytes;
use serde_json::{Value, json};

use super::Call;

/// What a spoiled answer says.
const MESSAGE: &str = "injected by a test";

/// What is done to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultAction {
    /// The connection is closed; nothing was done.
    Refuse,
    /// The service's own answer to too many requests; nothing was done.
    Throttle,
    /// The request is done and the connection closed without an answer.
    DropReply,
    /// The request is done after a wait.
    Delay(Duration),
    /// This HTTP status; nothing was done.
    Status(u16),
    /// The service's own answer to a missing permission; nothing was done.
    AccessDenied,
    /// The first so many entries of a batch of SQS's are answered as failed and not done, the rest
    /// is done.
    FailEntries(usize, EntryFault),
}

/// Why an entry of a batch fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryFault {
    /// The service is in trouble: it may be tried again.
    Service,
    /// The sender must change something: `SenderFault`.
    Sender,
}

impl EntryFault {
    /// The failed entry of this id.
    fn answer(self, id: &Value) -> Value {
        let (code, is_senders) = match self {
            Self::Service => ("InternalError", false),
            Self::Sender => ("AccessDenied", true),
        };
        json!({ "Id": id, "Code": code, "SenderFault": is_senders, "Message": MESSAGE })
    }
}

/// A rule for requests to be spoiled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The service; any where absent.
    service: Option<String>,
    /// The operation; any where absent.
    operation: Option<String>,
    /// How many matching requests pass first.
    skip: u64,
    /// How many are spoiled then; all where absent.
    times: Option<u64>,
    /// What is done to them.
    action: FaultAction,
}

/// Names a fault that was injected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FaultId(u64);

impl Fault {
    /// Spoils every request to every service.
    pub fn new(action: FaultAction) -> Self {
        Self {
            service: None,
            operation: None,
            skip: 0,
            times: None,
            action,
        }
    }

    /// Only requests to this service.
    #[must_use]
    pub fn service(mut self, service: impl Into<String>) -> Self {
        self.service = Some(service.into());
        self
    }

    /// Only this operation.
    #[must_use]
    pub fn operation(mut self, operation: impl Into<String>) -> Self {
        self.operation = Some(operation.into());
        self
    }

    /// Lets this many matching requests pass first.
    #[must_use]
    pub fn skip(mut self, requests: u64) -> Self {
        self.skip = requests;
        self
    }

    /// Spoils at most this many.
    #[must_use]
    pub fn times(mut self, requests: u64) -> Self {
        self.times = Some(requests);
        self
    }

    /// Whether a call is one that the rule is about.
    fn matches(&self, call: &Call) -> bool {
        let fits = |rule: &Option<String>, name: &str| rule.as_ref().is_none_or(|r| r == name);
        fits(&self.service, &call.service) && fits(&self.operation, &call.operation)
    }
}

impl FaultAction {
    /// The answer that is given in the service's stead, where one is.
    pub(super) fn answer(self, call: &Call) -> Option<Response<Full<Bytes>>> {
        let (status, code) = match self {
            Self::Refuse | Self::DropReply | Self::Delay(_) | Self::FailEntries(..) => return None,
            Self::Throttle => match call.service.as_str() {
                "dynamodb" => (
                    400,
                    "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException",
                ),
                "sqs" => (400, "com.amazonaws.sqs#RequestThrottled"),
                _ => (429, "ThrottlingException"),
            },
            Self::AccessDenied => match call.service.as_str() {
                "dynamodb" => (400, "com.amazon.coral.service#AccessDeniedException"),
                _ => (403, "AccessDeniedException"),
            },
            Self::Status(status) => (status, "InternalServerError"),
        };
        let body = json!({ "__type": code, "message": MESSAGE });
        Response::builder()
            .status(status)
            .header("content-type", "application/x-amz-json-1.0")
            .body(Full::new(Bytes::from(body.to_string())))
            .ok()
    }
}

/// A batch that fails in part.
#[derive(Debug)]
pub(super) struct PartialBatch {
    /// The request without the entries that fail; `None` where none is left.
    pub(super) rest: Option<Bytes>,
    /// The entries that fail, as they are answered.
    failed: Vec<Value>,
}

impl PartialBatch {
    /// Takes the first entries out of a batch; `None` where the request is none.
    pub(super) fn split(request: &[u8], entries: usize, fault: EntryFault) -> Option<Self> {
        let mut request: Value = serde_json::from_slice(request).ok()?;
        let all = request.get_mut("Entries")?.as_array_mut()?;
        let failing = all.drain(..entries.min(all.len()));
        let failed = failing.map(|entry| fault.answer(entry.get("Id").unwrap_or(&Value::Null)));
        let failed = failed.collect();
        let rest = (!all.is_empty()).then(|| Bytes::from(request.to_string()));
        Some(Self { rest, failed })
    }

    /// What is answered, after the answer to the rest where there was one.
    pub(super) fn join(mut self, reply: Option<&[u8]>) -> Option<Bytes> {
        let mut reply: Value = match reply {
            Some(reply) => serde_json::from_slice(reply).ok()?,
            None => json!({ "Successful": [] }),
        };
        let fields = reply.as_object_mut()?;
        let failed = fields.get_mut("Failed").and_then(Value::as_array_mut);
        self.failed
            .extend(failed.map(std::mem::take).into_iter().flatten());
        fields.insert("Failed".to_owned(), self.failed.into());
        Some(Bytes::from(reply.to_string()))
    }
}

/// Every fault that is on.
#[derive(Debug, Default)]
pub(super) struct FaultBook {
    /// The number of the next fault.
    next: u64,
    /// In the order of injection; the first that wants a request has it.
    rules: Vec<Rule>,
}

/// A fault that is on, with what it has seen.
#[derive(Debug)]
struct Rule {
    id: FaultId,
    fault: Fault,
    seen: u64,
    spoiled: u64,
}

impl FaultBook {
    /// Switches a fault on.
    pub(super) fn add(&mut self, fault: Fault) -> FaultId {
        let id = FaultId(self.next);
        self.next += 1;
        self.rules.push(Rule {
            id,
            fault,
            seen: 0,
            spoiled: 0,
        });
        id
    }

    /// Switches a fault off; answers how many requests it spoiled.
    pub(super) fn remove(&mut self, id: FaultId) -> u64 {
        let spoiled = self.spoiled(id);
        self.rules.retain(|rule| rule.id != id);
        spoiled
    }

    /// How many requests a fault has spoiled; none when it is off.
    pub(super) fn spoiled(&self, id: FaultId) -> u64 {
        let rule = self.rules.iter().find(|rule| rule.id == id);
        rule.map_or(0, |rule| rule.spoiled)
    }

    /// Switches every fault off.
    pub(super) fn clear(&mut self) {
        self.rules.clear();
    }

    /// What is to be done to a request, which every rule that is about it takes note of.
    pub(super) fn on(&mut self, call: &Call) -> Option<FaultAction> {
        let mut action = None;
        for rule in &mut self.rules {
            if !rule.fault.matches(call) {
                continue;
            }
            rule.seen += 1;
            let due = rule.seen > rule.fault.skip;
            let left = rule.fault.times.is_none_or(|times| rule.spoiled < times);
            if action.is_none() && due && left {
                rule.spoiled += 1;
                action = Some(rule.fault.action);
            }
        }
        action
    }
}
