//! Monitors and recoveries with their names and files resolved.
//!
//! One gate is no monitor: `approve` is an operator's word. Canaries are watched by a monitor of
//! their own, which no config can shape: what tells a sick network from sick endpoints must not be
//! as slow or as patient as somebody's monitor happens to be.
use std::path::PathBuf;

use super::names::Names;
use super::places::Places;
use super::watch::{self, WatchedBy};
use crate::base::{MonitorId, Span};
use crate::config::Files;
use crate::config::diagnostic::Diagnostics;
use crate::config::read::default_steps;
use crate::config::reader::At;
use crate::config::spec::{MonitorSpec, RecoverySpec, Spec};
use crate::config::value::Trouble;
use crate::monitor::Check;
use crate::monitor::kind::NamedFile;
use crate::monitor::source::ProbeSource;
use crate::plan::{Approval, DampingPolicy, FailureCount, Monitor, Recovery};

/// The recovery of services that name none.
const DEFAULT: &str = "default";
/// The gate that is no monitor.
const APPROVE: &str = "approve";
/// The monitor of canaries.
const CANARY: &str = "canary";

/// How things are checked, and how they come back.
pub(super) struct Checks<'s> {
    pub(super) monitor_names: Names<'s>,
    pub(super) recovery_names: Names<'s>,
    pub(super) monitors: Vec<Monitor>,
    /// By endpoint: the monitors that it names itself.
    pub(super) own: Vec<Option<WatchedBy>>,
    /// The one that watches canaries, if there are any.
    pub(super) canary: Option<MonitorId>,
    /// The last one is the built-in default, unless the config has one of that name.
    pub(super) recoveries: Vec<Recovery>,
    /// The place of the default.
    pub(super) default: usize,
}

impl<'s> Checks<'s> {
    pub(super) fn resolve(
        spec: &'s Spec,
        places: &Places<'_>,
        files: &Files,
        found: &mut Diagnostics,
    ) -> Self {
        let monitors = spec.monitors.iter().map(|one| &*one.name.value);
        let recoveries = spec.recoveries.iter().map(|one| &*one.name.value);
        let monitor_names = Names::new("monitor", monitors);
        let recovery_names = Names::new("recovery", recoveries);
        let monitors = spec.monitors.iter();
        let monitors = monitors.map(|one| monitor(one, spec, files, found));
        let mut checks = Self {
            monitors: monitors.collect(),
            own: Vec::new(),
            canary: None,
            recoveries: Vec::new(),
            default: recovery_names
                .place(DEFAULT)
                .unwrap_or(spec.recoveries.len()),
            monitor_names,
            recovery_names,
        };
        checks.add_canary(spec, found);
        checks.add_recoveries(spec, found);
        let own = places.written.iter().map(|endpoint| {
            let written = endpoint.monitors.as_ref()?;
            Some(watch::resolve(written, &checks.monitor_names, found))
        });
        checks.own = own.collect();
        checks
    }

    fn add_canary(&mut self, spec: &Spec, found: &mut Diagnostics) {
        if spec.canaries.is_empty() {
            return;
        }
        if let Some(place) = self.monitor_names.place(CANARY) {
            let at = &spec.monitors[place].name.at;
            found
                .error(
                    at,
                    format!("monitor `{CANARY}` has the name of a built-in one"),
                )
                .help("`[guard] canaries` are watched by it: give this one another name");
        }
        self.canary = Some(MonitorId::from_index(self.monitors.len()));
        self.monitors.push(canary_monitor());
    }

    fn add_recoveries(&mut self, spec: &Spec, found: &mut Diagnostics) {
        for recovery in &spec.recoveries {
            let (gates, approval) = self.gates(recovery, found);
            self.recoveries.push(Recovery {
                name: recovery.name.value.clone(),
                steps: recovery.steps.clone(),
                every: recovery.every,
                gates,
                approval,
                delay: recovery.delay,
                damping: recovery.damping,
            });
        }
        if self.default == self.recoveries.len() {
            let (steps, every) = default_steps();
            self.recoveries.push(Recovery {
                name: DEFAULT.to_owned(),
                steps,
                every,
                gates: Vec::new(),
                approval: Approval::Automatic,
                delay: Span::ZERO,
                damping: DampingPolicy::DEFAULT,
            });
        }
    }

