//! Other addresses of machines that are known by name, on their way into force.
//!
//! The reader makes a plan of the config in force with them, and what steered names may be answered with then; the engine
//! of zones has that signed; and then one table has both. Nobody has changed a config, so nothing is weighed.
use std::sync::Arc;

use tracing::error;

use super::prepared::Source;
use crate::config;
use crate::names::KnownNames;
use crate::plan::Plan;
use crate::table;

/// A plan in force with other addresses.
pub(super) struct Readdressed {
    pub(super) plan: Arc<Plan>,
    pub(super) source: Arc<Source>,
    pub(super) known: Arc<KnownNames>,
}

impl Readdressed {
    /// The config in force with these addresses.
    ///
    /// # Errors
    /// The reason, if they do not go with it.
    pub(super) fn of(in_force: &Source, known: Arc<KnownNames>) -> Result<Self, String> {
        let mut files = in_force.brought.clone();
        files.names = Arc::clone(&known);
        let plan = config::readdress(&in_force.spec, &files, &in_force.plan);
        let plan = plan.map_err(|found| found.render(false))?;
        let steered = match in_force.zoning.signs() {
            true => table::variants(&plan)
                .map_err(|error| error.to_string())?
                .into(),
            false => Arc::from([]),
        };
        let plan = Arc::new(plan);
        Ok(Self {
            source: Arc::new(Source {
                plan: Arc::clone(&plan),
                steered,
                ..in_force.clone()
            }),
            plan,
            known,
        })
    }
}

/// Says why addresses are not taken.
pub(super) fn refuse(why: &str) {
    error!(
        event = "names_refused",
        "the addresses that names have now are not taken, those before stay: {why}"
    );
}
