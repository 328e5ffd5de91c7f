//! A snapshot as a screen: what there is room for, the most important first.

use std::collections::BTreeMap;
use std::time::Duration;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Paragraph, Sparkline, Wrap};

use waybill_core::time::Timestamp;

use super::spread::Spread;
use super::state::{Depth, Snapshot};
use super::words;
use crate::screen;

mod tables;

/// What a person has pressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Mode {
    /// Whether the screen stands still.
    pub(super) paused: bool,
    /// Whether the keys are told.
    pub(super) help: bool,
}

/// How many rows each part has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Plan {
    /// The curves of depth and rate.
    curves: u16,
    /// Counts, by outcome, cause and reason, below those that are always there.
    counts: u16,
    /// Times.
    times: u16,
    /// Routes, with their header.
    routes: u16,
    /// Dead letters, with their header.
    letters: u16,
    /// What is wrong.
    faults: u16,
    /// Before times, routes and dead letters.
    gaps: u16,
}

/// How many rows each part would like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Wish {
    /// Routes, without their header.
    routes: usize,
    /// Dead letters, without theirs; nothing where none are told.
    letters: usize,
    /// What is wrong.
    faults: usize,
    /// Counts below those that are always there.
    counts: u16,
    /// Times.
    times: u16,
}

impl Wish {
    /// What a snapshot has to show on a screen so wide.
    fn of(snapshot: &Snapshot, width: u16) -> Self {
        let letters = snapshot.letters.as_ref();
        let is_counted = snapshot.figures.is_some();
        let shown = snapshot.faults.iter().take(FAULTS_MAX);
        // Words are not broken, so that a row is not filled.
        let room = usize::from(width).saturating_sub(12).max(12);
        let faults = shown.map(|fault| (fault.chars().count() + 2).div_ceil(room));
        Self {
            routes: snapshot.routes.len().max(1),
            letters: letters.map_or(0, |letters| letters.len().max(1)),
            faults: faults.sum(),
            counts: if is_counted { 3 } else { 0 },
            times: if is_counted { 2 } else { 0 },
        }
    }
}

impl Plan {
    /// Divides the rows of a screen: who has no room is left out from the bottom of this list.
    fn of(height: u16, wish: Wish) -> Self {
        // The title, the queues, the first counts and the keys are there always.
        let mut left = height.saturating_sub(ALWAYS);
        let mut take = |wanted: u16, at_least: u16| {
            let given = if left < at_least { 0 } else { wanted.min(left) };
            left -= given;
            given
        };
        let rows = |number: usize| u16::try_from(number).unwrap_or(u16::MAX);
        let beside = |number: usize| {
            if number > 0 {
                rows(number.min(3) + 1)
            } else {
                0
            }
        };
        let faults = take(rows(wish.faults.min(FAULT_ROWS_MAX)), 1);
        let times = take(wish.times, 2);
        let some_routes = take(beside(wish.routes), 2);
        let counts = take(wish.counts, 3);
        let some_letters = take(beside(wish.letters), 2);
        let curves = take(if height >= TALL { 4 } else { 2 }, 2);
        // More of a table only below its beginning.
        let more = |some: u16, number: usize| {
            if some > 0 {
                rows(number.saturating_sub(3))
            } else {
                0
            }
        };
        let more_routes = take(more(some_routes, wish.routes), 1);
        let gaps = take(GAPS, GAPS) / GAPS;
        let more_letters = take(more(some_letters, wish.letters), 1);
        Self {
            curves,
            counts,
            times,
            routes: some_routes + more_routes,
            letters: some_letters + more_letters,
            faults,
            gaps,
        }
    }
}

