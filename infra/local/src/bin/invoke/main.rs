//! `cargo invoke`: a function's binary on this machine, with messages for it; nothing of AWS, and
//! nothing else that must be installed.
//!
//! The binary runs under Lambda's Runtime API before a queue and a table in memory. An event source
//! mapping is played: it hands over what is visible, deletes what the answer does not name, and goes
//! on until the queue is empty. Waits are real.
//!
//! Exit codes: 0, every message is done; 1, some are not, or the function failed; 2, it could not
//! run.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use comfy_table::Table;
use comfy_table::presets::UTF8_FULL_CONDENSED;
use serde_json::{Value, json};

use waybill_local::account::Verdict;
use waybill_local::command::{self, Output};
use waybill_local::stub::{Stub, mapping};
use waybill_local::{Answer, Environment, Function, LocalError, say};

/// Runs a function's binary here, hands it messages, and says what became of them.
#[derive(Debug, Parser)]
#[command(name = "invoke", bin_name = "cargo invoke")]
struct Arguments {
    /// The function's binary, like `target/debug/orders`.
    binary: PathBuf,
    /// Bodies of messages, each an argument.
    body: Vec<String>,
    /// A file with a body in each line; empty lines are none.
    #[arg(long, value_name = "FILE")]
    bodies: Option<PathBuf>,
    /// Put the messages into a FIFO queue; each body then has its message group before it, as
    /// GROUP=BODY.
    #[arg(long, conflicts_with = "payload")]
    fifo: bool,
    /// Put the messages into the queue of a function that polls, and invoke it once.
    #[arg(long, conflicts_with = "payload")]
    poll: bool,
    /// Invoke once with this, for a function that no queue triggers; there are no messages then.
    #[arg(long, value_name = "JSON", conflicts_with_all = ["body", "bodies"])]
    payload: Option<String>,
    /// A variable of the function's, as NAME=VALUE. May be said several times.
    #[arg(long, value_name = "NAME=VALUE", value_parser = variable)]
    env: Vec<(String, String)>,
    /// For how long messages that fail are waited for, 1 to 3600.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
    /// How often a message is received before the redrive policy takes it, 1 to 1000. A dead one is
    /// received so often too.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    receives: u32,
    /// Print one JSON object on stdout, and all else on stderr.
    #[arg(long)]
    json: bool,
}

