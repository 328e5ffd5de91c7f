//! The live screen: it waits for keys, for what sources say and for the clock, and for no request.

use std::io;
use std::time::Duration;

use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use waybill_aws::ambient::System;
use waybill_engine::ports::Ambient;

use super::draw::{Mode, draw};
use super::sources::{Asked, Names};
use super::state::{Report, Snapshot, State};
use crate::failure::Failure;

/// The terminal, given back as it was when this is dropped, and in a panic.
struct Screen(DefaultTerminal);

impl Screen {
    /// Takes the terminal.
    fn open() -> Result<Self, Failure> {
        let opened = ratatui::try_init();
        opened.map(Self).map_err(|error| {
            ratatui::restore();
            Failure::new(format!(
                "the terminal cannot be used: {error}; give --plain"
            ))
        })
    }

    /// Shows it.
    fn show(&mut self, snapshot: &Snapshot, mode: Mode) -> Result<(), Failure> {
        let drawn = self.0.draw(|frame| draw(frame, snapshot, mode));
        let drawn = drawn.map(|_| ());
        drawn.map_err(|error| Failure::new(format!("cannot write to the terminal: {error}")))
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        ratatui::restore();
    }
}

/// Shows what is known until somebody has seen enough.
pub(super) async fn watch(
    mut state: State,
    asked: Vec<Asked>,
    names: Names,
    every: Duration,
) -> Result<(), Failure> {
    let (mut sources, mut reports) = asking(asked, every);
    let mut screen = Screen::open()?;
    let mut pressed = keys();
    let mut stopped = Box::pin(stopped());
    let mut clock = interval(TICK);
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut mode = Mode::default();
    let mut shown = state.snapshot(System.now());
    loop {
        if !mode.paused {
            shown = state.snapshot(System.now());
        }
        screen.show(&shown, mode)?;
        tokio::select! {
            report = reports.recv() => {
                let Some(report) = report else { return Ok(()) };
                state.take(report, System.now());
                // What has come meanwhile is shown with it.
                while let Ok(report) = reports.try_recv() {
                    state.take(report, System.now());
                }
                names.add(state.routes());
            }
            event = pressed.recv() => match event {
                Some(Ok(event)) => match wish(&event) {
                    Wish::Quit => return Ok(()),
                    Wish::Pause => mode.paused = !mode.paused,
                    Wish::Help => mode.help = !mode.help,
                    Wish::Nothing => {}
                },
                Some(Err(error)) => {
                    return Err(Failure::new(format!("the terminal cannot be read: {error}")));
                }
                None => return Ok(()),
            },
            Some(Err(error)) = sources.join_next() => {
                return Err(Failure::new(format!("a source is not asked any more: {error}")));
            }
            _ = clock.tick() => {}
            () = &mut stopped => return Ok(()),
        }
    }
}

/// What somebody wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wish {
    /// To see no more.
    Quit,
    /// That it stands still, or goes on.
    Pause,
    /// To know the keys, or to see what is behind them.
    Help,
    /// Nothing but to see it drawn anew.
    Nothing,
}

/// What an event of the terminal says. A new size says nothing: each drawing asks for it.
fn wish(event: &Event) -> Wish {
    let Event::Key(KeyEvent {
        code,
        modifiers,
        kind,
        ..
    }) = event
    else {
        return Wish::Nothing;
    };
    if *kind == KeyEventKind::Release {
        return Wish::Nothing;
    }
    if *code == KeyCode::Esc {
        return Wish::Quit;
    }
    let with_control = modifiers.contains(KeyModifiers::CONTROL);
    match code.as_char() {
        Some('c') if with_control => Wish::Quit,
        Some('q' | 'Q') => Wish::Quit,
        Some('p' | 'P' | ' ') => Wish::Pause,
        Some('?' | 'h') => Wish::Help,
        Some(_) | None => Wish::Nothing,
    }
}

/// Asks each source by itself, again and again: one that fails less and less often.
fn asking(asked: Vec<Asked>, every: Duration) -> (JoinSet<()>, Receiver<Report>) {
    let (tell, reports) = channel(REPORTS);
    let each = asked
        .into_iter()
        .map(|source| ask(source, every, tell.clone()));
    (each.collect(), reports)
}

/// Asks one source until nobody listens.
async fn ask(mut source: Asked, every: Duration, tell: Sender<Report>) {
    let mut failed = 0;
    loop {
        let began = Instant::now();
        let mut is_well = true;
        for report in source.ask().await {
            is_well &= report.1.is_ok();
            if tell.send(report).await.is_err() {
                return;
            }
        }
        failed = if is_well { 0 } else { failed + 1 };
        sleep_until(began + wait(every, failed)).await;
    }
}

/// How long after a look the next one begins, when so many have failed.
fn wait(every: Duration, failed: u32) -> Duration {
    let longer = every.saturating_mul(1 << failed.min(5));
    longer.min(LONGEST_WAIT.max(every))
}

/// What is pressed, and that the size has changed. The thread ends with the process: it waits for
/// the terminal.
fn keys() -> Receiver<io::Result<Event>> {
    let (tell, pressed) = channel(KEYS);
    std::thread::spawn(move || {
        loop {
            let event = event::read();
            let is_over = event.is_err();
            if tell.blocking_send(event).is_err() || is_over {
                return;
            }
        }
    });
    pressed
}

/// Ends when somebody else ends the process, so that the terminal is given back first.
async fn stopped() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let kinds = [
            SignalKind::terminate(),
            SignalKind::hangup(),
            SignalKind::interrupt(),
        ];
        let signals = kinds.into_iter().filter_map(|kind| signal(kind).ok());
        let waits = signals.map(|mut signal| {
            Box::pin(async move {
                signal.recv().await;
            })
        });
        futures_util::future::select_all(waits.collect::<Vec<_>>()).await;
    }
    #[cfg(not(unix))]
    {
        let _ = tokio::signal::ctrl_c().await;
    }
}

/// How often the screen is drawn where nothing happens: times go on.
const TICK: Duration = Duration::from_secs(1);

/// How many reports wait to be taken.
const REPORTS: usize = 64;

/// How many keys wait to be obeyed.
const KEYS: usize = 64;

/// The longest wait for a source that fails.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests;
