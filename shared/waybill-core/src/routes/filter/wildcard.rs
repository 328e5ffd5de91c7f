//! Text with `*` for any run of characters, none included.

/// A pattern with any number of `*`. Each piece between two of them is found where it first
/// occurs, which is never worse than any later place: so a match takes time by the length of the
/// text, however many `*` there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wildcard {
    /// What the text begins with; the whole of it when `last` is `None`.
    first: String,
    /// What follows in this order, with anything between.
    middle: Vec<String>,
    /// What the text ends in, when there is a `*` at all.
    last: Option<String>,
}

impl Wildcard {
    /// Reads a pattern, in which `\*` is an asterisk and `\\` a backslash; the error is the fault
    /// and its remedy.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        let mut pieces = Vec::new();
        let mut piece = String::new();
        let mut after_star = false;
        let mut chars = text.chars();
        while let Some(char) = chars.next() {
            match char {
                '*' if after_star => return Err("has `**`; one `*` stands for any run already"),
                '*' => pieces.push(std::mem::take(&mut piece)),
                '\\' => match chars.next() {
                    Some(escaped @ ('*' | '\\')) => piece.push(escaped),
                    Some(_) | None => {
                        return Err("has a `\\` before neither `*` nor `\\`; write `\\\\` for one");
                    }
                },
                char => piece.push(char),
            }
            after_star = char == '*';
        }
        let mut pieces = pieces.into_iter();
        Ok(match pieces.next() {
            None => Self {
                first: piece,
                middle: Vec::new(),
                last: None,
            },
            Some(first) => Self {
                first,
                middle: pieces.collect(),
                last: Some(piece),
            },
        })
    }

    /// Whether the whole text is matched.
    pub(super) fn matches(&self, text: &str) -> bool {
        let Some(rest) = text.strip_prefix(self.first.as_str()) else {
            return false;
        };
        let Some(last) = &self.last else {
            return rest.is_empty();
        };
        let Some(rest) = rest.strip_suffix(last.as_str()) else {
            return false;
        };
        let found = self.middle.iter().try_fold(rest, |rest, piece| {
            rest.split_once(piece.as_str()).map(|(_, after)| after)
        });
        found.is_some()
    }
}
