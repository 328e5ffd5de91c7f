//! A server that lives as long as the test that started it.

use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A program in a process group of its own, killed when this is dropped, and also when the test
/// process ends in any other way.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
}

impl Server {
    /// Starts a program; its output goes to `log`.
    pub(crate) fn start(command: &Command, log: &Path) -> Self {
        let log = std::fs::File::create(log).expect("the target folder can be written");
        let also = log.try_clone().expect("a file can be opened twice");
        let mut shell = Command::new("sh");
        shell
            .args(["-c", LEASH, "sh"])
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
        // The end of our pipe is what the shell waits for; it ends when its children have.
        drop(self.child.stdin.take());
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

/// Runs a program until it ends, or until nobody holds the other end of our input any more.
const LEASH: &str = r#"
exec 3<&0
"$@" </dev/null 3<&- &
program=$!
{ read -r _ <&3; kill -KILL "$program"; } 2>/dev/null &
wait "$program"
kill "$!" 2>/dev/null
wait
"#;