/// Reads `NAME=VALUE`.
fn variable(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("say it as NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    command::main("the function", |note| run(arguments, note))
}

/// Starts the function, hands over, prints.
async fn run(arguments: Arguments, mut note: impl FnMut(Verdict) + Send) -> Result<(), LocalError> {
    let bodies = bodies(&arguments)?;
    let messages = bodies.len();
    if bodies.is_empty() && arguments.payload.is_none() {
        let remedy = "give bodies, `--bodies FILE` or `--payload JSON`";
        return Err(LocalError::missing("there is nothing to hand over", remedy));
    }
    let stub = if arguments.fifo {
        let messages = grouped(bodies)?;
        let stub = Stub::start_fifo(VISIBILITY, arguments.receives).await?;
        stub.queue().send_in_groups(messages);
        stub
    } else {
        let stub = Stub::start(VISIBILITY, arguments.receives).await?;
        stub.queue().send(bodies);
        stub
    };
    let function = start(&arguments, &stub).await?;
    let mut answers = Vec::new();
    match &arguments.payload {
        Some(payload) => answers.push(function.invoke(payload.as_str(), TIMEOUT).await?),
        None if arguments.poll => {
            answers.push(
                function
                    .invoke(r#"{"stop_when_empty":true}"#, TIMEOUT)
                    .await?,
            );
        }
        None => {
            let until = Instant::now() + Duration::from_secs(arguments.seconds);
            answers = mapping::play(&function, stub.queue(), VISIBILITY, TIMEOUT, until).await?;
        }
    }
    function.end().await.into_iter().for_each(say);
    let came = Came {
        messages,
        left: stub.queue().left(),
        dead: stub.queue().dead(),
        requests: stub.traffic().counts.of_service("dynamodb"),
        answers,
    };
    note(came.verdict());
    let output = Output::beside(arguments.json);
    command::print(&came.table(), came.sentence(), came.verdict(), output)?;
    match arguments.json {
        true => command::write(&came.to_json().to_string()),
        false => Ok(()),
    }
}

/// Every body.
fn bodies(arguments: &Arguments) -> Result<Vec<String>, LocalError> {
    let mut bodies = arguments.body.clone();
    if let Some(path) = &arguments.bodies {
        let what = |error| LocalError::because(format!("cannot read {}", path.display()), error);
        let text = fs::read_to_string(path).map_err(what)?;
        let lines = text.lines().filter(|line| !line.trim().is_empty());
        bodies.extend(lines.map(str::to_owned));
    }
    Ok(bodies)
}

/// Each body and the message group before it.
fn grouped(bodies: Vec<String>) -> Result<Vec<(Option<String>, String)>, LocalError> {
    let part = |line: &String| {
        let (group, body) = line.split_once('=').filter(|(group, _)| is_group(group))?;
        Some((Some(group.to_owned()), body.to_owned()))
    };
    let parts = bodies.iter().map(|line| {
        part(line).ok_or_else(|| {
            let what = format!("`{line}` has no message group");
            LocalError::missing(what, "say it as GROUP=BODY, like `ann={\"cents\":5}`")
        })
    });
    parts.collect()
}

/// Whether a text may be a message group here: as SQS has it, but for what begins JSON.
fn is_group(text: &str) -> bool {
    (1..=128).contains(&text.len())
        && text.chars().all(|c| c.is_ascii_graphic())
        && !text.starts_with(['{', '[', '"'])
}

/// Starts the function, and waits until it asks for work.
async fn start(arguments: &Arguments, stub: &Stub) -> Result<Function, LocalError> {
    let binary = &arguments.binary;
    if !binary.is_file() {
        let what = format!("there is no file {}", binary.display());
        return Err(LocalError::missing(
            what,
            "build the function, and name its binary",
        ));
    }
    let name = binary.file_name().unwrap_or_default().to_string_lossy();
    let mut environment = Environment::of(&name)
        .with("WAYBILL_CONSUMER", name.as_ref())
        .with("WAYBILL_LEDGER_TABLE", "ledger")
        .with("WAYBILL_QUEUE_URL", stub.queue_url())
        .with("WAYBILL_METRICS", "off")
        .with("AWS_ENDPOINT_URL", stub.endpoint());
    // In a FIFO queue dead messages are sent: one that was handed back would hold up its group.
    if arguments.fifo {
        environment = environment
            .with("WAYBILL_DEAD_LETTER", "send")
            .with("WAYBILL_DLQ_URL", stub.dead_letter_url());
    }
    for (name, value) in &arguments.env {
        environment = environment.with(name, value);
    }
    let mut function = Function::start(binary, &environment).await?;
    match function.ready(TIMEOUT).await {
        Some(_) => Ok(function),
        None => {
            function.lines().into_iter().for_each(say);
            Err(LocalError::failed(
                "the function did not start; its lines say why",
            ))
        }
    }
}

/// What came of it.
struct Came {
    messages: usize,
    left: usize,
    dead: u64,
    requests: u64,
    answers: Vec<Answer>,
}

impl Came {
    /// Whether all is done.
    fn verdict(&self) -> Verdict {
        let failed = |answer: &Answer| matches!(answer, Answer::Error(_));
        match self.left > 0 || self.dead > 0 || self.answers.iter().any(failed) {
            true => Verdict::Broken,
            false => Verdict::Kept,
        }
    }

    /// That in words.
    fn sentence(&self) -> &'static str {
        match (self.verdict(), self.messages) {
            (Verdict::Kept, 0) => "The function answered.",
            (Verdict::Kept, _) => "Every message is done.",
            (Verdict::Broken | Verdict::Unfinished, 0) => "The function failed.",
            (Verdict::Broken | Verdict::Unfinished, _) => {
                "Not every message is done: the function's lines say why."
            }
        }
    }

    /// For people.
    fn table(&self) -> String {
        let mut table = Table::new();
        table.load_preset(UTF8_FULL_CONDENSED);
        table.set_header(["invocations", "answer"]);
        for alike in self.answers.chunk_by(PartialEq::eq) {
            if let Some(Answer::Response(text) | Answer::Error(text)) = alike.first() {
                table.add_row([alike.len().to_string(), text.clone()]);
            }
        }
        let done = self.messages.saturating_sub(self.left);
        let gone = usize::try_from(self.dead).unwrap_or(usize::MAX);
        for (what, count) in [
            ("messages", self.messages),
            ("done", done.saturating_sub(gone)),
            ("still in the queue", self.left),
            ("dead", gone),
        ] {
            table.add_row([what.to_owned(), count.to_string()]);
        }
        table.add_row(["DynamoDB requests".to_owned(), self.requests.to_string()]);
        table.to_string()
    }

    /// For machines.
    fn to_json(&self) -> Value {
        let answers = self.answers.iter().map(|answer| match answer {
            Answer::Response(text) => json!({ "response": text }),
            Answer::Error(text) => json!({ "error": text }),
        });
        json!({
            "messages": self.messages,
            "left": self.left,
            "dead": self.dead,
            "dynamodb_requests": self.requests,
            "answers": answers.collect::<Vec<_>>(),
        })
    }
}

/// The function's time-out.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Six times that.
const VISIBILITY: Duration = Duration::from_secs(360);

#[cfg(test)]
mod tests;
