//! Compares a config that somebody brings with the one in force, as `waypost plan` does with two files, and proves that one, as `waypost verify` does: on a
//! thread of low priority.
//!
//! One at a time; whoever comes meanwhile is told so. Files that the config names are read beside the one in force. It changes nothing.
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::oneshot;

use super::prepared::Source;
use crate::audit::compare::compare;
use crate::audit::verify::{Verdict, verify_with};
use crate::audit::weaken::{Decisions, weakened};
use crate::config;
use crate::io::control::{ComparedConfig, ComparedPart, ProvedConfig};
use crate::io::{background, files};
use crate::plan::{Plan, Zoning};

/// The answer to whoever asked.
pub(super) type ComparerReply<T> = oneshot::Sender<Result<T, String>>;

/// Compares configs with the one in force.
#[derive(Clone)]
pub(crate) struct Comparer {
    config: PathBuf,
    in_force: Arc<RwLock<Arc<Source>>>,
    is_busy: Arc<AtomicBool>,
}

impl Comparer {
    /// One for a server with this config file.
    pub(super) fn new(config: PathBuf, in_force: Arc<RwLock<Arc<Source>>>) -> Self {
        Self {
            config,
            in_force,
            is_busy: Arc::default(),
        }
    }

    /// Compares, and tells the outcome.
    pub(super) fn compare(
        &self,
        reply: ComparerReply<ComparedConfig>,
        new: (String, ComparedPart),
    ) {
        self.begin(reply, |own| own.compared(new));
    }

    /// Proves the plan in force, and tells the outcome.
    pub(super) fn verify(&self, reply: ComparerReply<ProvedConfig>) {
        self.begin(reply, |own| {
            let source = own.source();
            let proof = verify_with(&source.plan, &source.zoning.zones);
            Ok(ProvedConfig {
                proved: proof.result == Verdict::Proved,
                breaches: proof.breaches,
                text: proof.to_string().trim_end().to_owned(),
                proof: serde_json::to_value(&proof).map_err(|error| error.to_string())?,
                policy: format!("{:016x}", source.plan.policy),
            })
        });
    }

    /// Does it on a thread of its own, and tells the outcome there.
    fn begin<T: Send + 'static>(
        &self,
        reply: ComparerReply<T>,
        work: impl FnOnce(&Self) -> Result<T, String> + Send + 'static,
    ) {
        if self.is_busy.swap(true, Ordering::AcqRel) {
            let busy = "another config is being compared or proved; try again in a moment";
            // Whoever asked may have gone.
            drop(reply.send(Err(busy.to_owned())));
            return;
        }
        let own = self.clone();
        let started = background::spawn("compare", move || {
            let outcome = work(&own);
            own.is_busy.store(false, Ordering::Release);
            // Whoever asked may have gone.
            drop(reply.send(outcome));
        });
        if started.is_err() {
            self.is_busy.store(false, Ordering::Release);
        }
    }

    fn compared(&self, (text, part): (String, ComparedPart)) -> Result<ComparedConfig, String> {
        let text = match part {
            ComparedPart::Written => text,
            ComparedPart::Kept => {
                let own = std::fs::read_to_string(&self.config);
                let own = own.map_err(|error| format!("{}: {error}", self.config.display()))?;
                // Whatever is no TOML has errors, which are told below.
                config::with_own_part(&text, &own).unwrap_or(text)
            }
        };
        let loaded = files::load_text(&self.config, &text).map_err(|error| error.to_string())?;
        let named = self.config.file_name().map(Path::new);
        let compiled = config::compile(&loaded.spec, loaded.diagnostics, &loaded.files);
        let (compiled, _) = compiled.map_err(|found| {
            let name = named.unwrap_or(&self.config).display();
            format!(
                "it has errors, which are told as of {name}\n{}",
                found.render(false)
            )
        })?;
        compared(&self.source(), (&Arc::new(compiled.plan), &compiled.zoning))
    }

    fn source(&self) -> Arc<Source> {
        Arc::clone(&self.in_force.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Compares another plan with the one in force.
pub(super) fn compared(
    source: &Source,
    (plan, zoning): (&Arc<Plan>, &Zoning),
) -> Result<ComparedConfig, String> {
    let before = Decisions {
        plan: &source.plan,
        zoning: &source.zoning,
    };
    let weakened = weakened(before, Decisions { plan, zoning });
    let [policy, new_policy] =
        [source.plan.policy, plan.policy].map(|policy| format!("{policy:016x}"));
    let comparison = compare(&source.plan, plan).and(weakened, &plan.guard);
    Ok(ComparedConfig {
        text: comparison.to_string().trim_end().to_owned(),
        comparison: serde_json::to_value(&comparison).map_err(|error| error.to_string())?,
        policy,
        new_policy,
    })
}
