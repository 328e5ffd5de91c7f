//! JSON text, looked at and never taken apart: what is as large as a message is neither copied nor
//! held as a tree to learn something about it.

/// Where each list and object of a JSON text ends, and what else one look tells.
pub(crate) struct Outline {
    /// Every list and object, in the order of their beginnings.
    groups: Vec<Group>,
    /// Whether the text is of the kind that every reader of JSON can hold.
    is_plain: bool,
}

/// A list or an object.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Group {
    /// Where the text goes on behind it.
    pub(crate) end: usize,
    /// The number of the first group behind it.
    pub(crate) next: usize,
}

impl Outline {
    /// Looks at a text; `None` for what is no JSON, or nested deeper than [`DEPTH_MAX`].
    pub(crate) fn of(text: &str) -> Option<Self> {
        let outline = Self {
            groups: Vec::new(),
            is_plain: true,
        };
        let mut look = Look {
            bytes: text.as_bytes(),
            at: 0,
            outline,
        };
        look.value(DEPTH_MAX)?;
        look.peek().is_none().then_some(look.outline)
    }

    /// Whether it is certain that every reader can hold the text: it is nested no deeper than 127,
    /// and has no number with an exponent, none of hundreds of digits, and no half of a surrogate
    /// pair alone. Of the rest some can be held.
    pub(crate) fn is_plain(&self) -> bool {
        self.is_plain
    }

    /// The list or object of this number.
    pub(crate) fn group(&self, number: usize) -> Option<Group> {
        self.groups.get(number).copied()
    }
}

/// Deepest nesting that is looked at; [`crate::envelope`] lets no deeper JSON in.
pub(crate) const DEPTH_MAX: usize = 128;

/// Longest number that no float is too small for: the greatest has 309 digits.
const NUMBER_MAX: usize = 300;

/// A look at a text, from its beginning to its end.
struct Look<'a> {
    bytes: &'a [u8],
    at: usize,
    outline: Outline,
}

impl Look<'_> {
    /// Passes a value.
    fn value(&mut self, depth: usize) -> Option<()> {
        match self.peek()? {
            b'{' => self.group(b'}', depth),
            b'[' => self.group(b']', depth),
            b'"' => self.string(),
            b't' => self.word(b"true"),
            b'f' => self.word(b"false"),
            b'n' => self.word(b"null"),
            _ => self.number(),
        }
    }

    /// Passes a list or an object that ends with this byte.
    fn group(&mut self, close: u8, depth: usize) -> Option<()> {
        let depth = depth.checked_sub(1)?;
        self.outline.is_plain &= depth > 0;
        let number = self.outline.groups.len();
        self.outline.groups.push(Group { end: 0, next: 0 });
        self.at += 1;
        let mut next = self.peek()?;
        if next == close {
            self.at += 1;
        }
        while next != close {
            if close == b'}' {
                self.name()?;
            }
            self.value(depth)?;
            next = self.peek()?;
            self.at += 1;
            if next != b',' && next != close {
                return None;
            }
        }
        *self.outline.groups.get_mut(number)? = Group {
            end: self.at,
            next: self.outline.groups.len(),
        };
        Some(())
    }

    /// Passes a member's name and the colon behind it.
    fn name(&mut self) -> Option<()> {
        if self.peek()? != b'"' {
            return None;
        }
        self.string()?;
        let colon = self.peek()?;
        self.at += 1;
        (colon == b':').then_some(())
    }

    /// Passes a string.
    fn string(&mut self) -> Option<()> {
        self.at += 1;
        loop {
            self.at += plain(self.bytes.get(self.at..)?);
            match self.byte()? {
                b'"' => return Some(()),
                b'\\' => self.escape()?,
                _ => return None,
            }
        }
    }

    /// Passes what follows a backslash.
    fn escape(&mut self) -> Option<()> {
        match self.byte()? {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => return Some(()),
            b'u' => {}
            _ => return None,
        }
        let unit = unit(self.bytes.get(self.at..)?)?;
        self.at += 4;
        if !(0xd800..0xe000).contains(&unit) {
            return Some(());
        }
        let rest = self.bytes.get(self.at..)?;
        match low_half(unit, rest) {
            Some(_) => self.at += 6,
            None => self.outline.is_plain = false,
        }
        Some(())
    }

    /// Passes a number.
    fn number(&mut self) -> Option<()> {
        let start = self.at;
        if self.bytes.get(self.at) == Some(&b'-') {
            self.at += 1;
        }
        if self.bytes.get(self.at) == Some(&b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.bytes.get(self.at) == Some(&b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.bytes.get(self.at) {
            self.outline.is_plain = false;
            self.at += 1;
            if let Some(b'+' | b'-') = self.bytes.get(self.at) {
                self.at += 1;
            }
            self.digits()?;
        }
        self.outline.is_plain &= self.at - start <= NUMBER_MAX;
        Some(())
    }

    /// Passes one digit or more.
    fn digits(&mut self) -> Option<()> {
        let rest = self.bytes.get(self.at..)?;
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += digits;
        (digits > 0).then_some(())
    }

    /// Passes this word.
    fn word(&mut self, word: &[u8]) -> Option<()> {
        let is_there = self.bytes.get(self.at..)?.starts_with(word);
        self.at += word.len();
        is_there.then_some(())
    }

    /// The next byte, passed.
    fn byte(&mut self) -> Option<u8> {
        let byte = self.bytes.get(self.at).copied();
        self.at += 1;
        byte
    }

    /// The next byte that is no white space; white space is passed.
    fn peek(&mut self) -> Option<u8> {
        self.at += spaces(self.bytes.get(self.at..)?);
        self.bytes.get(self.at).copied()
    }
}

/// How much white space a text begins with.
pub(crate) fn spaces(bytes: &[u8]) -> usize {
    let is_space = |byte: &&u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
    bytes.iter().take_while(is_space).count()
}

/// How many bytes stand before the first that is a quote, a backslash or a control character: in
/// a string those mean something, and all others stand for themselves. Eight are looked at at once.
pub(crate) fn plain(bytes: &[u8]) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let (words, rest) = bytes.as_chunks::<8>();
    for (n, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let (quote, slash) = (word ^ (ONES * 0x22), word ^ (ONES * 0x5c));
        // A byte below a limit borrows, so that its highest bit is set; what is set above it may
        // be wrong, and the lowest that is set never is.
        let control = word.wrapping_sub(ONES * 0x20) & !word;
        let quote = quote.wrapping_sub(ONES) & !quote;
        let slash = slash.wrapping_sub(ONES) & !slash;
        let found = (control | quote | slash) & (ONES * 0x80);
        if found != 0 {
            return n * 8 + (found.trailing_zeros() / 8) as usize;
        }
    }
    let is_plain = |byte: &&u8| **byte >= 0x20 && !matches!(byte, b'"' | b'\\');
    words.len() * 8 + rest.iter().take_while(is_plain).count()
}

