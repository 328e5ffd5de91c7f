//! One text for all the ways to write the same JSON.
//!
//! It rewrites text into text and reads no number, so that neither the length of a number nor
//! the features that another crate switches on in `serde_json` can change a stored digest.
//!
//! What is rewritten goes out in pieces of the text, and only the members of the objects that are
//! open are held, so that to hash it takes no copy of it.

use std::borrow::Cow;
use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use crate::json::{self, Outline};

/// Rewrites JSON without white space, members sorted by the bytes of their written name (equal
/// names stay in order), strings with no escape that they do not need, numbers as they are.
/// `None` for what is no JSON, or nested deeper than 128.
pub(crate) fn canonical(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    rewrite(text, Halves::Kept, &mut out)?;
    Some(out)
}

/// The same, with U+FFFD for each half of a surrogate pair that lacks its other half. Producers
/// that cut text by UTF-16 units write such halves, and no Rust string can hold them.
pub(crate) fn repaired(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    rewrite(text, Halves::Replaced, &mut out)?;
    Some(out)
}

/// The SHA-256 of what [`canonical`] makes.
pub(super) fn hash(text: &str) -> Option<[u8; 32]> {
    let mut out = Hashed {
        hasher: Sha256::new(),
        pending: String::with_capacity(PENDING_MAX),
    };
    rewrite(text, Halves::Kept, &mut out)?;
    out.hasher.update(&out.pending);
    Some(out.hasher.finalize().into())
}

/// What becomes of halves of surrogate pairs.
#[derive(Clone, Copy)]
enum Halves {
    Kept,
    Replaced,
}

/// Where what is rewritten goes.
trait Out {
    /// Takes the next piece.
    fn push(&mut self, piece: &str);
}

impl Out for String {
    fn push(&mut self, piece: &str) {
        self.push_str(piece);
    }
}

/// A hash that is given few long pieces for many short ones.
struct Hashed {
    hasher: Sha256,
    pending: String,
}

/// How many bytes are hashed at once.
const PENDING_MAX: usize = 4096;

impl Out for Hashed {
    fn push(&mut self, piece: &str) {
        if self.pending.len() + piece.len() > PENDING_MAX {
            self.hasher.update(&self.pending);
            self.pending.clear();
        }
        if piece.len() > PENDING_MAX {
            self.hasher.update(piece);
        } else {
            self.pending.push_str(piece);
        }
    }
}

/// Rewrites a text that is JSON.
fn rewrite(text: &str, halves: Halves, out: &mut impl Out) -> Option<()> {
    let outline = Outline::of(text)?;
    let reader = Reader {
        text,
        outline,
        at: 0,
        group: 0,
        members: Vec::new(),
        halves,
        out,
    };
    reader.finish()
}

/// A text that is known to be JSON, and how far it is read.
struct Reader<'a, O> {
    text: &'a str,
    outline: Outline,
    /// How far the text is read.
    at: usize,
    /// The number of the next list or object.
    group: usize,
    /// The members of all objects that are open, those of the innermost last.
    members: Vec<Member<'a>>,
    halves: Halves,
    out: &'a mut O,
}

/// A member of an object that is open.
struct Member<'a> {
    /// Its name as it is written.
    name: Cow<'a, str>,
    /// Where its value begins.
    at: usize,
    /// The number of the first list or object from there on.
    group: usize,
}

/// A string as it stands in the text, its quotes included.
struct Quoted<'a> {
    text: &'a str,
    has_escapes: bool,
}

impl<'a, O: Out> Reader<'a, O> {
    /// Rewrites the whole text.
    fn finish(mut self) -> Option<()> {
        self.value()
    }

    /// Rewrites the next value.
    fn value(&mut self) -> Option<()> {
        match self.peek()? {
            b'{' => self.object(),
            b'[' => self.list(),
            b'"' => {
                let written = written(&self.quoted()?, self.halves)?;
                self.out.push(&written);
                Some(())
            }
            _ => {
                let word = self.word()?;
                self.out.push(word);
                Some(())
            }
        }
    }

