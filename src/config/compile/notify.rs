//! `[notify]` resolved: secrets brought.
use crate::config::Files;
use crate::config::diagnostic::Diagnostics;
use crate::config::reader::At;
use crate::config::spec::Spec;
use crate::plan::{Secret, Webhook};

/// The receivers, in the order of the config; one whose address or secret is not to be had is left out, and reported.
pub(super) fn webhooks(spec: &Spec, files: &Files, found: &mut Diagnostics) -> Vec<Webhook> {
    let mut list = Vec::new();
    for own in &spec.control.webhooks {
        let secret = match &own.secret {
            Some(path) => match bring(path, spec, files, found) {
                Some(secret) => Some(secret),
                None => continue,
            },
            None => None,
        };
        let Some(url) = &own.url else { continue };
        list.push(Webhook {
            name: own.name.value.clone(),
            url: url.value.clone(),
            shape: own.shape,
            secret,
            urgency: own.urgency,
            scope: own.scope.clone(),
        });
    }
    list
}

/// The secret that a file holds.
pub(super) fn bring(
    path: &At<String>,
    spec: &Spec,
    files: &Files,
    found: &mut Diagnostics,
) -> Option<Secret> {
    let message = match files.get(&spec.resolve(path)) {
        Some(Ok(text)) => match std::str::from_utf8(text).map(str::trim) {
            Ok(text) if !text.is_empty() => return Some(Secret(text.to_owned())),
            Ok(_) => format!("`{}` is empty", path.value),
            Err(_) => format!("`{}` is not UTF-8 text", path.value),
        },
        Some(Err(reason)) => format!("cannot read `{}`: {reason}", path.value),
        None => format!("`{}` was not read", path.value),
    };
    found
        .error(&path.at, message)
        .help("the file holds the secret and nothing else");
    None
}
