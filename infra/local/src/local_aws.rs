//! MiniStack, a stand-in for AWS, behind a proxy.
//!
//! The functions it runs are told the proxy's address as `AWS_ENDPOINT_URL`; we talk to MiniStack
//! itself. It listens on the loopback only.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::api::REGION;
use crate::error::LocalError;
use crate::process::Group;
use crate::proxy::Proxy;
use crate::venv::{Venv, tail};
use crate::workspace::Workspace;

/// How long MiniStack may take until it answers; it takes half a second where the disk is warm.
const START_LIMIT: Duration = Duration::from_secs(120);

/// How often another port is tried when somebody took the one that was free.
const PORTS_TRIED: usize = 3;

/// Ports that no system hands out by itself: those of Linux begin at 32768, of others higher.
const PORTS: Range<u16> = 20_000..32_000;

/// How long the logs of earlier runs are kept.
const LOGS_KEPT: Duration = Duration::from_secs(24 * 60 * 60);

/// A running stand-in; it and every function it runs end when this is dropped.
#[derive(Debug)]
pub struct LocalAws {
    group: Group,
    proxy: Proxy,
    endpoint: String,
    run: Run,
}

/// Whether roles mean anything.
#[derive(Debug, Clone, Copy)]
enum Permissions {
    Ignored,
    Enforced,
}

impl Permissions {
    /// As MiniStack's `AUTH` says it.
    fn word(self) -> &'static str {
        match self {
            Self::Ignored => "false",
            Self::Enforced => "true",
        }
    }
}

/// A process that runs a function, as Lambda's execution environment does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sandbox {
    pid: i32,
}

impl LocalAws {
    /// Installs MiniStack where it is not there yet. [`LocalAws::start`] does so too; a caller that
    /// has slow work to do before learns sooner what is missing. Blocks, some 15 s the first time.
    pub fn install(workspace: &Workspace) -> Result<(), LocalError> {
        Venv::MINISTACK.python(workspace).map(|_| ())
    }

    /// Starts a stand-in on a free port, with nothing in it; installs it first where it must.
    pub async fn start(workspace: &Workspace) -> Result<Self, LocalError> {
        Self::start_with(workspace, Permissions::Ignored).await
    }

    /// Starts one that lets a function do only what its role allows. Our own calls are root's; those to
    /// queues must go by the proxy, because the queues' policies refuse what does not come by TLS.
    pub async fn start_enforcing(workspace: &Workspace) -> Result<Self, LocalError> {
        Self::start_with(workspace, Permissions::Enforced).await
    }

    /// Starts one, on another port where somebody took the first.
    async fn start_with(
        workspace: &Workspace,
        permissions: Permissions,
    ) -> Result<Self, LocalError> {
        let for_install = workspace.clone();
        let python = tokio::task::spawn_blocking(move || Venv::MINISTACK.python(&for_install))
            .await
            .map_err(|error| LocalError::because("the installation broke off", error))??;
        let home = workspace.home()?;
        let mut last = None;
        for _ in 0..PORTS_TRIED {
            match Self::start_once(&python, &home, permissions).await {
                Ok(running) => return Ok(running),
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| LocalError::failed("no port was tried")))
    }

    /// MiniStack itself: calls made here are neither counted nor spoiled.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// What the functions talk to.
    pub fn proxy(&self) -> &Proxy {
        &self.proxy
    }

    /// What MiniStack says, kept for a day after its end.
    pub fn log(&self) -> PathBuf {
        self.run.log()
    }