/// What an escape stands for.
pub(crate) struct Escape<'a> {
    /// A letter, or half of a surrogate pair that lacks its other half.
    pub(crate) letter: Result<char, u16>,
    /// What follows it.
    pub(crate) rest: &'a str,
}

/// Reads an escape, where this follows its backslash in a text that is JSON.
pub(crate) fn escape(text: &str) -> Option<Escape<'_>> {
    let (kind, rest) = text.split_at_checked(1)?;
    let letter = match kind {
        "b" => '\u{8}',
        "f" => '\u{c}',
        "n" => '\n',
        "r" => '\r',
        "t" => '\t',
        "u" => {
            let unit = unit(rest.as_bytes())?;
            let low = low_half(unit, rest.get(4..)?.as_bytes());
            let length = if low.is_some() { 10 } else { 4 };
            let mut letters = char::decode_utf16([unit].into_iter().chain(low));
            let letter = letters.next()?.map_err(|half| half.unpaired_surrogate());
            return Some(Escape {
                letter,
                rest: rest.get(length..)?,
            });
        }
        other => other.chars().next()?,
    };
    Some(Escape {
        letter: Ok(letter),
        rest,
    })
}

/// The content of a string as it stands in a JSON text, its quotes included. `None` for what is no
/// string, and where half of a surrogate pair is in it alone, which no `str` can hold.
pub(crate) fn content(quoted: &str) -> Option<String> {
    let mut rest = quoted.strip_prefix('"')?.strip_suffix('"')?;
    let mut content = String::with_capacity(rest.len());
    loop {
        let (plain, special) = rest.split_at_checked(plain(rest.as_bytes()))?;
        content.push_str(plain);
        let Some(after) = special.strip_prefix('\\') else {
            break;
        };
        let escape = escape(after)?;
        content.push(escape.letter.ok()?);
        rest = escape.rest;
    }
    content.shrink_to_fit();
    Some(content)
}

/// Reads four hexadecimal digits.
fn unit(bytes: &[u8]) -> Option<u16> {
    let mut unit = 0;
    for digit in bytes.get(..4)? {
        let digit = char::from(*digit).to_digit(16)?;
        unit = unit << 4 | u16::try_from(digit).ok()?;
    }
    Some(unit)
}

/// The second half of a surrogate pair, where the first is one and an escape follows that is the
/// second.
fn low_half(high: u16, rest: &[u8]) -> Option<u16> {
    if !(0xd800..0xdc00).contains(&high) {
        return None;
    }
    let low = unit(rest.strip_prefix(b"\\u")?)?;
    (0xdc00..0xe000).contains(&low).then_some(low)
}

#[cfg(test)]
pub(crate) mod tests;
