//! The client of the control API, for the subcommands that ask a running server.
//!
//! A config leads to its server's socket, where the kernel says who asks; where nobody answers there, over HTTP. A token is taken
//! from `--token-file` or from the environment, never from the command line, which every user of the machine can read.
//! Certificates, shown and trusted, are the affair of [`super::proof`].
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Failure;
use super::arguments::{ClientProof, Control};
use super::proof::{self, Credentials};
use crate::base::Span;
use crate::io::files;
use crate::plan::ApiToken;

/// Time in which a server says how it is.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Time in which a server has made a change: a little more than it gives itself for a reload of a large config.
const CHANGE_TIMEOUT: Duration = Duration::from_secs(65);
/// The variable of the environment that may hold a token.
const TOKEN: &str = "WAYPOST_TOKEN";

/// A running server's control API.
pub(super) struct Remote {
    base: reqwest::Url,
    /// Time that an answer may take.
    timeout: Duration,
    /// Time that a change may take.
    change_timeout: Duration,
    /// Its name in messages.
    named: String,
    client: reqwest::blocking::Client,
    token: Option<String>,
}

/// The way to a control API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ControlWay {
    /// By a Unix socket.
    Unix(PathBuf),
    /// Over HTTP.
    Http(String),
}

/// The thing that is sent to a resource.
pub(super) enum SentBody {
    /// Nothing: it is only looked at.
    Nothing,
    /// A merge patch (RFC 7386), for the resource as it was read.
    Patch {
        /// JSON.
        body: String,
        /// Its entity tag then; absent = whatever it is now.
        if_match: Option<String>,
    },
}

/// Why a server did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum RemoteError {
    /// Nobody has answered, or not in a way that can be read; for a person.
    Silent(String),
    /// A status that is no success, and the reason; for a person.
    Refused(u16, String),
}

impl From<RemoteError> for Failure {
    fn from(error: RemoteError) -> Self {
        match error {
            RemoteError::Silent(why) | RemoteError::Refused(_, why) => why,
        }
    }
}

impl Remote {
    /// The server that the arguments name, or that their config describes.
    pub(super) fn find(control: &Control) -> Result<Self, Failure> {
        let credentials = credentials(&control.proof);
        let way = match &control.control {
            Some(text) => ControlWay::read(text),
            None => ControlWay::in_config(&control.config.config)?,
        };
        Self::by(way, &credentials)
    }

    /// The server at a URL as `http://127.0.0.1:8053`, or just `127.0.0.1:8053`, or at a socket as `unix:PATH`.
    pub(super) fn at(text: &str, credentials: &Credentials) -> Result<Self, Failure> {
        Self::by(ControlWay::read(text), credentials)
    }

    /// The server that is reached so.
    pub(super) fn by(way: ControlWay, credentials: &Credentials) -> Result<Self, Failure> {
        let client = reqwest::blocking::Client::builder().no_proxy();
        let named_token = credentials.token_file.as_deref();
        let named_token = named_token.map(read_token).transpose()?;
        let (url, client, token) = match &way {
            // The kernel says who asks; only a token that was named on the command line says otherwise.
            ControlWay::Unix(path) => {
                let client = client.unix_socket(path.as_path());
                ("http://localhost/".to_owned(), client, named_token)
            }
            ControlWay::Http(url) => (
                url.clone(),
                client,
                named_token.or_else(token_of_environment),
            ),
        };
        let tls = match url.starts_with("https://") {
            true => proof::tls(credentials)?,
            false => proof::no_tls(credentials, &way)?,
        };
        let client = client.tls_backend_preconfigured(tls);
        let base = reqwest::Url::parse(&url).map_err(|error| {
            format!(
                "--control {url}: {error}; write it as http://127.0.0.1:8053 or unix:waypost.sock"
            )
        })?;
        let client = client
            .build()
            .map_err(|error| format!("cannot start an HTTP client: {error}"))?;
        Ok(Self {
            base,
            timeout: TIMEOUT,
            change_timeout: CHANGE_TIMEOUT,
            named: way.to_string(),
            client,
            token,
        })
    }

    /// The same server, for a change that takes this long to be made.
    pub(super) fn patient(mut self, patience: Span) -> Self {
        self.change_timeout = TIMEOUT + Duration::from_millis(patience.0);
        self
    }