    /// The processes that run a function now, any function where the name is empty, oldest first.
    /// Linux only: elsewhere there are none.
    pub fn sandboxes(&self, function: &str) -> Vec<Sandbox> {
        let mut found: Vec<Sandbox> = fs::read_dir("/proc")
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| sandbox(&entry.path(), self.group.id(), function))
            .collect();
        found.sort_unstable();
        found
    }

    /// The process that runs a function and has this end of a connection over the loopback: who
    /// sent a request ([`Received::from`](crate::Received::from)). Linux only: elsewhere there is
    /// none.
    pub fn sandbox_at(&self, end: SocketAddr) -> Option<Sandbox> {
        let sockets = fs::read_to_string("/proc/net/tcp").ok()?;
        let inode = sockets.lines().find_map(|line| inode(line, end))?;
        let socket = format!("socket:[{inode}]");
        let holds = |sandbox: &Sandbox| {
            let files = fs::read_dir(format!("/proc/{}/fd", sandbox.pid));
            let mut files = files.into_iter().flatten().flatten();
            files.any(|file| {
                fs::read_link(file.path()).is_ok_and(|leads_to| leads_to.as_os_str() == &*socket)
            })
        };
        self.sandboxes("").into_iter().find(holds)
    }

    /// One try on one port.
    async fn start_once(
        python: &Path,
        home: &Path,
        permissions: Permissions,
    ) -> Result<Self, LocalError> {
        let port = free_port()?;
        let run = Run::new(home, port)?;
        let proxy = Proxy::start(&format!("127.0.0.1:{port}")).await?;
        if matches!(permissions, Permissions::Enforced) {
            proxy.pass_as_tls();
        }
        let failed = |error| LocalError::because("cannot write MiniStack's log", error);
        let log = File::create(run.log()).map_err(failed)?;
        let twin = log.try_clone().map_err(failed)?;
        let mut command = Group::command(python);
        command
            .args(["-m", "ministack"])
            .current_dir(&run.folder)
            // Functions inherit what MiniStack has: nothing of this process may leak into them.
            .env_clear()
            .envs(["PATH", "HOME", "LANG"].into_iter().filter_map(|name| {
                let value = std::env::var_os(name)?;
                Some((name, value))
            }))
            .env("TMPDIR", run.temporary())
            .env("PYTHONUNBUFFERED", "1")
            .env("AWS_ENDPOINT_URL", proxy.endpoint())
            .env("GATEWAY_PORT", port.to_string())
            .env("BIND_HOST", "127.0.0.1")
            .env("MINISTACK_REGION", REGION)
            .env("IOT_MTLS_ENABLED", "0")
            .env("SFTP_ENABLED", "0")
            .env("AUTH", permissions.word())
            .stdout(log)
            .stderr(twin);
        let mut running = Self {
            group: Group::spawn(command)?,
            proxy,
            endpoint: format!("http://127.0.0.1:{port}"),
            run,
        };
        running.wait_until_ready().await?;
        Ok(running)
    }

    /// Waits until it answers.
    async fn wait_until_ready(&mut self) -> Result<(), LocalError> {
        let api = crate::api::Api::new(&self.endpoint)?;
        let end = Instant::now() + START_LIMIT;
        loop {
            if let Some(status) = self.group.try_wait() {
                return Err(self.not_ready(&format!("ended at its start ({status})")));
            }
            if api.is_healthy().await {
                return Ok(());
            }
            if Instant::now() >= end {
                return Err(self.not_ready("did not answer in time"));
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
    }

    /// What went wrong, with the end of the log.
    fn not_ready(&self, what: &str) -> LocalError {
        let log = self.log();
        let said = tail(&log);
        LocalError::failed(format!("MiniStack {what}: {said}; see {}", log.display()))
    }
}

impl Sandbox {
    /// The process.
    pub fn pid(self) -> i32 {
        self.pid
    }

    /// Kills it at once, as an out-of-memory kill would.
    pub fn kill(self) -> Result<(), LocalError> {
        kill(Pid::from_raw(self.pid), Signal::SIGKILL)
            .map_err(|error| LocalError::because(format!("cannot kill {}", self.pid), error))
    }

    /// Freezes it, as Lambda freezes a sandbox: it hears nothing until somebody kills it.
    pub fn stop(self) -> Result<(), LocalError> {
        kill(Pid::from_raw(self.pid), Signal::SIGSTOP)
            .map_err(|error| LocalError::because(format!("cannot stop {}", self.pid), error))
    }
}

/// The folder of one run: its log, which stays, and its temporary files, which do not.
#[derive(Debug)]
struct Run {
    folder: PathBuf,
}

impl Run {
    /// Makes the folder, and removes those of runs long past.
    fn new(home: &Path, port: u16) -> Result<Self, LocalError> {
        let runs = home.join("runs");
        let folder = runs.join(format!("{}-{port}", process::id()));
        let run = Self { folder };
        fs::create_dir_all(run.temporary()).map_err(|error| {
            LocalError::because(format!("cannot make {}", run.folder.display()), error)
        })?;
        for old in fs::read_dir(&runs).into_iter().flatten().flatten() {
            let modified = old.metadata().and_then(|metadata| metadata.modified());
            let age = modified.map(|then| SystemTime::now().duration_since(then));
            if matches!(age, Ok(Ok(age)) if age > LOGS_KEPT) {
                let _ = fs::remove_dir_all(old.path());
            }
        }
        Ok(run)
    }

    /// Where MiniStack's output goes.
    fn log(&self) -> PathBuf {
        self.folder.join("ministack.log")
    }

    /// Where MiniStack unpacks the functions.
    fn temporary(&self) -> PathBuf {
        self.folder.join("tmp")
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(self.temporary());
    }
}

/// A port that nobody listens on, and that the system gives to nobody who does not ask for it by
/// its number: a server that is slow to start finds it free. Another one each time.
pub fn free_port() -> Result<u16, LocalError> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    // Each process begins elsewhere.
    let _ = NEXT.compare_exchange(0, process::id() * 101, Ordering::Relaxed, Ordering::Relaxed);
    for _ in PORTS {
        let next = NEXT.fetch_add(1, Ordering::Relaxed);
        let ports = PORTS.end - PORTS.start;
        let port = u16::try_from(next % u32::from(ports)).map_or(PORTS.start, |n| PORTS.start + n);
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    Err(LocalError::failed("no free port on 127.0.0.1"))
}

/// The inode of a socket in a line of `/proc/net/tcp`, where it is this end of a connection.
fn inode(line: &str, end: SocketAddr) -> Option<&str> {
    let mut fields = line.split_ascii_whitespace().skip(1);
    let (address, port) = fields.next()?.split_once(':')?;
    let SocketAddr::V4(end) = end else {
        return None;
    };
    // The address as the machine holds it in memory, the port as a number.
    let address = u32::from_str_radix(address, 16).ok()?.to_ne_bytes();
    let port = u16::from_str_radix(port, 16).ok()?;
    (address == end.ip().octets() && port == end.port()).then_some(())?;
    fields.nth(7)
}

/// Reads a folder of `/proc`: a process of that group that runs that function.
fn sandbox(folder: &Path, group: u32, function: &str) -> Option<Sandbox> {
    let pid = folder.file_name()?.to_str()?.parse().ok()?;
    let stat = fs::read_to_string(folder.join("stat")).ok()?;
    // After the command, which may hold anything: state, parent, group.
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace();
    let alive = fields.next()? != "Z";
    let in_group = fields.nth(1)?.parse::<u32>().ok()? == group;
    (alive && in_group).then_some(())?;
    let environment = fs::read(folder.join("environ")).ok()?;
    let name = format!("AWS_LAMBDA_FUNCTION_NAME={function}");
    let of_function = environment
        .split(|byte| *byte == 0)
        .any(|variable| match function {
            "" => variable.starts_with(name.as_bytes()),
            _ => variable == name.as_bytes(),
        });
    of_function.then_some(Sandbox { pid })
}

#[cfg(test)]
mod tests;