/// Draws the whole screen.
pub(super) fn draw(frame: &mut Frame<'_>, snapshot: &Snapshot, mode: Mode) {
    let area = frame.area();
    let plan = Plan::of(area.height, Wish::of(snapshot, area.width));
    let gap = plan.gaps;
    let before = [
        1,
        1,
        gap,
        plan.curves,
        gap,
        1,
        plan.counts,
        gap,
        plan.times,
        gap,
    ];
    let rows = before.into_iter().chain([plan.routes, gap, plan.letters]);
    let mut rows: Vec<_> = rows.map(Constraint::Length).collect();
    rows.extend([
        Constraint::Fill(1),
        Constraint::Length(plan.faults),
        Constraint::Length(1),
    ]);
    let areas = Layout::vertical(rows).split(area);
    let place = |part: usize| areas.get(part).copied().unwrap_or_default();
    frame.render_widget(Paragraph::new(title(snapshot, area.width)), place(0));
    frame.render_widget(Paragraph::new(queues(snapshot)), place(1));
    curves(frame, snapshot, place(3));
    frame.render_widget(Paragraph::new(flow(snapshot)), place(5));
    frame.render_widget(Paragraph::new(counts(snapshot)), place(6));
    frame.render_widget(Paragraph::new(times(snapshot)), place(8));
    tables::routes(frame, snapshot, place(10));
    tables::letters(frame, snapshot, place(12));
    let faults = Paragraph::new(faults(snapshot)).wrap(Wrap { trim: true });
    frame.render_widget(faults, place(14));
    frame.render_widget(Paragraph::new(keys(snapshot, mode)), place(15));
    if mode.help {
        help(frame, area);
    }
}

/// What is looked at, and when: the time stands at the right.
fn title(snapshot: &Snapshot, width: u16) -> Line<'static> {
    let place = &snapshot.place;
    let mut left = format!("waybill top  {}", words::harmless(&place.queue));
    // The template names the queue after its stack, which is the consumer.
    let consumer = place.consumer.as_ref();
    if let Some(consumer) = consumer.filter(|consumer| !place.queue.starts_with(*consumer)) {
        left = format!("{left}  consumer {}", words::harmless(consumer));
    }
    left = format!("{left}  {}", words::harmless(&place.region));
    if let Some(endpoint) = &place.endpoint {
        left = format!("{left}  {}", words::harmless(endpoint));
    }
    let time = words::clock(snapshot.at);
    let room = usize::from(width).saturating_sub(time.len() + 1);
    let left = words::cut(&left, room);
    let text = format!("{left:room$} {time}");
    Line::styled(text, Style::new().add_modifier(Modifier::REVERSED))
}

/// How much the queues hold.
fn queues(snapshot: &Snapshot) -> Line<'static> {
    let mut spans = vec![label("queue ")];
    match snapshot.queue {
        Some(Depth {
            visible,
            in_flight,
            delayed,
        }) => {
            spans.push(strong(format!(" {}", screen::count(visible))));
            spans.push(Span::raw(" waiting"));
            spans.push(strong(format!("  {}", screen::count(in_flight))));
            spans.push(Span::raw(" in flight"));
            spans.push(strong(format!("  {}", screen::count(delayed))));
            spans.push(Span::raw(" delayed"));
        }
        None => spans.push(Span::raw(" not known")),
    }
    if let Some(dead) = snapshot.dead_letter_queue {
        let all = dead.all();
        let style = if all > 0 { warning() } else { Style::new() };
        spans.push(label("   dead-letter queue "));
        spans.push(Span::styled(
            screen::count(all),
            style.add_modifier(Modifier::BOLD),
        ));
    }
    Line::from(spans)
}

/// How depth and rate went.
fn curves(frame: &mut Frame<'_>, snapshot: &Snapshot, area: Rect) {
    let [left, _, right] = Layout::horizontal([
        Constraint::Fill(1),
        Constraint::Length(2),
        Constraint::Fill(1),
    ])
    .areas(area);
    let delivered = snapshot
        .figures
        .as_ref()
        .map(|figures| figures.delivered.as_slice());
    curve(frame, "waiting", &snapshot.depths, left, Color::Cyan);
    curve(
        frame,
        "delivered/s",
        delivered.unwrap_or_default(),
        right,
        Color::Green,
    );
}