    /// The monitors that are gates, and whether an operator must say so as well.
    fn gates(&self, spec: &RecoverySpec, found: &mut Diagnostics) -> (Vec<MonitorId>, Approval) {
        let words = spec.gates.iter().cloned();
        let (words, names): (Vec<At<String>>, Vec<At<String>>) =
            words.partition(|gate| gate.value == APPROVE);
        let gates = self.monitor_names.find_all(&names, found);
        if let Some(second) = words.get(1) {
            found
                .error(&second.at, format!("gate `{APPROVE}` is listed twice"))
                .help("remove one of them");
        }
        let failback = spec.failback.as_ref();
        if let Some(word) = words.first() {
            self.check_approve(word, found);
            if let Some(automatic) = failback.filter(|one| one.value == Approval::Automatic) {
                found
                    .error(&automatic.at, format!("gate `{APPROVE}` says the opposite"))
                    .help("remove this key, or the gate");
            }
        }
        let approval = match (words.is_empty(), failback) {
            (false, _) => Approval::Needed,
            (true, Some(given)) => given.value,
            (true, None) => Approval::Automatic,
        };
        (
            gates.into_iter().map(MonitorId::from_index).collect(),
            approval,
        )
    }

    /// The word must not be a monitor's name as well.
    fn check_approve(&self, word: &At<String>, found: &mut Diagnostics) {
        if self.monitor_names.place(APPROVE).is_some() {
            found
                .error(
                    &word.at,
                    format!("`{APPROVE}` is a monitor here, and an operator's word"),
                )
                .label("which of the two is meant?")
                .help("give the monitor another name");
        }
    }
}

/// Quick to see that the network is gone, and slow to believe that it is back: five passes in a row,
/// a second apart.
fn canary_monitor() -> Monitor {
    Monitor {
        name: CANARY.to_owned(),
        check: Check::default(),
        port: 0, // Each canary has its own.
        interval: Span::from_secs(5),
        near_interval: Span::from_secs(1),
        timeout: Span::from_secs(2),
        slow_after: None,
        degraded: None,
        source: ProbeSource::default(),
        fall: 2,
        failures: FailureCount::Accumulated,
        rise: 5,
    }
}

fn monitor(spec: &MonitorSpec, whole: &Spec, files: &Files, found: &mut Diagnostics) -> Monitor {
    let mut check = spec.written.check.clone();
    for (key, path) in &spec.written.files {
        if let Err(trouble) = take_file(&mut check, key, path, whole.resolve(path), files) {
            let error = found.error(&path.at, trouble.message);
            error.help(trouble.help.unwrap_or_else(|| HELP.to_owned()));
        }
    }
    if matches!(check, Check::Exec(_)) && !whole.server.exec {
        let message = format!(
            "monitor `{}` runs a program, and that is off",
            spec.name.value
        );
        found.error(&spec.name.at, message).help(
            "write `exec = true` in [server]: then whoever writes the config has programs run as the server's user",
        );
    }
    Monitor {
        name: spec.name.value.clone(),
        check,
        port: spec.written.port,
        interval: spec.interval,
        near_interval: spec.near_interval,
        timeout: spec.timeout,
        slow_after: spec.slow_after,
        degraded: spec.degraded,
        source: spec.source.clone(),
        fall: spec.fall,
        failures: spec.failures,
        rise: spec.rise,
    }
}

/// Gives a monitor the content of a file that it names.
fn take_file(
    check: &mut Check,
    key: &'static str,
    path: &At<String>,
    place: PathBuf,
    files: &Files,
) -> Result<(), Trouble> {
    let path = &path.value;
    match files.get(&place) {
        Some(Ok(content)) => check.take_file(&NamedFile { key, path, content }),
        Some(Err(reason)) => Err(Trouble::new(format!("cannot read `{path}`: {reason}"))),
        None => Err(Trouble::new(format!("`{path}` was not read"))),
    }
}

const HELP: &str = "paths are relative to the folder of the config";
