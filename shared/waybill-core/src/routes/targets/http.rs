//! An HTTP target, as data.

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::fields::{Faults, Fields, join};
use super::super::hidden::{Secret, TargetUrl};
use super::super::tree::{Node, Value};
use super::TIMEOUT_MIN;
use super::reference::SecretReference;
use super::signature::{self, SigningSecret};
use crate::http::{StatusClass, StatusOverrides};

/// An HTTP target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpSpec {
    /// Where to POST.
    pub url: TargetUrl,
    /// Headers of this route: lower-case names, none of those that Waybill sets itself.
    pub headers: BTreeMap<String, HeaderText>,
    /// How an event is put into a request.
    pub body: HttpBody,
    /// Secrets by which each request is signed, one signature for each; none, no signature.
    pub signature: Vec<SigningSecret>,
    /// How long to wait for a connection; at most `timeout`. 2 s by default.
    pub connect_timeout: Duration,
    /// How long one try may take, connection included. 10 s by default.
    pub timeout: Duration,
    /// What this target means by a status, where it is not what [`crate::http::classify`] takes
    /// it for.
    pub statuses: StatusOverrides,
}

/// The value of a header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeaderText {
    /// Known since the file was read.
    Said(Secret),
    /// Kept elsewhere, and read before it is sent.
    Kept {
        /// What stands before it, like `Bearer `; may be empty.
        prefix: Secret,
        /// Where it is kept.
        secret: SecretReference,
    },
}

impl HeaderText {
    /// A header's value made of a prefix and a secret; the error says what is wrong with it
    /// without showing it.
    ///
    /// # Errors
    ///
    /// When the secret is empty, or it cannot be sent as it is.
    pub fn joined(prefix: &Secret, secret: &Secret) -> Result<Secret, &'static str> {
        if secret.expose().is_empty() {
            return Err("is empty");
        }
        match refuse_value(secret.expose()) {
            Some(why) => Err(why),
            None => {
                let value = format!("{}{}", prefix.expose(), secret.expose());
                refuse_value(&value).map_or(Ok(Secret::new(value)), Err)
            }
        }
    }
}

/// How an event is put into a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HttpBody {
    /// Its data is the body, its attributes are `ce-` headers: CloudEvents' binary mode.
    #[default]
    Binary,
    /// The whole event is the body, as JSON: CloudEvents' structured mode.
    Structured,
    /// Its data is the body; its attributes are not sent.
    Plain,
}

/// How long to wait for a connection where a route does not say.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// How long one try may take where a route does not say.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The longest time-out: no Lambda function lives longer.
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
const TIMEOUT_MAX: Duration = Duration::from_secs(15 * 60);

/// Most headers of one route, and the longest name and value in bytes.
const HEADERS_MAX: usize = 50;
const HEADER_NAME_MAX: usize = 256;
const HEADER_VALUE_MAX: usize = 8 * 1024;

/// Headers that Waybill or the connection sets.
const RESERVED_HEADERS: [&str; 15] = [
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "host",
    "idempotency-key",
    "keep-alive",
    "te",
    "traceparent",
    "tracestate",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "waybill-dead",
];

/// Families of headers that Waybill, a proxy or the Standard Webhooks signature sets.
const RESERVED_PREFIXES: [&str; 3] = ["ce-", "proxy-", "webhook-"];

impl HttpSpec {
    /// Reads `http`.
    pub(super) fn read(node: &Node, path: &str, faults: &mut Faults) -> Option<Self> {
        let known = [
            "url",
            "headers",
            "body",
            "signature",
            "connect_timeout",
            "timeout",
            "statuses",
        ];
        let fields = Fields::open(node, path, &known, faults)?;
        let url = match fields.get("url") {
            Some(node) => {
                let path = join(path, "url");
                let text = faults.text(node, &path);
                text.and_then(|text| {
                    TargetUrl::new(text)
                        .map_err(|why| faults.add(&path, node.at, why))
                        .ok()
                })
            }
            None => fields.missing("url", "say where to POST", faults),
        };
        let headers = match fields.get("headers") {
            Some(node) => headers(node, &join(path, "headers"), faults),
            None => BTreeMap::new(),
        };
        let bodies = [
            ("binary", HttpBody::Binary),
            ("structured", HttpBody::Structured),
            ("plain", HttpBody::Plain),
        ];
        let body = fields.word("body", &bodies, faults);
        let signature = match fields.get("signature") {
            Some(node) => signature::read(node, &join(path, "signature"), faults),
            None => Vec::new(),
        };
        let timeout = fields
            .duration("timeout", TIMEOUT_MIN, TIMEOUT_MAX, faults)
            .unwrap_or(TIMEOUT);
        // Where only `timeout` is said, the default gives way to it.
        let connect_timeout = fields
            .duration("connect_timeout", TIMEOUT_MIN, TIMEOUT_MAX, faults)
            .unwrap_or(CONNECT_TIMEOUT.min(timeout));
        if connect_timeout > timeout {
            let message = "`connect_timeout` is above `timeout`, which bounds the whole try";
            faults.add(path, node.at, message);
        }
        let statuses = match fields.get("statuses") {
            Some(node) => statuses(node, &join(path, "statuses"), faults),
            None => StatusOverrides::default(),
        };
        Some(Self {
            url: url?,
            headers,
            body: body.unwrap_or_default(),
            signature,
            connect_timeout,
            timeout,
            statuses,
        })
    }
}