/// One curve, its name and its peak before it; the present is at the right.
fn curve(frame: &mut Frame<'_>, name: &str, values: &[u64], area: Rect, color: Color) {
    let [told, drawn] =
        Layout::horizontal([Constraint::Length(CURVE_LABEL), Constraint::Fill(1)]).areas(area);
    let shown = words::fitted(values, usize::from(drawn.width));
    let peak = shown.iter().copied().max().unwrap_or_default();
    let text = vec![
        Line::from(label(name)),
        Line::from(Span::raw(format!("peak {}", screen::count(peak)))),
    ];
    frame.render_widget(Paragraph::new(text), told);
    let from = usize::from(drawn.width).saturating_sub(shown.len());
    let from = u16::try_from(from).unwrap_or_default();
    let drawn = Rect {
        x: drawn.x.saturating_add(from),
        width: drawn.width.saturating_sub(from),
        ..drawn
    };
    let line = Sparkline::default().data(&shown).max(peak.max(1));
    frame.render_widget(line.style(Style::new().fg(color)), drawn);
}

/// What came in and went out.
fn flow(snapshot: &Snapshot) -> Line<'static> {
    let Some(figures) = &snapshot.figures else {
        return Line::from(vec![label("events"), Span::raw("  no log was read yet")]);
    };
    let mut spans = vec![label(format!("last {} s", figures.span.as_secs()))];
    let shown = [
        ("Received", "received"),
        ("Delivered", "delivered"),
        ("Failed", "failed"),
    ];
    for (metric, word) in shown {
        let count = figures.of(metric);
        let rate = words::rate(figures.per_second(count));
        let style = match metric == "Failed" && count > 0 {
            true => alarm(),
            false => Style::new(),
        };
        let count = format!("  {}", screen::count(count));
        spans.push(Span::styled(count, style.add_modifier(Modifier::BOLD)));
        spans.push(Span::raw(format!(" {word} ({rate}/s)")));
    }
    Line::from(spans)
}

/// What came of messages that were not delivered just so: why they were put off, and what events
/// died of.
fn counts(snapshot: &Snapshot) -> Vec<Line<'static>> {
    let Some(figures) = &snapshot.figures else {
        return Vec::new();
    };
    let beside = [
        ("Retried", "retried"),
        ("Duplicates", "duplicates"),
        ("Ignored", "ignored"),
        ("Scheduled", "scheduled"),
        ("Fenced", "fenced"),
        ("Crashes", "crashed"),
    ];
    let mut spans = vec![label("besides")];
    for (place, (metric, word)) in beside.into_iter().enumerate() {
        let count = figures.of(metric);
        // The others are rare.
        if place < 2 || count > 0 {
            spans.push(strong(format!("  {}", screen::count(count))));
            spans.push(Span::raw(format!(" {word}")));
        }
    }
    vec![
        Line::from(spans),
        by_word("deferred", figures.of("Deferred"), &figures.deferred),
        by_word("dead letters received", figures.of("Dead"), &figures.dead),
    ]
}

/// A count and its parts, the greatest first.
fn by_word(name: &str, count: u64, by: &BTreeMap<String, u64>) -> Line<'static> {
    let mut all: Vec<_> = by.iter().collect();
    all.sort_by(|(_, one), (_, other)| other.cmp(one));
    let told = all
        .into_iter()
        .map(|(word, count)| format!("{} {}", words::harmless(word), screen::count(*count)));
    let told: Vec<_> = told.collect();
    let told = match told.is_empty() {
        true => String::new(),
        false => format!("  ({})", told.join(", ")),
    };
    let count = strong(format!("  {}", screen::count(count)));
    Line::from(vec![label(name), count, Span::raw(told)])
}

/// How long things took.
fn times(snapshot: &Snapshot) -> Vec<Line<'static>> {
    let Some(figures) = &snapshot.figures else {
        return Vec::new();
    };
    let parts = [
        ("end to end", figures.end_to_end),
        ("processing", figures.processing),
    ];
    let line = |(name, spread): (&str, Option<Spread>)| {
        let Some(spread) = spread else {
            return Line::from(vec![label(name), Span::raw("  none")]);
        };
        let mut spans = vec![label(name)];
        for (rank, time) in [
            ("p50", spread.p50),
            ("p90", spread.p90),
            ("p99", spread.p99),
            ("max", spread.max),
        ] {
            spans.push(Span::raw(format!("  {rank} ")));
            spans.push(strong(words::time(time)));
        }
        Line::from(spans)
    };
    parts.into_iter().map(line).collect()
}

