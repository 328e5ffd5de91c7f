//! What people and scripts are shown.

use std::borrow::Cow;
use std::io::{self, BufRead, IsTerminal, Write};
use std::ops::ControlFlow;
use std::time::Duration;

use clap::builder::styling::Style;
use comfy_table::presets::NOTHING;
use comfy_table::{ContentArrangement, Table};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::failure::Failure;

/// What stdout is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Output {
    /// People.
    Text,
    /// Scripts: JSON alone; what people are told goes to stderr.
    Json,
}

impl Output {
    /// JSON where it is wanted.
    pub(crate) fn of(json: bool) -> Self {
        match json {
            true => Self::Json,
            false => Self::Text,
        }
    }
}

/// Whether what people are shown has colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Colour {
    /// On a terminal that takes them.
    On,
    /// Elsewhere, and where `NO_COLOR` is set.
    Off,
}

impl Colour {
    /// As stdout and `NO_COLOR` have it.
    pub(crate) fn of_stdout() -> Self {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|said| said.is_empty());
        match io::stdout().is_terminal() && wanted {
            true => Self::On,
            false => Self::Off,
        }
    }

    /// A text in a style.
    pub(crate) fn paint(self, style: Style, text: &str) -> String {
        match self {
            Self::On => format!("{style}{text}{style:#}"),
            Self::Off => text.to_owned(),
        }
    }
}

/// How many columns stdout has, where it is a terminal.
pub(crate) fn width() -> Option<u16> {
    let size = io::stdout()
        .is_terminal()
        .then(terminal_size::terminal_size);
    size.flatten().map(|(width, _)| width.0)
}

/// Writes a line to stderr; a stderr that is gone is no reason to stop.
pub(crate) fn say(line: impl AsRef<str>) {
    let mut stderr = io::stderr().lock();
    let _ = writeln!(stderr, "{}", harmless(line.as_ref()));
}

/// Writes a line to stdout. A reader that has gone, as a pager does, has seen enough.
pub(crate) fn print(line: impl AsRef<str>) -> Result<(), Failure> {
    print_on(line).map(|_| ())
}

/// The same, where more is to come: a reader that has gone breaks it off.
pub(crate) fn print_on(line: impl AsRef<str>) -> Result<ControlFlow<()>, Failure> {
    written(&harmless(line.as_ref()))
}

/// Writes a text whose styles, and nothing else in it, a terminal may obey.
pub(crate) fn print_styled(text: &str) -> Result<(), Failure> {
    written(&styled_only(text)).map(|_| ())
}

/// Writes a line to stdout as it stands.
fn written(line: &str) -> Result<ControlFlow<()>, Failure> {
    let mut stdout = io::stdout().lock();
    match writeln!(stdout, "{line}") {
        Ok(()) => Ok(ControlFlow::Continue(())),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(ControlFlow::Break(())),
        Err(error) => Err(Failure::new(format!("cannot write to stdout: {error}"))),
    }
}

/// A text without what a terminal would obey: bodies, keys and answers come from outside.
pub(crate) fn harmless(text: &str) -> Cow<'_, str> {
    let obeyed = |c: char| c.is_control() && !['\n', '\t'].contains(&c);
    if !text.contains(obeyed) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match obeyed(c) {
            true => shown.extend(c.escape_unicode()),
            false => shown.push(c),
        }
    }
    Cow::Owned(shown)
}

/// A text without what a terminal would obey, but for styles: `ESC [`, digits and `;`, `m`.
fn styled_only(text: &str) -> String {
    let mut parts = text.split("\u{1b}[");
    let mut shown = harmless(parts.next().unwrap_or_default()).into_owned();
    for part in parts {
        let after = part.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';');
        match after.starts_with('m') {
            true => shown.push_str("\u{1b}["),
            false => shown.push_str(&harmless("\u{1b}[")),
        }
        shown.push_str(&harmless(part));
    }
    shown
}

/// Asks on stderr whether to go on, and reads the answer; `yes` has answered already (`--yes`).
///
/// Without a terminal nobody can be asked, and nothing is done that nobody allowed: a failure.
pub(crate) fn confirm(question: &str, yes: bool) -> Result<bool, Failure> {
    if yes {
        return Ok(true);
    }
    if !io::stdin().is_terminal() {
        return Err(Failure::new(format!(
            "not confirmed: {question} There is no terminal to ask at; give --yes"
        )));
    }
    asked(question, &mut io::stderr().lock(), &mut io::stdin().lock())
}

/// Asks there and reads the answer here. No answer is a no.
fn asked(question: &str, to: &mut impl Write, from: &mut impl BufRead) -> Result<bool, Failure> {
    let failed = |error| {
        Failure::new(format!(
            "not confirmed: the terminal cannot be used: {error}"
        ))
    };
    write!(to, "{question} [y/N] ")
        .and_then(|()| to.flush())
        .map_err(failed)?;
    let mut answer = String::new();
    from.read_line(&mut answer).map_err(failed)?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}

/// Rows below a header, without borders. Cells are broken to the width of the terminal, where
/// stdout is one; elsewhere each row is one line, as `grep` wants it.
pub(crate) fn table(header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    table_of(header, rows, width())
}

/// The same for a width.
fn table_of(
    header: &[&str],
    rows: impl IntoIterator<Item = Vec<String>>,
    width: Option<u16>,
) -> String {
    let mut table = Table::new();
    table.load_preset(NOTHING).set_header(header).add_rows(rows);
    match width {
        Some(width) => table
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_width(width),
        None => table.set_content_arrangement(ContentArrangement::Disabled),
    };
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.trim_fmt()
}

/// How long, in the two largest units: `3 d 4 h`; below a second in milliseconds.
pub(crate) fn duration(long: Duration) -> String {
    let seconds = long.as_secs();
    let units = [("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)];
    let Some(largest) = units.iter().position(|(_, unit)| seconds >= *unit) else {
        return format!("{} ms", long.as_millis());
    };
    let mut left = seconds;
    let two = units
        .iter()
        .skip(largest)
        .take(2)
        .filter_map(|(name, unit)| {
            let whole = left / unit;
            left %= unit;
            (whole > 0).then(|| format!("{whole} {name}"))
        });
    two.collect::<Vec<_>>().join(" ")
}

/// A count, its thousands apart: `10,200,063`.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// How far something is, on stderr; hidden where stderr is no terminal. Without a total it counts.
pub(crate) fn bar(total: Option<u64>, what: &'static str) -> ProgressBar {
    let known = "{msg} {wide_bar} {human_pos} of {human_len}, {eta} left";
    styled(total, known, "{msg} {spinner} {human_pos}, {elapsed}").with_message(what)
}

/// The same for the bytes of a file.
pub(crate) fn bytes_bar(total: u64, what: &'static str) -> ProgressBar {
    let known = "{msg} {wide_bar} {bytes} of {total_bytes}, {eta} left";
    styled(Some(total), known, "").with_message(what)
}

/// A bar by one of two templates.
fn styled(total: Option<u64>, known: &str, unknown: &str) -> ProgressBar {
    let template = total.map_or(unknown, |_| known);
    let style = ProgressStyle::with_template(template);
    let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr()).with_style(style)
}

#[cfg(test)]
mod tests;
