//! Monitors of type `exec`: a program of this machine, whose exit status says how the endpoint is.
//!
//! 0 passes, everything else fails. The program is given `WAYPOST_ADDRESS`, `WAYPOST_PORT`, `WAYPOST_HOST`,
//! `WAYPOST_MONITOR_TIMEOUT_MS` and `PATH`, and nothing else of the server's environment; it runs as the server's user, in a
//! process group of its own, which is killed as a whole when its time is up. Nothing of it is logged unless
//! `log_output` says so. Since whoever writes the config has programs run by it, that takes the word `[server] exec
//! = true`, which is `config`'s to check.
use toml::de::DeValue;

use super::kind::{Host, MonitorType, Port};
use crate::text::reader::{Fields, plain};
use crate::text::value::{self, Trouble};

/// A program, and what becomes of what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecCheck {
    /// The program's path, and its arguments.
    pub command: Vec<String>,
    /// Tells whether the output of a run that fails is logged.
    pub log_output: bool,
}

impl MonitorType for ExecCheck {
    const PORT: Port = Port::Default(0);

    fn read(fields: &mut Fields<'_, '_>) -> Self {
        const EXAMPLE: &str = r#"["/usr/local/lib/waypost/check"]"#;
        let command = fields.required_list("command", EXAMPLE, argument);
        if let Some(program) = command.first().filter(|one| !one.value.starts_with('/')) {
            let message = format!("`{}` is not the whole path of a program", program.value);
            fields.reader().error(&program.at, message, |found| {
                found.help("begin it with `/`: no shell looks for it, and the server's folder is not its own");
            });
        }
        Self {
            command: command.into_iter().map(|one| one.value).collect(),
            log_output: plain(fields.optional("log_output", value::boolean)) == Some(true),
        }
    }

    fn host(&self) -> Host<'_> {
        Host::OfService
    }
}

fn argument(value: &DeValue<'_>) -> Result<String, Trouble> {
    let text = value::text(value)?;
    match text.contains('\0') {
        true => Err(Trouble::new("no argument of a program holds a NUL")),
        false => Ok(text),
    }
}
