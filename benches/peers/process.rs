//! Programs on a core of their own: start, account, stop.
//!
//! What a server costs is what the scheduler has charged to all its threads and to those of its
//! children (`/proc/PID/task/*/schedstat`, first field, nanoseconds: user and system). All that
//! was started is stopped by its id, also when the run is interrupted: signals are caught
//! before anything starts, and one thread waits for them. They are not blocked, since what is
//! started would inherit that and be deaf to its end.
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::signal::unix::{SignalKind, signal};

use crate::{Failure, explain};

/// How long a server may take to end by itself.
const END: Duration = Duration::from_secs(10);

/// What has to go when the run is interrupted.
static LEFTOVERS: Mutex<Leftovers> = Mutex::new(Leftovers {
    processes: Vec::new(),
    folder: None,
});

struct Leftovers {
    processes: Vec<Pid>,
    folder: Option<PathBuf>,
}

/// A program that is stopped when it is dropped.
pub(crate) struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

/// Memory of the largest process of a server, KiB.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Memory {
    /// What is resident now (VmRSS).
    pub(crate) now: u64,
    /// The most that ever was (VmHWM).
    pub(crate) peak: u64,
}

/// Which cores a program may use.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cores {
    /// The one that servers have.
    Server,
    /// All that there are.
    All,
}

/// The cores of this run.
#[derive(Clone, Copy)]
pub(crate) struct Split {
    all: CpuSet,
    server: CpuSet,
}

impl Split {
    /// Gives the first core to this thread and the second to servers.
    pub(crate) fn make() -> Result<Self, Failure> {
        let all = sched_getaffinity(myself()).map_err(explain("the cores of this process"))?;
        let mut usable = (0..CpuSet::count()).filter(|core| all.is_set(*core) == Ok(true));
        let (Some(generator), Some(server)) = (usable.next(), usable.next()) else {
            return Err("two cores are needed: one to ask and one to answer".to_owned());
        };
        sched_setaffinity(myself(), &only(generator)?).map_err(explain("pinning"))?;
        Ok(Self {
            all,
            server: only(server)?,
        })
    }

    /// Starts a program; its output goes to `log`.
    pub(crate) fn start(
        &self,
        cores: Cores,
        name: &str,
        command: &mut Command,
        log: PathBuf,
    ) -> Result<Process, Failure> {
        let file = File::create(&log).map_err(explain("a log"))?;
        let output = file.try_clone().map_err(explain("a log"))?;
        command.stdin(Stdio::null()).stdout(output).stderr(file);
        let own = sched_getaffinity(myself()).map_err(explain("pinning"))?;
        let wanted = match cores {
            Cores::Server => &self.server,
            Cores::All => &self.all,
        };
        // A child inherits the cores of the thread that starts it.
        sched_setaffinity(myself(), wanted).map_err(explain("pinning"))?;
        let child = command.spawn();
        sched_setaffinity(myself(), &own).map_err(explain("pinning"))?;
        let child = child.map_err(explain(&format!("{name} (benches/peers/run installs it)")))?;
        let process = Process {
            name: name.to_owned(),
            child,
            log,
        };
        leftovers().processes.push(process.pid());
        Ok(process)
    }
}

impl Process {
    /// Its id.
    pub(crate) fn pid(&self) -> Pid {
        pid(self.child.id())
    }

    /// Whether it still runs; if not, what it said.
    pub(crate) fn check(&mut self) -> Result<(), Failure> {
        match self.child.try_wait() {
            Ok(None) => Ok(()),
            _ => Err(format!("{} has ended: {}", self.name, self.said())),
        }
    }

    /// Waits for its end; all that it said, if it ended well.
    pub(crate) fn finish(mut self) -> Result<String, Failure> {
        let status = self.child.wait().map_err(explain(&self.name))?;
        if !status.success() {
            return Err(format!("{} has ended: {}", self.name, self.said()));
        }
        fs::read_to_string(&self.log).map_err(explain(&self.name))
    }

