//! What a process costs, as the kernel accounts for it: time on a core by thread, and memory.
use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

/// Time that each thread has spent on a core, by its name; threads of one name together.
#[derive(Clone, Debug)]
pub(crate) struct Spent(BTreeMap<String, Duration>);

impl Spent {
    /// What a process has spent so far.
    pub(crate) fn by(id: u32) -> Self {
        let mut spent = BTreeMap::new();
        for task in fs::read_dir(format!("/proc/{id}/task")).unwrap() {
            let task = task.unwrap().path();
            // A thread may end between the listing and the look at it.
            let Ok(name) = fs::read_to_string(task.join("comm")) else {
                continue;
            };
            let Ok(figures) = fs::read_to_string(task.join("schedstat")) else {
                continue;
            };
            let nanos = figures.split(' ').next().unwrap().parse().unwrap();
            let entry: &mut Duration = spent.entry(name.trim().to_owned()).or_default();
            *entry += Duration::from_nanos(nanos);
        }
        Self(spent)
    }

    /// What was spent since an earlier look, by thread.
    pub(crate) fn since(&self, earlier: &Self) -> Vec<(String, Duration)> {
        let parts = self.0.iter().map(|(name, spent)| {
            let before = earlier.0.get(name).copied().unwrap_or_default();
            (name.clone(), spent.saturating_sub(before))
        });
        parts.collect()
    }
}

/// A figure of `/proc/PID/status` that is in kB (`VmRSS`, `VmHWM`), as bytes.
pub(crate) fn memory(id: u32, figure: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with(figure))
        .unwrap();
    line.split_whitespace()
        .nth(1)
        .unwrap()
        .parse::<u64>()
        .unwrap()
        * 1024
}
