//! Probes of type `exec`: a program that runs, bounded in time, in number and in what it may say.
//!
//! It runs in a process group of its own, which is killed as a whole when the time is up, or when nobody waits for
//! the probe any more. At most [`crate::base::limits::EXEC_AT_ONCE`] run at once; who waits longer for a place than the probe may take has
//! not been looked at ([`Cause::Local`]), nor what cannot be started. Of its output no more than [`EXEC_OUTPUT_BYTES`] are
//! kept, and the rest is read and forgotten, so that it does not stand still; who holds the pipe open when the
//! program has ended is not waited for. What it may do is [`super::launcher`]'s to bound.
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::AsyncReadExt;
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;
use tracing::info;

use super::attempt::{Attempt, Destination, Probe, Resources};
use super::launcher::Programs;
use crate::base::Cause;
use crate::base::limits::EXEC_OUTPUT_BYTES;
use crate::monitor::exec::ExecCheck;

/// The folders in which the programs of monitors look for others.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A monitor of type `exec`, ready to look.
#[derive(Debug)]
pub(super) struct ExecProbe {
    command: Vec<String>,
    log_output: bool,
    programs: Programs,
}

/// A program that runs, and ends with this.
struct Running {
    child: Child,
    /// Its process group; absent once it has ended.
    group: Option<Pid>,
}

impl Probe for ExecProbe {
    type Check = ExecCheck;

    fn prepare(check: &ExecCheck, resources: &mut Resources) -> Result<Self, String> {
        Ok(Self {
            command: check.command.clone(),
            log_output: check.log_output,
            programs: resources.programs()?,
        })
    }

    async fn look(&self, to: &Destination<'_>, attempt: &mut Attempt<'_>) -> Result<(), Cause> {
        let place = async {
            let place = Arc::clone(&self.programs.places).acquire_owned().await;
            place.map_err(|_| Cause::Local)
        };
        let (_, place) = attempt.watch.phase(Cause::Local, place).await;
        let _place = place?;
        let patience_ms = attempt.watch.left_ms();
        let command = self.command(to, patience_ms).ok_or(Cause::Local)?;
        let (_, child) = attempt
            .watch
            .phase(Cause::Local, self.programs.launcher.launch(command))
            .await;
        let mut running = Running::of(child?);
        let mut output = Vec::new();
        let result = attempt.exchange(running.end(&mut output)).await;
        drop(running);
        if self.log_output && result.is_err() {
            let (program, text) = (&self.command[0], String::from_utf8_lossy(&output));
            info!(event = "exec_output", program, address = %to.address, "{}", text.trim_end());
        }
        result
    }
}

impl ExecProbe {
    fn command(&self, to: &Destination<'_>, patience_ms: u64) -> Option<Command> {
        let (program, arguments) = self.command.split_first()?;
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env_clear()
            .env("PATH", PATH)
            .env("WAYPOST_ADDRESS", to.address.ip().to_string())
            .env("WAYPOST_PORT", to.address.port().to_string())
            .env("WAYPOST_HOST", &*to.host)
            .env("WAYPOST_MONITOR_TIMEOUT_MS", patience_ms.to_string())
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .kill_on_drop(true);
        Some(command)
    }
}

impl Running {
    fn of(child: Child) -> Self {
        let id = child.id().and_then(|id| i32::try_from(id).ok());
        Self {
            child,
            group: id.map(Pid::from_raw),
        }
    }

    /// Waits for its end, and judges it.
    async fn end(&mut self, output: &mut Vec<u8>) -> Result<(), Cause> {
        let mut pipe = self.child.stdout.take();
        let mut piece = [0; 1024];
        let status = loop {
            let Some(open) = &mut pipe else {
                break self.child.wait().await;
            };
            tokio::select! {
                read = open.read(&mut piece) => match read {
                    Ok(0) | Err(_) => pipe = None,
                    Ok(count) => take(&piece[..count], output),
                },
                status = self.child.wait() => {
                    take_rest(open, output).await;
                    break status;
                }
            }
        };
        // Its number may be another's now.
        self.group = None;
        let status = status.map_err(|_| Cause::Local)?;
        match (status.code(), status.signal()) {
            (Some(0), _) => Ok(()),
            (Some(code), _) => Err(Cause::Exit(u8::try_from(code).unwrap_or(u8::MAX))),
            // As shells have it.
            (None, signal) => {
                let code = 128 + signal.unwrap_or_default();
                Err(Cause::Exit(u8::try_from(code).unwrap_or(u8::MAX)))
            }
        }
    }
}

/// Keeps so much of a piece as there is room for.
fn take(piece: &[u8], output: &mut Vec<u8>) {
    let room = EXEC_OUTPUT_BYTES.saturating_sub(output.len());
    output.extend_from_slice(&piece[..piece.len().min(room)]);
}

/// Takes what lies in the pipe of a program that has ended, and waits for nothing.
async fn take_rest(pipe: &mut ChildStdout, output: &mut Vec<u8>) {
    let mut piece = [0; 1024];
    while output.len() < EXEC_OUTPUT_BYTES {
        match timeout(Duration::ZERO, pipe.read(&mut piece)).await {
            Ok(Ok(count @ 1..)) => take(&piece[..count], output),
            Ok(Ok(0) | Err(_)) | Err(_) => return,
        }
    }
}

/// All that it has started, too.
impl Drop for Running {
    fn drop(&mut self) {
        if let Some(group) = self.group {
            // It may have ended this moment.
            let _ = killpg(group, Signal::SIGKILL);
        }
    }
}
