//! Plays as many worlds as asked, says what they held, and shows the first broken promise so that
//! it can be played again.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command speaks to people"
)]

mod show;

use std::io::{IsTerminal, stderr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use clap::Parser;

use waybill_world::trial::{self, Account, Broken};
use waybill_world::{Fault, Faults};

/// Plays simulated worlds of queues, functions, tables and targets against Waybill's own engine.
///
/// With `--seed` alone one world is played and told line by line. Exit codes: 0, every promise was
/// kept; 1, one was broken; 2, nothing could be run.
#[derive(Debug, Parser)]
#[command(name = "simulate")]
struct Options {
    /// The first seed; alone, the one world to play and tell.
    #[arg(long)]
    seed: Option<u64>,
    /// How many worlds.
    #[arg(long, conflicts_with = "deliveries")]
    worlds: Option<u64>,
    /// Worlds until so many messages were handed over.
    #[arg(long)]
    deliveries: Option<u64>,
    /// Only this trouble, by name, comma-separated; `none` for none.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Not this trouble, by name, comma-separated.
    #[arg(long, value_delimiter = ',')]
    without: Vec<String>,
    /// Instead of trouble by chance: the first process dies at every await point and around every
    /// request of a calm world, one world for each.
    #[arg(long)]
    sweep: bool,
    /// Threads; by default one for each core.
    #[arg(long)]
    jobs: Option<usize>,
    /// One JSON object on standard output instead of a table.
    #[arg(long)]
    json: bool,
    /// The names of all trouble.
    #[arg(long)]
    list: bool,
}

/// What a run came to.
struct Ran {
    account: Account,
    /// Points at which a sweep killed.
    points: u64,
    broken: Option<Broken>,
    took: Duration,
}

fn main() -> ExitCode {
    let options = Options::parse();
    if options.list {
        for fault in Fault::ALL {
            println!("{fault}");
        }
        return ExitCode::SUCCESS;
    }
    let faults = match faults(&options) {
        Ok(faults) => faults,
        Err(unknown) => {
            eprintln!("there is no trouble called `{unknown}`; `--list` says which there are");
            return ExitCode::from(2);
        }
    };
    let many = options.worlds.is_some() || options.deliveries.is_some() || options.sweep;
    match options.seed {
        Some(seed) if !many => tell(seed, faults),
        Some(_) | None => play(&options, faults),
    }
}

/// The trouble that the options allow.
fn faults(options: &Options) -> Result<Faults, String> {
    let parse = |name: &String| Fault::parse(name).ok_or_else(|| name.clone());
    let mut faults = match options.only.as_slice() {
        [] => Faults::all(),
        [none] if none == "none" => Faults::none(),
        some => {
            let some = some.iter().map(parse).collect::<Result<Vec<_>, _>>()?;
            some.into_iter().fold(Faults::none(), Faults::with)
        }
    };
    for name in &options.without {
        faults = faults.without(parse(name)?);
    }
    Ok(faults)
}

/// One world, line by line.
fn tell(seed: u64, faults: Faults) -> ExitCode {
    let (ended, history) = trial::tell_seed(seed, faults);
    for line in history {
        println!("{line}");
    }
    match ended {
        Ok(_) => {
            eprintln!("every promise was kept");
            ExitCode::SUCCESS
        }
        Err(broken) => {
            eprintln!("broken: {}", broken.what);
            ExitCode::from(1)
        }
    }
}

/// Many worlds, on all cores, until enough were played or one broke a promise.
fn play(options: &Options, faults: Faults) -> ExitCode {
    let began = Instant::now();
    let first = options.seed.unwrap_or(1);
    let next = AtomicU64::new(first);
    let stop = AtomicBool::new(false);
    let sum = Mutex::new((Account::default(), 0, None::<Broken>));
    let lock = || sum.lock().unwrap_or_else(PoisonError::into_inner);
    let worlds = options.worlds.unwrap_or(match options.deliveries {
        Some(_) => u64::MAX,
        None => WORLDS,
    });
    let deliveries = options.deliveries.unwrap_or(u64::MAX);
    let work = || {
        while !stop.load(Ordering::Relaxed) {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed - first >= worlds {
                return;
            }
            let played = one(seed, faults, options.sweep);
            let mut sum = lock();
            match played {
                Ok((account, points)) => {
                    sum.0.add(&account);
                    sum.1 += points;
                }
                Err(broken) => {
                    sum.0.add(&broken.account);
                    // The first by its number, whichever thread was faster.
                    if sum.2.as_ref().is_none_or(|b| b.seed > broken.seed) {
                        sum.2 = Some(broken);
                    }
                    stop.store(true, Ordering::Relaxed);
                }
            }
            if sum.0.deliveries >= deliveries {
                stop.store(true, Ordering::Relaxed);
            }
        }
    };
    let jobs = options
        .jobs
        .or_else(|| thread::available_parallelism().ok().map(usize::from));
    thread::scope(|scope| {
        let workers: Vec<_> = (0..jobs.unwrap_or(1).max(1))
            .map(|_| scope.spawn(work))
            .collect();
        let mut said = Instant::now();
        while workers.iter().any(|worker| !worker.is_finished()) {
            thread::sleep(Duration::from_millis(50));
            if said.elapsed() >= show::EVERY {
                said = Instant::now();
                let sum = lock();
                show::progress(&sum.0, sum.1, began.elapsed(), stderr().is_terminal());
            }
        }
    });
    show::end_of_progress(stderr().is_terminal());
    let (account, points, broken) = sum.into_inner().unwrap_or_else(PoisonError::into_inner);
    let ran = Ran {
        account,
        points,
        broken,
        took: began.elapsed(),
    };
    match options.json {
        true => println!("{}", show::json(&ran)),
        false => show::table(&ran),
    }
    let Some(broken) = &ran.broken else {
        return ExitCode::SUCCESS;
    };
    show::broken(broken, faults, options.sweep, &again(options, broken.seed));
    ExitCode::from(1)
}

/// One seed, and at how many points its first process died.
fn one(seed: u64, faults: Faults, sweeps: bool) -> Result<(Account, u64), Broken> {
    let played = catch_unwind(AssertUnwindSafe(|| match sweeps {
        true => trial::sweep(seed, POINTS).map(|swept| {
            let worlds = swept.polls + swept.requests;
            let account = Account {
                worlds,
                ..Account::default()
            };
            (account, worlds)
        }),
        false => trial::try_seed(seed, faults).map(|account| (account, 0)),
    }));
    played.unwrap_or_else(|_| {
        Err(Broken {
            seed,
            what: "it panicked".to_owned(),
            account: Box::default(),
        })
    })
}

/// The command that plays a world again.
fn again(options: &Options, seed: u64) -> String {
    let mut command = format!("cargo simulate --seed {seed}");
    let mut add = |name: &str, values: &[String]| {
        if !values.is_empty() {
            command.push_str(&format!(" {name} {}", values.join(",")));
        }
    };
    add("--only", &options.only);
    add("--without", &options.without);
    if options.sweep {
        command.push_str(" --sweep --worlds 1");
    }
    command
}

/// Worlds of a run that says nothing else.
const WORLDS: u64 = 10_000;

/// Points of each sort that a sweep of one world has at most.
const POINTS: u64 = 1_000;