    /// The end of its log.
    pub(crate) fn said(&self) -> String {
        let text = fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text).into_owned();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(12)..].join("\n")
    }

    /// CPU time of all its threads and those of its children so far.
    pub(crate) fn cpu(&self) -> Duration {
        let threads = family(self.pid()).into_iter().flat_map(threads);
        Duration::from_nanos(threads.map(|thread| run_time(&thread)).sum())
    }

    /// Threads that it and its children have.
    pub(crate) fn thread_count(&self) -> usize {
        family(self.pid()).into_iter().flat_map(threads).count()
    }

    /// Memory of its largest process.
    pub(crate) fn memory(&self) -> Memory {
        let all = family(self.pid()).into_iter().map(memory);
        all.max_by_key(|memory| memory.now)
            .unwrap_or(Memory { now: 0, peak: 0 })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let (pid, end) = (self.pid(), Instant::now() + END);
        let _ = kill(pid, Signal::SIGTERM);
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(5));
        }
        for member in family(self.pid()) {
            let _ = kill(member, Signal::SIGKILL);
        }
        let _ = self.child.wait();
        leftovers().processes.retain(|other| *other != pid);
    }
}

/// Has a signal stop all that was started; to be called before anything starts.
pub(crate) fn clean_up_on_signals() -> Result<(), Failure> {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().build();
    let runtime = runtime.map_err(explain("a runtime for signals"))?;
    let within = runtime.enter();
    let caught = |kind| signal(kind).map_err(explain("signals"));
    let mut interrupt = caught(SignalKind::interrupt())?;
    let mut terminate = caught(SignalKind::terminate())?;
    let mut hangup = caught(SignalKind::hangup())?;
    drop(within);
    std::thread::spawn(move || {
        runtime.block_on(async {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                _ = hangup.recv() => {}
            }
        });
        let leftovers = leftovers();
        for process in leftovers.processes.iter().flat_map(|main| family(*main)) {
            let _ = kill(process, Signal::SIGKILL);
        }
        if let Some(folder) = &leftovers.folder {
            let _ = fs::remove_dir_all(folder);
        }
        std::process::exit(130);
    });
    Ok(())
}

/// Has this folder removed when the run is interrupted.
pub(crate) fn remember_folder(folder: &Path) {
    leftovers().folder = Some(folder.to_owned());
}

fn leftovers() -> std::sync::MutexGuard<'static, Leftovers> {
    LEFTOVERS
        .lock()
        .expect("nothing panics while it holds this")
}

fn myself() -> Pid {
    Pid::from_raw(0)
}

fn pid(id: u32) -> Pid {
    Pid::from_raw(i32::try_from(id).expect("process ids are small"))
}

fn only(core: usize) -> Result<CpuSet, Failure> {
    let mut set = CpuSet::new();
    set.set(core).map_err(explain("pinning"))?;
    Ok(set)
}

/// A process and all that descend from it.
fn family(main: Pid) -> Vec<Pid> {
    let parents = parents();
    let mut family = vec![main];
    let mut known = 0;
    while known < family.len() {
        let children = parents
            .iter()
            .filter(|(_, parent)| *parent == family[known]);
        let children: Vec<Pid> = children.map(|(child, _)| *child).collect();
        family.extend(children);
        known += 1;
    }
    family
}

/// Every process of the machine with its parent.
fn parents() -> Vec<(Pid, Pid)> {
    let folders = fs::read_dir("/proc").into_iter().flatten().flatten();
    let ids = folders.filter_map(|folder| folder.file_name().to_str()?.parse().ok());
    ids.filter_map(|id: u32| Some((pid(id), parent(id)?)))
        .collect()
}

/// The second field after the name, which may hold anything but ends at the last parenthesis.
fn parent(id: u32) -> Option<Pid> {
    let text = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    let (_, rest) = text.rsplit_once(')')?;
    Some(pid(rest.split_whitespace().nth(1)?.parse().ok()?))
}

fn threads(process: Pid) -> Vec<PathBuf> {
    let folders = fs::read_dir(format!("/proc/{process}/task"));
    folders
        .into_iter()
        .flatten()
        .flatten()
        .map(|folder| folder.path())
        .collect()
}

/// Nanoseconds on a core; nothing if the thread has just ended.
fn run_time(thread: &Path) -> u64 {
    let text = fs::read_to_string(thread.join("schedstat")).unwrap_or_default();
    text.split(' ')
        .next()
        .and_then(|field| field.parse().ok())
        .unwrap_or(0)
}

fn memory(process: Pid) -> Memory {
    let text = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let field = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|line| line.split_whitespace().next()?.parse().ok())
            .unwrap_or(0)
    };
    Memory {
        now: field("VmRSS:"),
        peak: field("VmHWM:"),
    }
}
