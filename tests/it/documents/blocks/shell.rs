//! Shell text as the commands in it: as much of the grammar as pages use. What it does not know
//! (`if`, `for`, here-documents) comes out as a program by that name, which no page may use.

use std::iter::Peekable;
use std::str::Chars;

/// Every simple command, without quotes, redirections and what it sets first; those within `$(…)`
/// come before the one around them, where `$()` stands for them.
pub(super) fn commands(text: &str) -> Vec<Vec<String>> {
    let mut reader = Reader {
        rest: text.chars().peekable(),
        found: Vec::new(),
    };
    reader.list(None);
    reader.found
}

/// Where reading stands, and what was found.
struct Reader<'a> {
    rest: Peekable<Chars<'a>>,
    found: Vec<Vec<String>>,
}

/// A command that is being read.
#[derive(Default)]
struct Open {
    words: Vec<String>,
    word: Option<String>,
    redirects: bool,
}

impl Open {
    fn push(&mut self, c: char) {
        self.word.get_or_insert_default().push(c);
    }

    /// Ends the word that is being read, if there is one.
    fn end_word(&mut self) {
        let Some(word) = self.word.take() else { return };
        let sets = word
            .split_once('=')
            .is_some_and(|(name, _)| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'));
        if std::mem::take(&mut self.redirects) || self.words.is_empty() && sets {
            return;
        }
        self.words.push(word);
    }
}

impl Reader<'_> {
    /// Reads commands to the end of the text, or to what closes them.
    fn list(&mut self, closed_by: Option<char>) {
        let mut open = Open::default();
        while let Some(c) = self.rest.next() {
            match c {
                _ if Some(c) == closed_by => break,
                '\\' => {
                    let next = self.rest.next();
                    next.filter(|next| *next != '\n')
                        .inspect(|next| open.push(*next));
                }
                '\'' => {
                    open.word.get_or_insert_default();
                    while let Some(c) = self.rest.next_if(|c| *c != '\'') {
                        open.push(c);
                    }
                    self.rest.next();
                }
                '"' => self.double_quoted(&mut open),
                '$' if self.rest.next_if_eq(&'(').is_some() => self.nested(&mut open),
                '#' if open.word.is_none() => while self.rest.next_if(|c| *c != '\n').is_some() {},
                '\n' | ';' | '|' | '&' => self.end(&mut open),
                '{' | '}' if open.word.is_none() => self.end(&mut open),
                '>' | '<' => self.redirection(&mut open),
                c if c.is_whitespace() => open.end_word(),
                c => open.push(c),
            }
        }
        self.end(&mut open);
    }

    /// What stands between double quotes, the first of which was read.
    fn double_quoted(&mut self, open: &mut Open) {
        open.word.get_or_insert_default();
        while let Some(c) = self.rest.next() {
            match c {
                '"' => break,
                '\\' => {
                    let next = self.rest.next();
                    next.filter(|next| *next != '\n')
                        .inspect(|next| open.push(*next));
                }
                '$' if self.rest.next_if_eq(&'(').is_some() => self.nested(open),
                c => open.push(c),
            }
        }
    }

    /// A `>` or `<`, which was read: what stands before it may be a number, and the next word is
    /// none of the command's.
    fn redirection(&mut self, open: &mut Open) {
        let number = |word: &String| word.chars().all(|c| c.is_ascii_digit());
        open.word.take_if(|word| number(word));
        open.end_word();
        while self.rest.next_if(|c| matches!(c, '>' | '&')).is_some() {}
        open.redirects = true;
    }

    /// The commands of a `$(`, which was read.
    fn nested(&mut self, open: &mut Open) {
        self.list(Some(')'));
        open.word.get_or_insert_default().push_str("$()");
    }

    /// Ends the command that is being read, if there is one.
    fn end(&mut self, open: &mut Open) {
        open.end_word();
        let words = std::mem::take(&mut open.words);
        if !words.is_empty() {
            self.found.push(words);
        }
    }
}

#[test]
fn commands_are_found_wherever_they_stand() {
    let text = r#"
A=1 B='x y' one "two $(three 'f our')" five\
  # no command; not | one
out() { six --a="b c" 2>&1; } # nor this
export X=$(seven a) Y=$(eight)
nine <in >out | ten && eleven || twelve 'a|b' ''
"#;
    let found: Vec<_> = commands(text).iter().map(|words| words.join("~")).collect();
    let expected = [
        "three~f our",
        "one~two $()~five",
        "out()",
        "six~--a=b c",
        "seven~a",
        "eight",
        "export~X=$()~Y=$()",
        "nine",
        "ten",
        "eleven",
        "twelve~a|b~",
    ];
    assert_eq!(found, expected);
}
