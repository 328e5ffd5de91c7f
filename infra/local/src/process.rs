//! Children that never outlive us.
//!
//! Each child runs in a process group of its own and under a leash: a pipe whose other end we hold.
//! Dropping a [`Group`] kills the group; where this process dies without dropping anything (killed,
//! aborted, a test that is broken off), the pipe breaks and the child's own shell kills the group.

use std::env;
use std::ffi::OsStr;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::error::LocalError;

/// A program and everything it starts.
#[derive(Debug)]
pub struct Group {
    /// The shell that holds the leash, which leads the group. Its stdin is our end of the pipe.
    shell: Child,
    /// Whether the shell was waited for: its number may be another's from then on.
    ended: bool,
}

impl Group {
    /// The command for a program under a leash; the caller adds arguments, folder, environment and
    /// outputs, and starts it by [`Group::spawn`].
    pub fn command(program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("/bin/sh");
        command.arg("-c").arg(LEASH).arg("leash").arg(program);
        command
    }

    /// Starts a command made by [`Group::command`].
    pub fn spawn(mut command: Command) -> Result<Self, LocalError> {
        let shell = command
            .process_group(0)
            .stdin(Stdio::piped())
            .spawn()
            .map_err(|error| LocalError::because("cannot start /bin/sh", error))?;
        Ok(Self {
            shell,
            ended: false,
        })
    }

    /// The group's number.
    pub fn id(&self) -> u32 {
        self.shell.id()
    }

    /// What the program writes, where the command asked for a pipe; once.
    pub fn take_stdout(&mut self) -> Option<ChildStdout> {
        self.shell.stdout.take()
    }

    /// Waits for the program's end.
    pub fn wait(&mut self) -> Result<ExitStatus, LocalError> {
        // `Child::wait` would close the pipe first and so pull the leash.
        let leash = self.shell.stdin.take();
        let status = self
            .shell
            .wait()
            .map_err(|error| LocalError::because("cannot wait for a child", error));
        self.ended = true;
        drop(leash);
        status
    }

    /// Kills the program and everything it started, where it has not ended.
    pub fn kill(&mut self) {
        if self.ended {
            return;
        }
        if let Ok(id) = i32::try_from(self.shell.id()) {
            let _ = killpg(Pid::from_raw(id), Signal::SIGKILL);
        }
        self.ended = self.shell.wait().is_ok();
    }

    /// How the program ended, or `None` while it runs.
    pub fn try_wait(&mut self) -> Option<ExitStatus> {
        let status = self.shell.try_wait().ok().flatten();
        self.ended |= status.is_some();
        status
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Finds a program on `PATH`.
pub fn find_program(name: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?)
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
}

/// Runs the program; kills the whole group when the pipe breaks, and ends what the program left
/// behind when it ended.
const LEASH: &str = r#"
exec 3<&0
"$@" 3<&- </dev/null &
program=$!
(read -r _ <&3; kill -KILL 0) >/dev/null 2>&1 &
exec 3<&-
wait "$program"
status=$?
trap '' TERM
kill -TERM 0
exit "$status"
"#;

#[cfg(test)]
mod tests;
