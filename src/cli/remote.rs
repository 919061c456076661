//! The client of the control API, for the subcommands that ask a running server.
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use super::Failure;
use super::arguments::Control;
use crate::base::Span;
use crate::io::files;

const TIMEOUT: Duration = Duration::from_secs(5);

/// A running server's control API.
pub(super) struct Remote {
    base: reqwest::Url,
    timeout: Duration,
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
            .no_proxy()
            .build()
            .map_err(|error| format!("cannot start an HTTP client: {error}"))?;
        Ok(Self {
            base,
            timeout: TIMEOUT,
            client,
        })
    }

    /// The same server, for a question that takes this long to answer.
    pub(super) fn patient(mut self, patience: Span) -> Self {
        self.timeout = TIMEOUT + Duration::from_millis(patience.0);
        self
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

    /// DELETE; the response's body if the status is 200.
    pub(super) fn delete(&self, path: &str, query: &[(&str, &str)]) -> Result<String, Failure> {
        let url = self.url(path, query)?;
        self.read(self.client.delete(url))
    }

    fn url(&self, path: &str, query: &[(&str, &str)]) -> Result<reqwest::Url, Failure> {
        let mut url = self.base.join(path).map_err(|error| error.to_string())?;
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        Ok(url)
    }

    fn read(&self, request: reqwest::blocking::RequestBuilder) -> Result<String, Failure> {
        let response = request.timeout(self.timeout).send().map_err(|error| {
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
            Err(text_of(&body, "detail").unwrap_or(format!("{}: {status}", self.base)))
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

/// The text under a key of a JSON object, as `{"detail": "…"}`.
pub(super) fn text_of(body: &str, key: &str) -> Option<String> {
    let value: serde_json::Value = serde_json::from_str(body).ok()?;
    Some(value.get(key)?.as_str()?.to_owned())
}

/// The control address that a config names, whatever else may be wrong with it or with the files
/// that it names: an operator who drains a region must not have to mend a zone first.
pub(super) fn address_in(path: &Path) -> Result<String, Failure> {
    let contact = files::contact(path).map_err(|error| error.to_string())?;
    let listen = contact.control.ok_or_else(|| {
        let why = if contact.diagnostics.has_errors() {
            "has errors, and no [control] listen that can be read"
        } else {
            "has no [control] listen"
        };
        format!("{} {why}: name the server by --control URL", path.display())
    })?;
    Ok(format!("http://{}", reachable(listen)))
}

/// Where to connect to a listener: one on every address is on loopback too.
pub(super) fn reachable(listen: SocketAddr) -> SocketAddr {
    let loopback = match listen {
        SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    };
    let is_everywhere = listen.ip().is_unspecified();
    let ip: IpAddr = if is_everywhere { loopback } else { listen.ip() };
    SocketAddr::new(ip, listen.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_config_with_errors_still_names_its_server() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        let address_of = |text: &str| {
            std::fs::write(&path, text).unwrap();
            address_in(&path)
        };
        let named = address_of("[control]\nlisten = \"127.0.0.2:8053\"\n[servre]\n");
        assert_eq!(named.unwrap(), "http://127.0.0.2:8053");
        let named = address_of("[control]\nlisten = \"[::]:8053\"\n[zones\n");
        assert_eq!(named.unwrap(), "http://[::1]:8053");
        let unnamed = address_of("[control]\nlisten = 8053\n").unwrap_err();
        assert!(unnamed.contains("has errors"), "{unnamed}");
        let unnamed = address_of("[control").unwrap_err();
        assert!(unnamed.contains("--control URL"), "{unnamed}");
    }

    #[test]
    fn nothing_but_the_config_is_opened() {
        const LARGE: u64 = 16 << 20;
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let text = "[control]\nlisten = \"127.0.0.1:8053\"\n[server]\nlisten = [7]\n\
             [geo]\ndatabase = \"large\"\n[[zones]]\nname = \"example.org\"\nfile = \"large\"\n";
        std::fs::write(at("config.toml"), text).unwrap();
        let large = std::fs::File::create(at("large")).unwrap();
        large.set_len(LARGE).unwrap();
        let before = bytes_read();
        let named = address_in(&at("config.toml"));
        let read = bytes_read() - before;
        assert_eq!(named.unwrap(), "http://127.0.0.1:8053");
        assert!(read < LARGE / 4, "{read} bytes were read");
        // The count is one that a reader of the file would have raised.
        std::fs::read(at("large")).unwrap();
        assert!(bytes_read() - before >= LARGE);
    }

    /// What this thread has read so far, from whatever file (proc(5), `rchar`).
    fn bytes_read() -> u64 {
        let text = std::fs::read_to_string("/proc/thread-self/io").unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix("rchar: "));
        line.unwrap().parse().unwrap()
    }

    #[test]
    fn a_listener_on_every_address_is_reached_on_loopback() {
        for (listen, reached) in [
            ("0.0.0.0:8053", "127.0.0.1:8053"),
            ("[::]:8053", "[::1]:8053"),
            ("192.0.2.1:80", "192.0.2.1:80"),
        ] {
            assert_eq!(reachable(listen.parse().unwrap()).to_string(), reached);
        }
    }
}
