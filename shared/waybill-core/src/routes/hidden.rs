//! Values that no log, error or debug output shows (F66).

use std::fmt;

/// An absolute `http:` or `https:` URL of printable ASCII, without user information or fragment.
/// Its path may be a secret, as those of many webhooks are: only the origin is ever shown (F66).
#[derive(Clone, PartialEq, Eq)]
pub struct TargetUrl(String);

/// Text that no log, error or debug output shows (F66).
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

/// Longest URL, in bytes.
const URL_MAX: usize = 8 * 1024;

impl TargetUrl {
    /// Takes a URL; the error says what is wrong with it without showing it.
    ///
    /// # Errors
    ///
    /// When it is not what the type says, or longer than 8 KiB.
    pub fn new(url: impl Into<String>) -> Result<Self, &'static str> {
        let url = url.into();
        if url.len() > URL_MAX {
            return Err("url is longer than 8 KiB");
        }
        if !url.bytes().all(|b| b.is_ascii_graphic()) {
            return Err("url must be printable ASCII without spaces: percent-encode the rest");
        }
        let lower = url.to_ascii_lowercase();
        let rest = ["https://", "http://"]
            .iter()
            .find_map(|scheme| lower.strip_prefix(scheme));
        let Some(rest) = rest else {
            return Err("url must begin with `https://` (or `http://`, for local runs)");
        };
        if url.contains(['\\', '#']) {
            return Err("url must have neither `\\` nor a fragment");
        }
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let authority = rest.get(..end).unwrap_or_default();
        if authority.contains('@') {
            return Err("url must not hold a user or password: use an `authorization` header");
        }
        if authority.is_empty() || authority.starts_with(':') {
            return Err("url names no host");
        }
        Ok(Self(url))
    }

    /// The URL, which may be a secret.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Scheme, host and port: what may be shown.
    pub fn origin(&self) -> &str {
        let start = self.0.find("://").map_or(0, |at| at + 3);
        let rest = self.0.get(start..).unwrap_or_default();
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        self.0.get(..start + end).unwrap_or_default()
    }
}

impl Secret {
    /// Takes a secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The secret itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for TargetUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/[redacted]", self.origin())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}
