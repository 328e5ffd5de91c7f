//! A server that lives as long as the test that started it.

use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

/// A child process in a process group of its own, killed with its group when this is dropped, and
/// by itself when the test process ends in any other way.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
}

impl Server {
    /// Starts a program; its output goes to `log`.
    pub(crate) fn start(command: &Command, log: &Path) -> Self {
        let log = std::fs::File::create(log).expect("the target folder can be written");
        let also = log.try_clone().expect("a file can be opened twice");
        // The shell holds the other end of our pipe: when we are gone it reads the end, and takes
        // the server with it.
        let mut shell = Command::new("sh");
        shell
            .args(["-c", r#""$@" & read _; kill -KILL $!"#, "sh"])
            .arg(command.get_program())
            .args(command.get_args())
            .stdin(Stdio::piped())
            .stdout(log)
            .stderr(also)
            .process_group(0);
        if let Some(folder) = command.get_current_dir() {
            shell.current_dir(folder);
        }
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => shell.env(name, value),
                None => shell.env_remove(name),
            };
        }
        let child = shell.spawn().expect("a shell can be started");
        Self { child }
    }

    /// Whether it has ended by itself.
    pub(crate) fn has_ended(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(Some(_)))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Ok(id) = i32::try_from(self.child.id()) {
            // It may be gone already.
            let _ = killpg(Pid::from_raw(id), Signal::SIGKILL);
        }
        let _ = self.child.wait();
    }
}

/// A port of this machine that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    let address = listener
        .local_addr()
        .expect("a bound socket has an address");
    address.port()
}
