//! What a run of the harness needs: the functions, the stand-in, and a core for each.

use std::num::NonZero;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;

use waybill_local::process::find_program;
use waybill_local::stub::{Latencies, Latency, Stub};
use waybill_local::{BuiltFunctions, LocalError, Profile, Workspace, functions, say};

/// Everything that is there before anything is measured.
pub(crate) struct Rig {
    /// The project's folder.
    pub(crate) workspace: Workspace,
    /// The functions as they are deployed.
    pub(crate) built: BuiltFunctions,
    /// AWS and the target.
    pub(crate) stub: Stub,
    /// How often everything is measured.
    pub(crate) rounds: u32,
    /// Variables more for the project's functions.
    pub(crate) variables: Vec<(String, String)>,
    /// The core of what is measured, where there is one to spare.
    pub(crate) core: Option<usize>,
}

/// What is there before anything runs.
pub(crate) struct Ground {
    workspace: Workspace,
    built: BuiltFunctions,
    core: Option<usize>,
}

impl Ground {
    /// Builds the functions, and keeps this process off the core of what is measured: threads that
    /// are started from now on too.
    pub(crate) fn prepare() -> Result<Self, LocalError> {
        let workspace = Workspace::find()?;
        let built = functions::build(&workspace, Profile::Release)?;
        let core = spare_core();
        if core.is_none() {
            say("one core, or no `taskset`: what is measured shares its core with the harness");
        }
        Ok(Self {
            workspace,
            built,
            core,
        })
    }
}

/// The last core, where there is another one for the harness, which is kept to those before it.
fn spare_core() -> Option<usize> {
    let last = thread::available_parallelism().map_or(1, NonZero::get) - 1;
    find_program("taskset")?;
    let mut others = CpuSet::new();
    (0..last).try_for_each(|core| others.set(core)).ok()?;
    (last > 0).then_some(())?;
    sched_setaffinity(Pid::from_raw(0), &others).ok()?;
    Some(last)
}

impl Rig {
    /// Starts the stand-in.
    pub(crate) async fn on(
        ground: Ground,
        rounds: u32,
        variables: &[(String, String)],
    ) -> Result<Self, LocalError> {
        Ok(Self {
            workspace: ground.workspace,
            built: ground.built,
            stub: Stub::start(VISIBILITY, RECEIVES).await?,
            rounds,
            variables: variables.to_vec(),
            core: ground.core,
        })
    }

    /// Where a function's binary is.
    pub(crate) fn binary(&self, function: &str) -> Result<PathBuf, LocalError> {
        let binary = self.built.binary(function);
        let binary =
            binary.ok_or_else(|| LocalError::failed(format!("no {function} was built")))?;
        Ok(binary.to_owned())
    }

    /// Everything answers at once.
    pub(crate) fn no_latency(&self) {
        self.stub.set_latencies(Latencies::default());
    }

    /// AWS answers in 5 ms, the target in 20.
    pub(crate) fn usual_latency(&self) {
        self.stub.set_latencies(Latencies {
            dynamodb: Latency::of(AWS_TAKES),
            sqs: Latency::of(AWS_TAKES),
            target: Latency::of(TARGET_TAKES),
        });
    }

    /// AWS answers in 5 ms, the target in 5 to 50.
    pub(crate) fn spread_latency(&self) {
        self.stub.set_latencies(Latencies {
            target: Latency::between(AWS_TAKES, SPREAD_MOST),
            dynamodb: Latency::of(AWS_TAKES),
            sqs: Latency::of(AWS_TAKES),
        });
    }
}

/// How long a message is hidden once it was received.
pub(crate) const VISIBILITY: Duration = Duration::from_secs(30);

/// How often a message is received before it is dead.
const RECEIVES: u32 = 25;

/// What a request to AWS takes.
pub(crate) const AWS_TAKES: Duration = Duration::from_millis(5);

/// What a delivery takes.
pub(crate) const TARGET_TAKES: Duration = Duration::from_millis(20);

/// What the slowest delivery takes, where they differ.
const SPREAD_MOST: Duration = Duration::from_millis(50);
