//! The client of the control API, for the subcommands that ask a running server.
use std::time::Duration;

use super::Failure;
use super::cli::Control;
use crate::config;
use crate::io::files;

const TIMEOUT: Duration = Duration::from_secs(5);

/// A running server's control API.
pub(super) struct Remote {
    base: reqwest::Url,
    client: reqwest::blocking::Client,
}

impl Remote {
    /// The server that the arguments name, or that their config describes.
    pub(super) fn find(control: &Control) -> Result<Self, Failure> {
        match &control.control {
            Some(url) => Self::at(url),
            None => Self::at(&address_in(&control.config.config)?),
        }
    }

    /// The server at a URL as `http://127.0.0.1:8053`, or just `127.0.0.1:8053`.
    pub(super) fn at(url: &str) -> Result<Self, Failure> {
        let full = if url.contains("://") {
            url.to_owned()
        } else {
            format!("http://{url}")
        };
        let base = reqwest::Url::parse(&full).map_err(|error| {
            format!("--control {url}: {error}; write it as http://127.0.0.1:8053")
        })?;
        let client = reqwest::blocking::Client::builder()
            .timeout(TIMEOUT)
            .no_proxy()
            .build()
            .map_err(|error| format!("cannot start an HTTP client: {error}"))?;
        Ok(Self { base, client })
    }

    /// GET; the body if the status is 200.
    pub(super) fn get(&self, path: &str, query: &[(&str, &str)]) -> Result<String, Failure> {
        let url = self.url(path, query)?;
        self.read(self.client.get(url))
    }

    /// POST without a body; the response's body if the status is 200.
    pub(super) fn post(&self, path: &str, query: &[(&str, &str)]) -> Result<String, Failure> {
        let url = self.url(path, query)?;
        self.read(self.client.post(url))
    }

    fn url(&self, path: &str, query: &[(&str, &str)]) -> Result<reqwest::Url, Failure> {
        let mut url = self.base.join(path).map_err(|error| error.to_string())?;
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        Ok(url)
    }

    fn read(&self, request: reqwest::blocking::RequestBuilder) -> Result<String, Failure> {
        let response = request.send().map_err(|error| {
            format!(
                "no answer from {} ({}); is `waypost run` up, and [control] listen the same?",
                self.base,
                root(&error)
            )
        })?;
        let status = response.status();
        let body = response
            .text()
            .map_err(|error| format!("{}: {error}", self.base))?;
        if status.is_success() {
            Ok(body)
        } else {
            Err(message_of(&body).unwrap_or(format!("{}: {status}", self.base)))
        }
    }
}

/// The innermost cause of an error: what a person needs to read.
fn root(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

/// The text of a JSON error `{"error": "…"}`.
fn message_of(body: &str) -> Option<String> {
    let value: serde_json::Value = serde_json::from_str(body).ok()?;
    Some(value.get("error")?.as_str()?.to_owned())
}

/// The control address that a config names.
fn address_in(path: &std::path::Path) -> Result<String, Failure> {
    let loaded = files::load(path).map_err(|error| error.to_string())?;
    let (plan, _) =
        config::compile(&loaded.spec, loaded.diagnostics, &loaded.files).map_err(|_| {
            format!(
                "{} has errors: see `waypost check`, or name the server by --control URL",
                path.display()
            )
        })?;
    plan.control
        .listen
        .map(|address| format!("http://{address}"))
        .ok_or_else(|| {
            format!(
                "{} has no [control] listen: name the server by --control URL",
                path.display()
            )
        })
}