    /// GET; the body if the status is 200.
    pub(super) fn get(&self, path: &str, query: &[(&str, &str)]) -> Result<String, Failure> {
        let url = self.url(path, query)?;
        self.read(self.client.get(url).timeout(self.timeout))
    }

    /// GET of what takes a while to be worked out; the body if the status is 200.
    pub(super) fn get_slow(&self, path: &str, query: &[(&str, &str)]) -> Result<String, Failure> {
        let url = self.url(path, query)?;
        self.read(self.client.get(url).timeout(self.change_timeout))
    }

    /// POST without a body; the response's body if the status is 200.
    pub(super) fn post(&self, path: &str, query: &[(&str, &str)]) -> Result<String, Failure> {
        let url = self.url(path, query)?;
        self.read(self.client.post(url).timeout(self.change_timeout))
    }

    /// POST of a text; the response's body if the status is 200.
    pub(super) fn post_body(
        &self,
        path: &str,
        query: &[(&str, &str)],
        body: String,
    ) -> Result<String, Failure> {
        let url = self.url(path, query)?;
        let request = self.client.post(url).timeout(self.change_timeout);
        self.read(request.body(body))
    }

    /// DELETE; the response's body if the status is 200.
    pub(super) fn delete(&self, path: &str, query: &[(&str, &str)]) -> Result<String, Failure> {
        let url = self.url(path, query)?;
        self.read(self.client.delete(url).timeout(self.change_timeout))
    }

    /// A resource below `/api/v1`, by its names on the way there, whatever is in them; the body if the status is 200.
    pub(super) fn resource(
        &self,
        names: &[&str],
        query: &[(&str, &str)],
        sent: SentBody,
    ) -> Result<String, RemoteError> {
        let mut url = self.url("/api/v1", query).map_err(RemoteError::Silent)?;
        if let Ok(mut path) = url.path_segments_mut() {
            path.extend(names);
        }
        let request = match sent {
            SentBody::Nothing => self.client.get(url).timeout(self.change_timeout),
            SentBody::Patch { body, if_match } => {
                let request = self.client.patch(url).timeout(self.change_timeout);
                let request = request.header("content-type", "application/merge-patch+json");
                let request = request.body(body);
                match if_match {
                    Some(tag) => request.header("if-match", tag),
                    None => request,
                }
            }
        };
        self.answer(request)
    }

    fn url(&self, path: &str, query: &[(&str, &str)]) -> Result<reqwest::Url, Failure> {
        let mut url = self.base.join(path).map_err(|error| error.to_string())?;
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        Ok(url)
    }

    fn read(&self, request: reqwest::blocking::RequestBuilder) -> Result<String, Failure> {
        Ok(self.answer(request)?)
    }

