//! What keeps the server from being used against others, with its secrets brought.
use super::Files;
use crate::base::limits::COOKIE_SECRETS;
use crate::config::diagnostic::Diagnostics;
use crate::config::read::parse_secret;
use crate::config::reader::At;
use crate::config::spec::Spec;
use crate::dns::cookie::Secret;
use crate::plan::{Cookies, Defence};

const HELP: &str = "a file of secrets has one a line, each of 32 hexadecimal digits";

/// The defences; what is wrong with the file of secrets is reported.
pub(super) fn resolve(spec: &Spec, files: &Files, found: &mut Diagnostics) -> Defence {
    let own = &spec.server.defence;
    let from_file = own.cookies.file.as_ref();
    let from_file = from_file.map(|path| secrets(path, spec, files, found));
    let secrets = from_file.unwrap_or_else(|| {
        let list = own.cookies.secrets.iter();
        list.map(|secret| secret.value).collect()
    });
    Defence {
        cookies: match (own.cookies.off, secrets.is_empty()) {
            (true, _) => Cookies::Off,
            (false, true) if spec.cluster.is_some() => {
                Cookies::Secrets(files.agreed.cookies.clone())
            }
            (false, true) => Cookies::OwnSecret,
            (false, false) => Cookies::Secrets(secrets),
        },
        amplification: own.amplification,
        rate_limit: own.rate_limit.clone(),
    }
}

/// The secrets of a file; none of what it says is ever shown.
fn secrets(path: &At<String>, spec: &Spec, files: &Files, found: &mut Diagnostics) -> Vec<Secret> {
    let name = &path.value;
    let text = match files.get(&spec.resolve(path)) {
        Some(Ok(bytes)) => std::str::from_utf8(bytes).map_err(|_| format!("`{name}` is not text")),
        Some(Err(reason)) => Err(format!("cannot read `{name}`: {reason}")),
        None => Err(format!("`{name}` was not read")),
    };
    let read = text.and_then(|text| {
        let lines = text.lines().enumerate();
        let lines = lines.filter(|(_, line)| !line.trim().is_empty());
        let secrets = lines.map(|(index, line)| {
            let place = |why| format!("line {} of `{name}`: {why}", index + 1);
            parse_secret(line.trim()).map_err(place)
        });
        secrets.collect::<Result<Vec<_>, _>>()
    });
    let message = match read {
        Ok(secrets) if secrets.is_empty() => format!("`{name}` holds no secret"),
        Ok(secrets) if secrets.len() > COOKIE_SECRETS => {
            format!("`{name}` holds more than {COOKIE_SECRETS} secrets")
        }
        Ok(secrets) => return secrets,
        Err(message) => message,
    };
    found.error(&path.at, message).help(HELP);
    Vec::new()
}
