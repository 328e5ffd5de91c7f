//! The wait against the utilisation, drawn in blocks: how near the cliff a load is.

use std::time::Duration;

use clap::builder::styling::{AnsiColor, Style};
use waybill_core::capacity::erlang::Station;

use crate::screen::{self, Colour};

/// How wide it is where stdout is no terminal.
pub(super) const WIDTH: usize = 72;

/// What is drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Plot {
    /// The servers, and what comes to them now.
    pub(super) station: Station,
    /// The highest utilisation that is good.
    pub(super) good: f64,
}

impl Plot {
    /// The lines of it, no wider than that.
    pub(super) fn lines(&self, width: usize, colour: Colour) -> Vec<String> {
        let columns = width
            .min(WIDTH)
            .saturating_sub(LABEL + 1)
            .max(LEAST_COLUMNS);
        let waits: Vec<f64> = (0..columns).map(|at| self.wait(at, columns)).collect();
        let top = waits.iter().copied().fold(0.0, f64::max);
        if top <= 0.0 {
            return vec![format!(
                "99 in a hundred do not wait up to a utilisation of {:.0} %",
                TO * 100.0
            )];
        }
        let mut lines: Vec<String> = (0..HEIGHT)
            .rev()
            .map(|row| {
                let label = match row {
                    row if row + 1 == HEIGHT => told(top),
                    0 => told(0.0),
                    _ => String::new(),
                };
                let cells = waits.iter().map(|wait| block(wait / top, row)).collect();
                format!("{label:>LABEL$} {}", self.painted(cells, colour))
                    .trim_end()
                    .to_owned()
            })
            .collect();
        let left = format!("{:.0} %", FROM * 100.0);
        let right = format!("{:.0} %", TO * 100.0);
        let room = columns.saturating_sub(right.len());
        lines.push(format!("{:LABEL$} {left:<room$}{right}", ""));
        lines.push(self.pointer(columns));
        lines
    }

    /// The wait of 99 in a hundred at a column, in seconds.
    fn wait(&self, at: usize, columns: usize) -> f64 {
        let station = Station {
            rate_per_second: utilisation(at, columns) * self.station.capacity_per_second(),
            ..self.station
        };
        station.wait_seconds(0.99).unwrap_or(0.0)
    }

    /// A row in the colours of its columns: plain where it is good, yellow beyond, red at the end.
    fn painted(&self, cells: Vec<char>, colour: Colour) -> String {
        let columns = cells.len();
        let style = |at: usize| match utilisation(at, columns) {
            at if at <= self.good => Style::new(),
            at if at < NEARLY_FULL => AnsiColor::Yellow.on_default(),
            _ => AnsiColor::Red.on_default(),
        };
        let mut row = String::new();
        let mut run = String::new();
        let mut of = Style::new();
        for (at, cell) in cells.into_iter().enumerate() {
            if style(at) != of {
                row.push_str(&painted_run(&run, of, colour));
                run.clear();
                of = style(at);
            }
            run.push(cell);
        }
        row.push_str(&painted_run(&run, of, colour));
        row
    }

    /// Where the load is, below the axis.
    fn pointer(&self, columns: usize) -> String {
        let now = self.station.utilisation();
        let place = (0..columns).rfind(|at| utilisation(*at, columns) <= now);
        let said = format!("{:.1} % now", now * 100.0);
        let (mark, place) = match place {
            None => ("◀", 0),
            Some(_) if now > TO => ("▶", columns.saturating_sub(1)),
            Some(place) => ("▲", place),
        };
        let before = LABEL + 1 + place;
        match before > said.chars().count() + 1 {
            true => {
                let room = before.saturating_sub(said.chars().count() + 1);
                format!("{:room$}{said} {mark}", "")
            }
            false => format!("{:before$}{mark} {said}", ""),
        }
    }
}

/// A run of one style; spaces alone need none.
fn painted_run(run: &str, style: Style, colour: Colour) -> String {
    match run.trim().is_empty() || style == Style::new() {
        true => run.to_owned(),
        false => colour.paint(style, run),
    }
}

/// The utilisation at a column.
fn utilisation(at: usize, columns: usize) -> f64 {
    let whole = u32::try_from(columns.saturating_sub(1)).unwrap_or(u32::MAX);
    let at = u32::try_from(at).unwrap_or(u32::MAX);
    FROM + (TO - FROM) * f64::from(at) / f64::from(whole.max(1))
}

/// What of a column of this height, a part of one, stands in a row, counted from below.
fn block(height: f64, row: usize) -> char {
    let eighths = height * f64::from(ROWS) * 8.0;
    let below = f64::from(u32::try_from(row).unwrap_or(ROWS)) * 8.0;
    let here = (eighths - below).round().clamp(0.0, 8.0);
    let mut full = BLOCKS.iter().zip(0_u32..);
    let filled = full.find(|(_, n)| f64::from(*n) >= here);
    filled.map_or(' ', |(block, _)| *block)
}

/// A wait as it stands at the axis.
fn told(seconds: f64) -> String {
    match Duration::try_from_secs_f64(seconds) {
        Ok(long) if long.is_zero() => "0".to_owned(),
        Ok(long) if seconds < 10.0 => format!("{} ms", long.as_millis()),
        Ok(long) => screen::duration(long),
        Err(_) => "ages".to_owned(),
    }
}

/// What a cell may be filled with, in eighths.
const BLOCKS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Rows of it.
const ROWS: u32 = 8;

/// The same, for what counts rows.
const HEIGHT: usize = 8;

/// Room for the labels of the axis.
const LABEL: usize = 10;

/// Fewer columns show nothing.
const LEAST_COLUMNS: usize = 10;

/// Where the axis begins.
const FROM: f64 = 0.30;

/// Where it ends: beyond it there is no room for the wait.
const TO: f64 = 0.98;

/// From where on it is red.
const NEARLY_FULL: f64 = 0.95;

#[cfg(test)]
mod tests;