/// What is wrong, a line for each.
fn faults(snapshot: &Snapshot) -> Vec<Line<'static>> {
    let line = |fault: &String| Line::styled(format!("! {}", words::harmless(fault)), alarm());
    let shown = snapshot.faults.iter().take(FAULTS_MAX);
    shown.map(line).collect()
}

/// What can be pressed.
fn keys(snapshot: &Snapshot, mode: Mode) -> Line<'static> {
    let groups = match snapshot.groups.as_slice() {
        [] => "no log".to_owned(),
        [one] => format!("log {}", words::harmless(one)),
        [one, others @ ..] => format!("log {} and {} more", words::harmless(one), others.len()),
    };
    let mut spans = vec![label("q quit  p pause  ? help")];
    if mode.paused {
        spans.push(Span::styled(
            "  PAUSED",
            warning().add_modifier(Modifier::BOLD),
        ));
    }
    spans.push(Span::styled(
        format!("  {groups}"),
        Style::new().add_modifier(Modifier::DIM),
    ));
    Line::from(spans)
}

/// What the words mean.
fn help(frame: &mut Frame<'_>, area: Rect) {
    let width = area.width.min(HELP_WIDTH);
    let height = area.height.min(HELP_HEIGHT);
    let place = Rect {
        x: area.x + (area.width - width) / 2,
        y: area.y + (area.height - height) / 2,
        width,
        height,
    };
    frame.render_widget(Clear, place);
    let text = Paragraph::new(HELP).wrap(Wrap { trim: false });
    frame.render_widget(
        text.style(Style::new().add_modifier(Modifier::REVERSED)),
        place,
    );
}

/// The name of a figure.
fn label(text: impl Into<String>) -> Span<'static> {
    Span::styled(text.into(), Style::new().fg(Color::Cyan))
}

/// A figure.
fn strong(text: String) -> Span<'static> {
    Span::styled(text, Style::new().add_modifier(Modifier::BOLD))
}

/// Of what somebody should look at.
fn warning() -> Style {
    Style::new().fg(Color::Yellow)
}

/// Of what is wrong.
fn alarm() -> Style {
    Style::new().fg(Color::Red)
}

/// How long ago something was, where clocks agree: the largest unit is enough.
fn ago(now: Timestamp, then: Timestamp) -> String {
    let whole = screen::duration(Duration::from_secs(now.since(then).as_secs()));
    whole.split(' ').take(2).collect::<Vec<_>>().join(" ")
}

/// Rows that every screen has.
const ALWAYS: u16 = 4;

/// From how many rows on curves are drawn higher.
const TALL: u16 = 32;

/// How many faults are told at once.
const FAULTS_MAX: usize = 4;

/// How many rows they have at most.
const FAULT_ROWS_MAX: usize = 6;

/// How many empty rows there are where there is room for all of them.
const GAPS: u16 = 5;

/// Columns before a curve.
const CURVE_LABEL: u16 = 13;

/// Columns of the help.
const HELP_WIDTH: u16 = 72;

/// Rows of the help.
const HELP_HEIGHT: u16 = 14;

/// What the words mean.
const HELP: &str = "\
 q, Esc, Ctrl-C  quit        p  stand still        ?  this, and away

 waiting    messages that can be received, about
 failed     events that died, each death once
 dead letters received: once for each time a dead message comes again
 deferred   handed back untried, by cause
 retried    handed back after a try
 end to end from sending to delivery
 processing from receipt to the end of a message's work
 unknown    tries at a target without an answer: it may have happened
 breaker    open: nothing goes to the target but a probe

 Counts and times are what functions logged in the last while.";

#[cfg(test)]
mod tests;
