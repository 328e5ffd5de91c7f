//! Lines of a file that may be longer than memory; none is longer in memory than a message can be.

use std::io::{self, BufRead, Read};

use waybill_core::limit::SQS_MESSAGE_MAX;

/// One line that is not blank.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    /// Counted from 1, blank ones too.
    pub(crate) number: u64,
    /// How many bytes were read up to its end.
    pub(crate) read: u64,
    /// What stands in it.
    pub(crate) content: Content,
}

/// What stands in a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Content {
    /// These bytes, without white space around them.
    Bytes(Vec<u8>),
    /// More than a message can hold: so many bytes, which are gone.
    TooLong(u64),
}

/// The lines of a reader.
#[derive(Debug)]
pub(crate) struct Lines<R> {
    reader: R,
    number: u64,
    read: u64,
}

impl<R: BufRead> Lines<R> {
    /// All lines from here on.
    pub(crate) fn of(reader: R) -> Self {
        Self {
            reader,
            number: 0,
            read: 0,
        }
    }

    /// The next line, a blank one too.
    fn line(&mut self) -> io::Result<Option<Content>> {
        let mut bytes = Vec::new();
        let most = u64::try_from(LINE_MAX).unwrap_or(u64::MAX);
        let mut part = self.reader.by_ref().take(most);
        let length = part.read_until(b'\n', &mut bytes)?;
        if length == 0 {
            return Ok(None);
        }
        let mut length = u64::try_from(length).unwrap_or(u64::MAX);
        let is_whole = bytes.ends_with(b"\n") || length < most;
        if !is_whole {
            length = length.saturating_add(self.skip()?);
        }
        self.number += 1;
        self.read = self.read.saturating_add(length);
        if !is_whole {
            return Ok(Some(Content::TooLong(length)));
        }
        let text = match self.number {
            1 => bytes.strip_prefix(MARK).unwrap_or(&bytes),
            _ => &bytes,
        };
        Ok(Some(Content::Bytes(text.trim_ascii().to_vec())))
    }

    /// Leaves out the rest of a line; answers how long it was.
    fn skip(&mut self) -> io::Result<u64> {
        let mut skipped = 0_u64;
        loop {
            let there = match self.reader.fill_buf() {
                Ok(there) => there,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            let end = there.iter().position(|byte| *byte == b'\n');
            let length = end.map_or(there.len(), |at| at + 1);
            let is_over = end.is_some() || there.is_empty();
            self.reader.consume(length);
            skipped = skipped.saturating_add(u64::try_from(length).unwrap_or(u64::MAX));
            if is_over {
                return Ok(skipped);
            }
        }
    }
}

impl<R: BufRead> Iterator for Lines<R> {
    type Item = io::Result<Line>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let content = match self.line() {
                Ok(content) => content?,
                Err(error) => return Some(Err(error)),
            };
            if content != Content::Bytes(Vec::new()) {
                return Some(Ok(Line {
                    number: self.number,
                    read: self.read,
                    content,
                }));
            }
        }
    }
}

/// The longest line that is kept: a whole message and the line's end.
const LINE_MAX: usize = SQS_MESSAGE_MAX + 2;

/// What some programs begin a file with: UTF-8's byte order mark, which is no JSON.
const MARK: &[u8] = b"\xef\xbb\xbf";

#[cfg(test)]
mod tests;
