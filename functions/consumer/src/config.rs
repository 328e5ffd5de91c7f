//! What the environment says, read once; every fault is told at once.

use std::fmt;
use std::time::Duration;

use waybill_core::id::Consumer;
use waybill_core::ledger::DeadLetter;
use waybill_core::routes::RoutesFile;
use waybill_engine::engine::Config;

/// What the consumer is told by its environment and its routes file.
#[derive(Debug)]
pub(crate) struct ConsumerConfig {
    /// What the engine is told.
    pub(crate) engine: Config,
    /// Name of the ledger's table.
    pub(crate) ledger_table: String,
    /// URL of the source queue, where it is said.
    pub(crate) queue_url: Option<String>,
    /// URL of the dead-letter queue, where the dead are sent by us.
    pub(crate) dead_letter_url: Option<String>,
    /// Whether targets may be on this machine or in a private network.
    pub(crate) allow_private_targets: bool,
    /// The routes.
    pub(crate) routes: RoutesFile,
}

/// Everything that is wrong with the configuration.
#[derive(Debug, Default)]
pub(crate) struct ConfigErrors(Vec<String>);

impl ConsumerConfig {
    /// Reads the variables of the function's README; `read_file` reads the routes file.
    pub(crate) fn parse(
        var: impl Fn(&str) -> Option<String>,
        read_file: impl Fn(&str) -> std::io::Result<String>,
    ) -> Result<Self, ConfigErrors> {
        let mut errors = ConfigErrors::default();
        let var = |name: &str| var(name).filter(|value| !value.is_empty());
        let routes = errors.keep(routes(var, read_file));
        let said = routes.as_ref();
        let ledger_table = errors.keep(var("WAYBILL_LEDGER_TABLE").ok_or_else(|| {
            "WAYBILL_LEDGER_TABLE is not set: give the name of the ledger's DynamoDB table".into()
        }));
        let consumer = errors.keep(consumer(var, said.and_then(|file| file.consumer.clone())));
        let dead_letter = errors.keep(dead_letter(var, said.and_then(|file| file.dead_letter)));
        let days = errors.keep(time_to_live(var));
        let allow_private_targets = errors.keep(flag(var, "WAYBILL_ALLOW_PRIVATE_TARGETS"));
        let dead_letter_url =
            var("WAYBILL_DLQ_URL").filter(|_| dead_letter == Some(DeadLetter::Send));
        if dead_letter == Some(DeadLetter::Send) && dead_letter_url.is_none() {
            errors.0.push(
                "WAYBILL_DLQ_URL is not set: `dead_letter: send` needs the URL of the queue that \
                 dead messages are sent to"
                    .to_owned(),
            );
        }
        match (
            routes,
            ledger_table,
            consumer,
            dead_letter,
            days,
            allow_private_targets,
        ) {
            (
                Some(mut routes),
                Some(ledger_table),
                Some(consumer),
                Some(dead_letter),
                Some(time_to_live),
                Some(allow_private_targets),
            ) if errors.0.is_empty() => Ok(Self {
                engine: Config {
                    consumer,
                    key: routes.key.take(),
                    dead_letter,
                    on_conflict: routes.on_conflict,
                    time_to_live,
                    redrive_limit: REDRIVE_LIMIT,
                    concurrency: CONCURRENCY,
                },
                ledger_table,
                queue_url: var("WAYBILL_QUEUE_URL"),
                dead_letter_url,
                allow_private_targets,
                routes,
            }),
            _ => Err(errors),
        }
    }
}

/// The routes: a file's path, or `inline:` and its text.
fn routes(
    var: impl Fn(&str) -> Option<String>,
    read_file: impl Fn(&str) -> std::io::Result<String>,
) -> Result<RoutesFile, String> {
    let said = var("WAYBILL_ROUTES").ok_or(
        "WAYBILL_ROUTES is not set: give the path of the routes file, or `inline:` and its text",
    )?;
    let (place, text) = match said.strip_prefix("inline:") {
        Some(text) => ("WAYBILL_ROUTES", text.to_owned()),
        None => (said.as_str(), read_file(&said).map_err(|error| {
            format!(
                "the routes file `{said}` cannot be read ({error}): WAYBILL_ROUTES names the file \
                 that the routes layer brings, /opt/routes.yaml in the template"
            )
        })?),
    };
    RoutesFile::parse(&text, var).map_err(|error| format!("`{place}`: {error}"))
}

/// The ledger's namespace: the environment's, or the file's.
fn consumer(
    var: impl Fn(&str) -> Option<String>,
    file: Option<Consumer>,
) -> Result<Consumer, String> {
    if let Some(file) = file {
        return Ok(file);
    }
    let name = var("WAYBILL_CONSUMER").ok_or(
        "WAYBILL_CONSUMER is not set: give the ledger's namespace, one name for all functions that \
         share their claims (the template gives the stack's name)",
    )?;
    let what = "must have 1 to 128 bytes and no `#`";
    Consumer::new(&name).ok_or_else(|| format!("WAYBILL_CONSUMER `{name}` {what}"))
}

/// How the dead reach their queue: the file's word, or the environment's, which must agree.
fn dead_letter(
    var: impl Fn(&str) -> Option<String>,
    file: Option<DeadLetter>,
) -> Result<DeadLetter, String> {
    let said = match var("WAYBILL_DEAD_LETTER").as_deref() {
        None => None,
        Some("redrive") => Some(DeadLetter::Redrive),
        Some("send") => Some(DeadLetter::Send),
        Some(other) => {
            return Err(format!(
                "WAYBILL_DEAD_LETTER is `{other}`: say `redrive` or `send`"
            ));
        }
    };
    match (said, file) {
        (Some(said), Some(file)) if said != file => Err(
            "WAYBILL_DEAD_LETTER and the routes file's `dead_letter` differ: the first also decides \
             what the function may do, so leave the second out or make it the same"
                .to_owned(),
        ),
        (Some(mode), _) | (None, Some(mode)) => Ok(mode),
        (None, None) => Ok(DeadLetter::default()),
    }
}

/// How long a ledger row lives after its last write.
fn time_to_live(var: impl Fn(&str) -> Option<String>) -> Result<Duration, String> {
    let Some(days) = var("WAYBILL_LEDGER_TTL_DAYS") else {
        return Ok(TIME_TO_LIVE);
    };
    match days.parse::<u32>() {
        Ok(days @ 1..=3650) => Ok(DAY * days),
        Ok(_) | Err(_) => Err(format!(
            "WAYBILL_LEDGER_TTL_DAYS is `{days}`: give whole days, 1 to 3650, at least the source \
             queue's retention, the dead-letter queue's, and the time a redrive may take"
        )),
    }
}

/// `true` or `false`; false where nothing is said.
fn flag(var: impl Fn(&str) -> Option<String>, name: &str) -> Result<bool, String> {
    match var(name).as_deref() {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(other) => Err(format!("{name} is `{other}`: say `true` or `false`")),
    }
}

impl ConfigErrors {
    /// Keeps what is wrong, and passes on what is not.
    fn keep<T>(&mut self, part: Result<T, String>) -> Option<T> {
        part.map_err(|error| self.0.push(error)).ok()
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("; "))
    }
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Two retentions of fourteen days and a week for a redrive.
const TIME_TO_LIVE: Duration = Duration::from_secs(35 * 24 * 60 * 60);

/// How often an event may be redriven before it is a loop (F70).
const REDRIVE_LIMIT: u32 = 5;

/// How many events are worked on at once: a window of the ledger's.
const CONCURRENCY: usize = 25;

#[cfg(test)]
mod tests;
