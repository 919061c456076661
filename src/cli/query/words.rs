//! What is asked of whom, as it stands on the command line: `NAME [TYPE] [@SERVER[:PORT]]`.
//!
//! The server may stand anywhere, as people who know `dig` write it first. A word that is no type
//! is an error and not a second name: only one thing is asked at a time.
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};

use super::exchange::Transport;
use crate::daemon::Failure;
use crate::dns::rr::rtype;
use crate::dns::{Name, text};

/// What is asked, and of whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) name: Name,
    pub(super) rtype: u16,
    /// The config's own if absent.
    pub(super) server: Option<ServerWord>,
}

/// A server as it is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ServerWord {
    /// An address, or a name that the system resolves.
    pub(super) host: String,
    /// The transport's own if absent.
    port: Option<u16>,
}

/// Reads the words; an error is for a person.
pub(super) fn read(words: &[String]) -> Result<Asked, String> {
    let (mut server, mut rest) = (None, Vec::new());
    for word in words {
        match word.strip_prefix('@') {
            Some(_) if server.is_some() => return Err(format!("{word} is a second server")),
            Some(named) => server = Some(ServerWord::parse(named)?),
            None => rest.push(word.as_str()),
        }
    }
    let (name, qtype) = match rest.as_slice() {
        [name] => (*name, rtype::A),
        [name, qtype] => (*name, read_type(qtype)?),
        [] => return Err("say which name to ask for: NAME [TYPE] [@SERVER]".to_owned()),
        [_, _, more, ..] => return Err(format!("{more} is too much: NAME [TYPE] [@SERVER]")),
    };
    Ok(Asked {
        name: Name::parse(name).map_err(|error| format!("{name}: {error}"))?,
        rtype: qtype,
        server,
    })
}

fn read_type(word: &str) -> Result<u16, String> {
    text::type_number(word).ok_or_else(|| format!("{word} is no record type; try A or AAAA"))
}

impl ServerWord {
    /// `192.0.2.1`, `192.0.2.1:5300`, `2001:db8::1`, `[2001:db8::1]:5300`, `ns1.example.org:5300`.
    fn parse(word: &str) -> Result<Self, String> {
        let refuse =
            || format!("@{word} is no server; write @192.0.2.1, @[2001:db8::1]:53 or a name");
        let is_address = |host: &str| host.parse::<IpAddr>().is_ok();
        let bracketed = word.strip_prefix('[').and_then(|rest| rest.split_once(']'));
        let (host, port) = match (bracketed, word.rsplit_once(':')) {
            (Some((host, "")), _) => (host, None),
            (Some((host, port)), _) => (host, Some(port.strip_prefix(':').ok_or_else(refuse)?)),
            (None, Some((host, port))) if !is_address(word) => (host, Some(port)),
            (None, _) => (word, None),
        };
        let port = port
            .map(|port| port.parse().map_err(|_| refuse()))
            .transpose()?;
        let is_name = !host.contains(':') && Name::parse(host).is_ok();
        match is_address(host) || is_name {
            true => Ok(Self {
                host: host.to_owned(),
                port,
            }),
            false => Err(refuse()),
        }
    }

    /// Its first address.
    pub(super) fn resolve(&self, transport: Transport) -> Result<SocketAddr, Failure> {
        let port = self.port.unwrap_or(transport.port());
        let found = (self.host.as_str(), port).to_socket_addrs();
        let mut found = found.map_err(|error| format!("@{}: {error}", self.host))?;
        found
            .next()
            .ok_or_else(|| format!("@{} has no address", self.host))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(line: &str) -> Result<Asked, String> {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        read(&words)
    }

    #[test]
    fn the_server_may_stand_anywhere() {
        for line in [
            "@ns1:53 a.example MX",
            "a.example @ns1:53 MX",
            "a.example MX @ns1:53",
        ] {
            let asked = given(line).unwrap();
            assert_eq!(
                (asked.name.to_string(), asked.rtype),
                ("a.example".to_owned(), 15)
            );
            let server = asked.server.unwrap();
            assert_eq!((&*server.host, server.port), ("ns1", Some(53)));
        }
        assert_eq!(given("a.example").unwrap().rtype, 1);
    }

    #[test]
    fn servers_are_addresses_or_names() {
        for (word, host, port) in [
            ("192.0.2.1", "192.0.2.1", None),
            ("192.0.2.1:5300", "192.0.2.1", Some(5300)),
            ("2001:db8::1", "2001:db8::1", None),
            ("[2001:db8::1]", "2001:db8::1", None),
            ("[2001:db8::1]:853", "2001:db8::1", Some(853)),
            ("ns1.example.org", "ns1.example.org", None),
        ] {
            let found = ServerWord::parse(word).unwrap();
            assert_eq!((&*found.host, found.port), (host, port), "{word}");
        }
        for bad in [
            "",
            "192.0.2.1:",
            "192.0.2.1:x",
            "192.0.2.1:70000",
            "a..b",
            "2001:db8::g:1",
            "[2001:db8::1",
            "[2001:db8::1]x",
            "[ns1]]",
        ] {
            assert!(ServerWord::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_too_much_or_too_little_is_said() {
        for (line, words) in [
            ("@ns1", "which name"),
            ("a.example BOGUS", "BOGUS is no record type"),
            ("a.example A more", "more is too much"),
            ("a.example @ns1 @ns2", "@ns2 is a second server"),
            ("a..example", "empty label"),
        ] {
            let error = given(line).unwrap_err();
            assert!(error.contains(words), "{error}");
        }
    }
}