/// Reads `headers`.
fn headers(node: &Node, path: &str, faults: &mut Faults) -> BTreeMap<String, HeaderText> {
    let mut headers = BTreeMap::new();
    let Value::Map(entries) = &node.value else {
        faults.wrong_kind::<()>(path, node, "a mapping");
        return headers;
    };
    if entries.len() > HEADERS_MAX {
        let message = format!("must have at most {HEADERS_MAX} headers");
        faults.add(path, node.at, message);
        return headers;
    }
    for (key, value) in entries {
        let path = join(path, &key.name);
        let name = key.name.to_ascii_lowercase();
        if let Some(why) = refuse_name(&name) {
            faults.add(&path, key.at, why);
            continue;
        }
        let Some(text) = header_text(value, &path, faults) else {
            continue;
        };
        if headers.insert(name, text).is_some() {
            let message = "header is given twice; case does not tell names apart";
            faults.add(&path, key.at, message);
        }
    }
    headers
}

/// Reads a header's value: text, or where it is kept.
fn header_text(node: &Node, path: &str, faults: &mut Faults) -> Option<HeaderText> {
    if !matches!(node.value, Value::Map(_)) {
        let text = faults.text(node, path)?;
        if let Some(why) = refuse_value(text) {
            faults.add(path, node.at, why);
            return None;
        }
        return Some(HeaderText::Said(Secret::new(text)));
    }
    let known = ["secretsmanager", "ssm", "key", "stage", "prefix"];
    let fields = Fields::open(node, path, &known, faults)?;
    let secret = SecretReference::read(&fields, faults);
    let prefix = match fields.get("prefix") {
        Some(node) => {
            let path = join(path, "prefix");
            let text = faults.text(node, &path)?;
            // It may end in a space, since the secret follows.
            let why = refuse_value(text.trim_end_matches(' '));
            if let Some(why) = why.filter(|_| !text.is_empty()) {
                faults.add(&path, node.at, why);
            }
            Secret::new(text)
        }
        None => Secret::new(""),
    };
    let secret = secret?;
    Some(HeaderText::Kept { prefix, secret })
}

/// What is wrong with a header's name, in lower case.
fn refuse_name(name: &str) -> Option<&'static str> {
    let symbols = b"!#$%&'*+-.^_`|~";
    let token = name
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || symbols.contains(&b));
    if !token || !(1..=HEADER_NAME_MAX).contains(&name.len()) {
        return Some("is no name of a header");
    }
    let family = RESERVED_PREFIXES.iter().any(|p| name.starts_with(p));
    if family || RESERVED_HEADERS.contains(&name) {
        return Some("header is set by Waybill itself; leave it out");
    }
    None
}

/// What is wrong with a header's value, without showing it.
fn refuse_value(value: &str) -> Option<&'static str> {
    if value.bytes().any(|b| b != b'\t' && b.is_ascii_control()) {
        return Some("value holds a control character; a variable may end in a line break");
    }
    if !value.is_ascii() {
        return Some("value must be ASCII");
    }
    if value.trim() != value {
        return Some("value begins or ends in a space");
    }
    (value.len() > HEADER_VALUE_MAX).then_some("value is longer than 8 KiB")
}

/// Reads `statuses`.
fn statuses(node: &Node, path: &str, faults: &mut Faults) -> StatusOverrides {
    let mut overrides = StatusOverrides::default();
    let known = ["delivered", "rejected", "transient"];
    let Some(fields) = Fields::open(node, path, &known, faults) else {
        return overrides;
    };
    let classes = [
        ("delivered", StatusClass::Delivered),
        ("rejected", StatusClass::Rejected),
        ("transient", StatusClass::Transient),
    ];
    for (name, class) in classes {
        let Some(node) = fields.get(name) else {
            continue;
        };
        let path = join(path, name);
        let Value::List(entries) = &node.value else {
            faults.wrong_kind::<()>(&path, node, "a list of statuses");
            continue;
        };
        for (index, entry) in entries.iter().enumerate() {
            let path = format!("{path}[{index}]");
            let status = entry.value.as_integer().and_then(|n| u16::try_from(n).ok());
            let Some(status) = status.filter(|status| (200..=599).contains(status)) else {
                faults.refuse::<()>(&path, entry, "must be a status from 200 to 599");
                continue;
            };
            if !overrides.set(status, class) {
                let message = format!("status {status} is listed twice; it can mean one thing");
                faults.add(&path, entry.at, message);
            }
        }
    }
    overrides
}