    fn answer(&self, request: reqwest::blocking::RequestBuilder) -> Result<String, RemoteError> {
        let request = match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        let response = request.send().map_err(|error| {
            RemoteError::Silent(format!(
                "no answer from {} ({}); is `waypost run` up, and [control] the same?",
                self.named,
                root(&error)
            ))
        })?;
        let status = response.status();
        let body = response
            .text()
            .map_err(|error| RemoteError::Silent(format!("{}: {error}", self.named)))?;
        if status.is_success() {
            Ok(body)
        } else {
            let why = text_of(&body, "detail").unwrap_or(format!("{}: {status}", self.named));
            Err(RemoteError::Refused(status.as_u16(), why))
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

impl ControlWay {
    /// Reads what `--control` says.
    fn read(text: &str) -> Self {
        if let Some(path) = text.strip_prefix("unix:") {
            return Self::Unix(path.trim_start_matches("//").into());
        }
        match text.contains("://") {
            true => Self::Http(text.to_owned()),
            false => Self::Http(format!("http://{text}")),
        }
    }

    /// The way to the server that a config describes, whatever else may be wrong with it or with the files that it names: an
    /// operator who drains a region must not have to mend a zone first. Its socket, where one answers; otherwise HTTP.
    pub(super) fn in_config(path: &Path) -> Result<Self, Failure> {
        let contact = files::contact(path).map_err(|error| error.to_string())?;
        let socket = contact
            .socket
            .map(|socket| (UnixStream::connect(&socket).err(), socket));
        let scheme = if contact.encrypted { "https" } else { "http" };
        let http = contact
            .control
            .map(|listen| format!("{scheme}://{}", reachable(listen)));
        match (socket, http) {
            (Some((None, socket)), _) => Ok(Self::Unix(socket)),
            (_, Some(http)) => Ok(Self::Http(http)),
            (Some((Some(error), socket)), None) => Err(format!(
                "no server at `{}` ({error}); is `waypost run` up? Otherwise name the server by --control URL",
                socket.display()
            )),
            (None, None) => {
                let why = if contact.diagnostics.has_errors() {
                    "has errors, and no [control] socket or listen that can be read"
                } else {
                    "has no [control] socket and no [control] listen"
                };
                Err(format!(
                    "{} {why}: name the server by --control URL",
                    path.display()
                ))
            }
        }
    }
}

impl std::fmt::Display for ControlWay {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unix(path) => write!(out, "unix:{}", path.display()),
            Self::Http(url) => out.write_str(url),
        }
    }
}

/// The credentials that a command line names.
pub(super) fn credentials(proof: &ClientProof) -> Credentials {
    Credentials {
        token_file: proof.token_file.clone(),
        ca: proof.ca.clone(),
        certificate: proof.certificate.clone().zip(proof.key.clone()),
    }
}

fn token_of_environment() -> Option<String> {
    let token = std::env::var(TOKEN).ok()?;
    Some(token.trim().to_owned()).filter(|token| !token.is_empty())
}

fn read_token(path: &Path) -> Result<String, Failure> {
    let text = std::fs::read_to_string(path);
    let text = text.map_err(|error| format!("--token-file {}: {error}", path.display()))?;
    // `waypost token new` says more than the secret; a file may hold all that it printed.
    let words = text.split_whitespace();
    let secret = words
        .clone()
        .find(|word| word.starts_with(ApiToken::SECRET_PREFIX));
    let secret = secret.or_else(|| words.clone().next());
    let secret = secret.ok_or_else(|| format!("--token-file {}: it is empty", path.display()))?;
    Ok(secret.to_owned())
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
            ControlWay::in_config(&path).map(|way| way.to_string())
        };
        let named = address_of("[control]\nlisten = \"127.0.0.2:8053\"\n[servre]\n");
        assert_eq!(named.unwrap(), "http://127.0.0.2:8053");
        let named = address_of("[control]\nlisten = \"[::]:8053\"\ntls = {}\n[zones\n");
        assert_eq!(named.unwrap(), "https://[::1]:8053");
        let unnamed = address_of("[control]\nsocket = false\nlisten = 8053\n").unwrap_err();
        assert!(unnamed.contains("has errors"), "{unnamed}");
        let unnamed = address_of("[control").unwrap_err();
        assert!(unnamed.contains("--control URL"), "{unnamed}");
        let listener = std::os::unix::net::UnixListener::bind(folder.path().join("own.sock"));
        let named = address_of("[control]\nsocket = \"own.sock\"\nlisten = \"127.0.0.1:1\"\n");
        let expected = format!("unix:{}", folder.path().join("own.sock").display());
        assert_eq!(named.unwrap(), expected);
        drop(listener);
        let named = address_of("[control]\nsocket = \"own.sock\"\nlisten = \"127.0.0.1:1\"\n");
        assert_eq!(
            named.unwrap(),
            "http://127.0.0.1:1",
            "nobody answers there any more"
        );
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
        let named = ControlWay::in_config(&at("config.toml"));
        let read = bytes_read() - before;
        assert_eq!(named.unwrap().to_string(), "http://127.0.0.1:8053");
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
    fn a_server_is_named_by_address_or_socket() {
        for (text, expected) in [
            ("127.0.0.1:8053", "http://127.0.0.1:8053"),
            ("https://ns1.example.org", "https://ns1.example.org"),
            ("unix:waypost.sock", "unix:waypost.sock"),
            ("unix:///run/waypost.sock", "unix:/run/waypost.sock"),
        ] {
            assert_eq!(ControlWay::read(text).to_string(), expected);
        }
    }

    #[test]
    fn a_file_may_hold_a_token_and_what_was_printed_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        for (text, expected) in [
            ("abc\n", "abc"),
            (
                "# secret: wpt_12\n[tokens.a]\nhash = \"sha256:00\"\n",
                "wpt_12",
            ),
        ] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(read_token(&path).unwrap(), expected);
        }
        std::fs::write(&path, " \n").unwrap();
        assert!(read_token(&path).unwrap_err().contains("empty"));
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