    /// Rewrites an object.
    fn object(&mut self) -> Option<()> {
        let behind = self.outline.group(self.group)?;
        let first = self.members.len();
        self.at += 1;
        self.group += 1;
        while self.peek()? != b'}' {
            self.member()?;
        }
        let members = self.members.get_mut(first..)?;
        members.sort_unstable_by(|one, other| (&one.name, one.at).cmp(&(&other.name, other.at)));
        let end = self.members.len();
        self.out.push("{");
        for number in first..end {
            let member = self.members.get(number)?;
            let comma = if number > first { "," } else { "" };
            for piece in [comma, &member.name, ":"] {
                self.out.push(piece);
            }
            (self.at, self.group) = (member.at, member.group);
            self.value()?;
        }
        self.out.push("}");
        self.members.truncate(first);
        (self.at, self.group) = (behind.end, behind.next);
        Some(())
    }

    /// Notes a member, and passes it and the comma behind it.
    fn member(&mut self) -> Option<()> {
        let name = written(&self.quoted()?, self.halves)?;
        // The colon.
        self.peek()?;
        self.at += 1;
        let next = self.peek()?;
        self.members.push(Member {
            name,
            at: self.at,
            group: self.group,
        });
        match next {
            b'{' | b'[' => {
                let behind = self.outline.group(self.group)?;
                (self.at, self.group) = (behind.end, behind.next);
            }
            b'"' => {
                self.quoted()?;
            }
            _ => {
                self.word()?;
            }
        }
        self.comma()
    }

    /// Rewrites a list.
    fn list(&mut self) -> Option<()> {
        self.at += 1;
        self.group += 1;
        self.out.push("[");
        let mut comma = "";
        while self.peek()? != b']' {
            self.out.push(comma);
            self.value()?;
            self.comma()?;
            comma = ",";
        }
        self.at += 1;
        self.out.push("]");
        Some(())
    }

    /// Takes a string.
    fn quoted(&mut self) -> Option<Quoted<'a>> {
        let bytes = self.text.as_bytes();
        let (start, mut has_escapes) = (self.at, false);
        self.at += 1;
        loop {
            self.at += json::plain(bytes.get(self.at..)?);
            if bytes.get(self.at)? == &b'"' {
                break;
            }
            has_escapes = true;
            self.at += 2;
        }
        self.at += 1;
        let text = self.text.get(start..self.at)?;
        Some(Quoted { text, has_escapes })
    }

    /// Takes a number, or a word as `true`.
    fn word(&mut self) -> Option<&'a str> {
        let rest = self.text.get(self.at..)?;
        let end = rest.bytes().position(|b| b",]} \t\n\r".contains(&b));
        let word = rest.get(..end.unwrap_or(rest.len()))?;
        self.at += word.len();
        Some(word)
    }

    /// Skips white space and at most one comma.
    fn comma(&mut self) -> Option<()> {
        if self.peek()? == b',' {
            self.at += 1;
        }
        Some(())
    }

    /// The next byte that is no white space.
    fn peek(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        self.at += json::spaces(bytes.get(self.at..)?);
        bytes.get(self.at).copied()
    }
}

/// A string as it is written, quotes included: the text itself where that has no escapes.
fn written<'a>(quoted: &Quoted<'a>, halves: Halves) -> Option<Cow<'a, str>> {
    if !quoted.has_escapes {
        return Some(Cow::Borrowed(quoted.text));
    }
    let mut out = String::with_capacity(quoted.text.len());
    let mut rest = quoted.text;
    while let Some((plain, after)) = rest.split_once('\\') {
        out.push_str(plain);
        let escape = json::escape(after)?;
        rest = escape.rest;
        // Writing to a string cannot fail.
        let _ = match (escape.letter, halves) {
            (Ok(letter @ ('"' | '\\')), _) => write!(out, "\\{letter}"),
            (Ok(letter @ '\0'..'\x20'), _) => write!(out, "\\u{:04x}", u32::from(letter)),
            (Ok(letter), _) => {
                out.push(letter);
                Ok(())
            }
            (Err(half), Halves::Kept) => write!(out, "\\u{half:04x}"),
            (Err(_), Halves::Replaced) => {
                out.push(char::REPLACEMENT_CHARACTER);
                Ok(())
            }
        };
    }
    out.push_str(rest);
    Some(Cow::Owned(out))
}

#[cfg(test)]
mod tests;
