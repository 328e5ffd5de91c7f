//! The plain way to rewrite JSON: by it stored digests were made.

use std::fmt::Write;

use serde::de::IgnoredAny;

/// Deepest nesting that is rewritten; [`crate::envelope`] lets no deeper JSON in.
const DEPTH_MAX: usize = 128;

/// Rewrites JSON without white space, members sorted by the bytes of their written name (equal
/// names stay in order), strings with no escape that they do not need, numbers as they are.
/// `None` for what is no JSON, or nested deeper than 128.
pub(crate) fn canonical(text: &str) -> Option<String> {
    rewrite(text, Halves::Kept)
}

/// The same, with U+FFFD for each half of a surrogate pair that lacks its other half. Producers
/// that cut text by UTF-16 units write such halves, and no Rust string can hold them.
pub(crate) fn repaired(text: &str) -> Option<String> {
    rewrite(text, Halves::Replaced)
}

/// What becomes of halves of surrogate pairs.
#[derive(Clone, Copy)]
enum Halves {
    Kept,
    Replaced,
}

/// Rewrites a text that is JSON.
fn rewrite(text: &str, halves: Halves) -> Option<String> {
    serde_json::from_str::<IgnoredAny>(text).ok()?;
    let mut out = String::with_capacity(text.len());
    Reader { rest: text, halves }.value(&mut out, DEPTH_MAX)?;
    Some(out)
}

/// What is left to read of a text that is known to be JSON.
struct Reader<'a> {
    rest: &'a str,
    halves: Halves,
}

impl<'a> Reader<'a> {
    /// Rewrites the next value.
    fn value(&mut self, out: &mut String, depth: usize) -> Option<()> {
        match self.peek()? {
            b'{' => self.object(out, depth.checked_sub(1)?),
            b'[' => self.list(out, depth.checked_sub(1)?),
            b'"' => self.string(out),
            _ => {
                let end = self.rest.bytes().position(|b| b",]} \t\n\r".contains(&b));
                out.push_str(self.take(end.unwrap_or(self.rest.len()))?);
                Some(())
            }
        }
    }

    /// Rewrites an object.
    fn object(&mut self, out: &mut String, depth: usize) -> Option<()> {
        self.take(1)?;
        let mut members = Vec::new();
        while self.peek()? != b'}' {
            let (mut name, mut value) = (String::new(), String::new());
            self.string(&mut name)?;
            self.peek()?;
            self.take(1)?;
            self.value(&mut value, depth)?;
            members.push((name, value));
            self.comma()?;
        }
        self.take(1)?;
        members.sort_by(|(one, _), (other, _)| one.cmp(other));
        let mut comma = "{";
        for (name, value) in &members {
            for piece in [comma, name, ":", value] {
                out.push_str(piece);
            }
            comma = ",";
        }
        out.push_str(if members.is_empty() { "{}" } else { "}" });
        Some(())
    }

    /// Rewrites a list.
    fn list(&mut self, out: &mut String, depth: usize) -> Option<()> {
        self.take(1)?;
        let mut comma = "";
        out.push('[');
        while self.peek()? != b']' {
            out.push_str(comma);
            self.value(out, depth)?;
            self.comma()?;
            comma = ",";
        }
        self.take(1)?;
        out.push(']');
        Some(())
    }

    /// Rewrites a string, quotes included.
    fn string(&mut self, out: &mut String) -> Option<()> {
        self.peek()?;
        self.take(1)?;
        out.push('"');
        loop {
            let plain = self.rest.bytes().position(|b| b == b'"' || b == b'\\')?;
            out.push_str(self.take(plain)?);
            if self.take(1)? == "\"" {
                out.push('"');
                return Some(());
            }
            self.escape(out)?;
        }
    }

    /// Rewrites what follows a backslash.
    fn escape(&mut self, out: &mut String) -> Option<()> {
        let letter = self.take(1)?;
        let unit = match letter {
            "b" => 0x08,
            "f" => 0x0c,
            "n" => 0x0a,
            "r" => 0x0d,
            "t" => 0x09,
            "u" => self.unit()?,
            other => u16::from(*other.as_bytes().first()?),
        };
        let low = self.rest.strip_prefix("\\u").and_then(|rest| rest.get(..4));
        let low = low
            .and_then(|digits| u16::from_str_radix(digits, 16).ok())
            .filter(|low| (0xd800..0xdc00).contains(&unit) && (0xdc00..0xe000).contains(low));
        if low.is_some() {
            self.take(6)?;
        }
        for read in char::decode_utf16([unit].into_iter().chain(low)) {
            match read.map_err(|half| (half.unpaired_surrogate(), self.halves)) {
                Ok(letter @ ('"' | '\\')) => write!(out, "\\{letter}"),
                Ok(letter @ '\0'..'\x20') => write!(out, "\\u{:04x}", u32::from(letter)),
                Ok(letter) => write!(out, "{letter}"),
                Err((half, Halves::Kept)) => write!(out, "\\u{half:04x}"),
                Err((_, Halves::Replaced)) => write!(out, "{}", char::REPLACEMENT_CHARACTER),
            }
            .ok()?;
        }
        Some(())
    }

    /// Reads four hexadecimal digits.
    fn unit(&mut self) -> Option<u16> {
        u16::from_str_radix(self.take(4)?, 16).ok()
    }

    /// Skips white space and at most one comma.
    fn comma(&mut self) -> Option<()> {
        if self.peek()? == b',' {
            self.take(1)?;
        }
        Some(())
    }

    /// The next byte that is no white space.
    fn peek(&mut self) -> Option<u8> {
        let space = |b: &u8| b" \t\n\r".contains(b);
        let spaces = self.rest.bytes().take_while(space).count();
        self.take(spaces)?;
        self.rest.bytes().next()
    }

    /// Takes that many bytes.
    fn take(&mut self, length: usize) -> Option<&'a str> {
        let (taken, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(taken)
    }
}
