//! The two tables of the screen: routes, and dead letters.

use ratatui::Frame;
use ratatui::layout::{Constraint, Rect};
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Cell, Paragraph, Row, Table};

use super::{ago, alarm, label, warning};
use crate::screen;
use crate::top::state::{Breaker, Letter, Route, Snapshot};
use crate::top::words;

/// A column of the table of routes: its header, its width, and from how wide a screen on it is there.
type Column = (&'static str, Constraint, u16);

/// The columns of routes.
const ROUTES: [Column; 8] = [
    ("ROUTE", Constraint::Fill(1), 0),
    ("DELIVERED/s", Constraint::Length(11), 0),
    ("REJECTED", Constraint::Length(8), 50),
    ("TRANSIENT", Constraint::Length(9), 60),
    ("UNKNOWN", Constraint::Length(7), 70),
    ("P50", Constraint::Length(7), 78),
    ("P99", Constraint::Length(7), 40),
    ("BREAKER", Constraint::Length(11), 0),
];

/// Routes: what came of tries, how long they took, and whether anything is held back.
pub(super) fn routes(frame: &mut Frame<'_>, snapshot: &Snapshot, area: Rect) {
    if snapshot.routes.is_empty() {
        frame.render_widget(Paragraph::new("no route was tried"), area);
        return;
    }
    let columns = ROUTES.iter().filter(|(_, _, from)| area.width >= *from);
    let widths: Vec<_> = columns.clone().map(|(_, width, _)| *width).collect();
    let headers = columns.map(|(name, _, _)| cell(name, Line::from(label(*name))));
    let header = Row::new(headers.collect::<Vec<_>>());
    let shown = |route: &Route| {
        let cells = route_cells(snapshot, route).into_iter().zip(ROUTES);
        let cells = cells.filter(|(_, (_, _, from))| area.width >= *from);
        let cells = cells.map(|(text, (name, _, _))| cell(name, text));
        Row::new(cells.collect::<Vec<_>>())
    };
    let rows = snapshot.routes.iter().map(shown).collect();
    frame.render_widget(Table::new(cut(rows, area), widths).header(header), area);
}

/// What is told of a route, in the order of the columns.
fn route_cells(snapshot: &Snapshot, route: &Route) -> [Line<'static>; 8] {
    let figures = &route.figures;
    let count = |outcome: &str, style: Style| {
        let count = figures.of(outcome);
        let style = if count > 0 { style } else { Style::new() };
        Line::styled(screen::count(count), style)
    };
    let seconds = snapshot.figures.as_ref();
    let rate = seconds.map_or(0.0, |all| all.per_second(figures.of("delivered")));
    let time = |time: Option<std::time::Duration>| {
        Line::from(time.map_or_else(|| "-".to_owned(), words::time))
    };
    let (state, style) = match route.breaker {
        None => ("-".to_owned(), Style::new()),
        Some(Breaker::Closed) => ("closed".to_owned(), Style::new()),
        Some(Breaker::Closing) => ("closing".to_owned(), warning()),
        Some(Breaker::Open { since: None }) => ("open".to_owned(), alarm()),
        Some(Breaker::Open { since: Some(since) }) => {
            let long = ago(snapshot.at, since);
            (format!("open {long}"), alarm())
        }
        Some(Breaker::Unreadable) => ("unreadable".to_owned(), alarm()),
    };
    [
        Line::from(words::harmless(&route.name)),
        Line::from(words::rate(rate)),
        count("rejected", alarm()),
        count("transient", warning()),
        count("unknown", warning()),
        time(figures.delivery.map(|spread| spread.p50)),
        time(figures.delivery.map(|spread| spread.p99)),
        Line::styled(state, style.add_modifier(Modifier::BOLD)),
    ]
}

/// A cell; figures stand at the right.
fn cell(column: &str, text: Line<'static>) -> Cell<'static> {
    match column {
        "ROUTE" | "BREAKER" => Cell::from(text),
        _ => Cell::from(text.right_aligned()),
    }
}

/// Events that died last.
pub(super) fn letters(frame: &mut Frame<'_>, snapshot: &Snapshot, area: Rect) {
    let Some(letters) = &snapshot.letters else {
        return;
    };
    if letters.is_empty() {
        frame.render_widget(Paragraph::new("no event is dead"), area);
        return;
    }
    let header = ["DIED", "REASON", "KEY", "ROUTES"].map(|name| Line::from(label(name)));
    let routes: Vec<_> = letters.iter().map(failed).collect();
    let longest = routes.iter().map(|routes| routes.chars().count()).max();
    // What stands beside a key: when, why, and three columns between.
    let room = area.width.saturating_sub(DIED + REASON + 3);
    let of_routes = u16::try_from(longest.unwrap_or_default()).unwrap_or(u16::MAX);
    let of_routes = of_routes.clamp(6, (room / 2).max(6));
    let keys = letters.iter().map(|letter| words::harmless(&letter.key));
    let longest = keys.map(|key| key.chars().count()).max();
    let of_key = u16::try_from(longest.unwrap_or_default()).unwrap_or(u16::MAX);
    let of_key = of_key.min(room.saturating_sub(of_routes));
    let of_routes = room.saturating_sub(of_key);
    let shown = |(letter, routes): (&Letter, String)| {
        let key = words::harmless(&letter.key);
        let texts = [
            format!("{} ago", ago(snapshot.at, letter.at)),
            words::harmless(&letter.reason),
            words::middle(&key, usize::from(of_key)),
            routes,
        ];
        Row::new(texts.map(Span::raw))
    };
    let rows = letters.iter().zip(routes).map(shown).collect();
    let widths = [DIED, REASON, of_key, of_routes].map(Constraint::Length);
    let table = Table::new(cut(rows, area), widths).header(Row::new(header));
    frame.render_widget(table, area);
}

/// The routes that did not take an event, each with the code of its last try.
fn failed(letter: &Letter) -> String {
    let routes = letter
        .routes
        .iter()
        .map(|(route, code)| format!("{route} {code}"));
    words::harmless(&routes.collect::<Vec<_>>().join(", "))
}

/// Columns that say when an event died.
const DIED: u16 = 10;

/// Columns that say why.
const REASON: u16 = 14;

/// As many rows as there is room for, below the header.
fn cut(mut rows: Vec<Row<'static>>, area: Rect) -> Vec<Row<'static>> {
    rows.truncate(usize::from(area.height.saturating_sub(1)));
    rows
}
