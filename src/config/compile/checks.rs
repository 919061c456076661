//! Monitors and recoveries with their names and files resolved.
use super::names::Names;
use crate::base::{MonitorId, Span};
use crate::config::Files;
use crate::config::diagnostic::Diagnostics;
use crate::config::read::default_steps;
use crate::config::spec::{MonitorSpec, Spec};
use crate::plan::{Approval, Check, DampingPolicy, Monitor, Recovery};

/// The recovery of services that name none.
const DEFAULT: &str = "default";

/// How things are checked, and how they come back.
pub(super) struct Checks<'s> {
    pub(super) monitor_names: Names<'s>,
    pub(super) recovery_names: Names<'s>,
    pub(super) monitors: Vec<Monitor>,
    /// The last one is the built-in default, unless the config has one of that name.
    pub(super) recoveries: Vec<Recovery>,
    /// The place of the default.
    pub(super) default: usize,
}

impl<'s> Checks<'s> {
    pub(super) fn resolve(spec: &'s Spec, files: &Files, found: &mut Diagnostics) -> Self {
        let monitors = spec.monitors.iter().map(|one| &*one.name.value);
        let recoveries = spec.recoveries.iter().map(|one| &*one.name.value);
        let monitor_names = Names::new("monitor", monitors);
        let recovery_names = Names::new("recovery", recoveries);
        let monitors = spec.monitors.iter();
        let monitors = monitors.map(|one| monitor(one, spec, files, found));
        let mut checks = Self {
            monitors: monitors.collect(),
            recoveries: Vec::new(),
            default: recovery_names
                .place(DEFAULT)
                .unwrap_or(spec.recoveries.len()),
            monitor_names,
            recovery_names,
        };
        checks.add_recoveries(spec, found);
        checks
    }

    fn add_recoveries(&mut self, spec: &Spec, found: &mut Diagnostics) {
        for recovery in &spec.recoveries {
            let gate = recovery.gate.as_ref();
            let gate = gate.and_then(|name| self.monitor_names.find(name, found));
            self.recoveries.push(Recovery {
                name: recovery.name.value.clone(),
                steps: recovery.steps.clone(),
                every: recovery.every,
                gates: gate.into_iter().map(MonitorId::from_index).collect(),
                approval: Approval::Automatic,
                delay: Span::ZERO,
                damping: DampingPolicy::DEFAULT,
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
}

fn monitor(spec: &MonitorSpec, whole: &Spec, files: &Files, found: &mut Diagnostics) -> Monitor {
    let mut check = spec.check.clone();
    if let (Check::Http(http), Some(path)) = (&mut check, &spec.roots)
        && let Some(tls) = &mut http.tls
    {
        match files.get(&whole.resolve(path)) {
            Some(Ok(text)) if has_certificate(text) => {
                tls.roots = Some((path.value.clone(), text.clone()));
            }
            Some(Ok(_)) => {
                found
                    .error(&path.at, format!("`{}` holds no certificate", path.value))
                    .help("roots are in PEM: `-----BEGIN CERTIFICATE-----`");
            }
            Some(Err(reason)) => {
                let message = format!("cannot read `{}`: {reason}", path.value);
                found.error(&path.at, message).help(HELP);
            }
            None => {
                let message = format!("`{}` was not read", path.value);
                found.error(&path.at, message).help(HELP);
            }
        }
    }
    Monitor {
        name: spec.name.value.clone(),
        check,
        port: spec.port,
        interval: spec.interval,
        near_interval: spec.near_interval,
        timeout: spec.timeout,
        fall: spec.fall,
        rise: spec.rise,
    }
}

const HELP: &str = "paths are relative to the folder of the config";

fn has_certificate(text: &[u8]) -> bool {
    let mark = b"-----BEGIN CERTIFICATE-----";
    text.windows(mark.len()).any(|window| window == mark)
}
