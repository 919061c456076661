//! The monitor types: how endpoints can be checked, and what the config says of each.
//!
//! A type is two files and a row for each: the file here reads its keys, their defaults, the files that they
//! name and what the type needs ([`kind`]); the one of the same name in `io::probe` dials and judges. The rows are
//! below ([`Check`]) and in `io::probe::types`; one without the other does not compile. Keys that a
//! config has for one type and that belong to others are refused by what the others read, so there is no
//! second list of keys.
//!
//! `bounds`, `certificate`, `identity`, `encryption`, `starttls`, `password`, `dialogue`, `json` and `host` are parts that several types share;
//! `source` is the way by which probes of any type leave this node; `reach` tells which addresses nobody can probe. Names, paces and thresholds are the same for all
//! types and are `config`'s; when probes run and what a failure means is not known here.
use toml::de::DeValue;

use self::kind::{MonitorType, NamedFile, Port};
use crate::base::Span;
use crate::text::reader::{At, Fields, keys_read, plain};
use crate::text::value::{self, Trouble};

pub mod bounds;
pub mod certificate;
pub mod dialogue;
pub mod dns;
pub mod encryption;
pub mod exec;
pub mod grpc;
pub mod host;
pub mod http;
pub mod https;
pub mod icmp;
pub mod identity;
pub mod json;
pub mod kind;
pub mod ldap;
pub mod login;
pub mod mysql;
mod password;
pub mod postgres;
pub mod prometheus;
pub mod push;
pub mod reach;
pub mod redis;
pub mod smtp;
pub mod source;
pub mod starttls;
pub mod tcp;
pub mod tls;

/// Makes [`Check`] and the table of its types from one row for each.
macro_rules! registry {
    ($($(#[$doc:meta])* $word:literal => $Variant:ident($Check:path),)*) => {
        /// The work of a probe and its expectations.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum Check {
            $($(#[$doc])* $Variant($Check),)*
        }

        /// The types by the words that the key `type` has for them.
        const TYPES: &[(&str, Type)] = &[$(($word, Type {
            word: $word,
            read: |fields| read_as(fields, Check::$Variant),
        }),)*];

        impl Check {
            /// The host that a probe asks for.
            #[must_use]
            pub fn host(&self) -> kind::Host<'_> {
                match self {
                    $(Self::$Variant(check) => check.host(),)*
                }
            }

            /// The bounds of the value that it reads, if it reads one.
            #[must_use]
            pub fn bounds(&self) -> Option<&bounds::ValueBounds> {
                match self {
                    $(Self::$Variant(check) => check.bounds(),)*
                }
            }

            /// The time after which silence is down, where nothing is asked and reports are waited for.
            #[must_use]
            pub fn silence(&self) -> Option<Span> {
                match self {
                    $(Self::$Variant(check) => check.silence(),)*
                }
            }

            /// Tells what a probe that passes takes of the network.
            #[must_use]
            pub fn exchange(&self) -> kind::ProbeExchange {
                match self {
                    $(Self::$Variant(check) => check.exchange(),)*
                }
            }

            /// Forgets where its files are; what they hold stays. Two such checks are alike if they probe alike.
            pub(crate) fn forget_paths(&mut self) {
                match self {
                    $(Self::$Variant(check) => MonitorType::forget_paths(check),)*
                }
            }

            /// Takes the content of a file that [`Written::files`] names.
            ///
            /// # Errors
            /// When the content is not what it should be.
            pub(crate) fn take_file(&mut self, file: &NamedFile<'_>) -> Result<(), Trouble> {
                match self {
                    $(Self::$Variant(check) => check.take_file(file),)*
                }
            }
        }
    };
}

registry! {
    /// A request over HTTP/1.1 or HTTP/2.
    "http" => Http(http::HttpCheck),
    /// The same over TLS.
    "https" => Https(https::HttpsCheck),
    /// A TCP connection that stands.
    "tcp" => Tcp(tcp::TcpCheck),
    /// A TLS handshake, and a certificate that is valid.
    "tls" => Tls(tls::TlsCheck),
    /// A PostgreSQL server whose data is no further behind its primary's than allowed.
    "postgres" => Postgres(postgres::PostgresCheck),
    /// A question to a DNS server.
    "dns" => Dns(dns::DnsCheck),
    /// The health that a gRPC server tells of itself.
    "grpc" => Grpc(grpc::GrpcCheck),
    /// A Redis server, its role, and how far it is behind its master.
    "redis" => Redis(redis::RedisCheck),
    /// An echo.
    "icmp" => Icmp(icmp::IcmpCheck),
    /// A mail server that greets.
    "smtp" => Smtp(smtp::SmtpCheck),
    /// A MySQL or MariaDB server that logs the probe in.
    "mysql" => Mysql(mysql::MysqlCheck),
    /// A directory that takes a bind, and has an entry.
    "ldap" => Ldap(ldap::LdapCheck),
    /// The value of a query that a Prometheus server answers.
    "prometheus" => Prometheus(prometheus::PrometheusCheck),
    /// Reports that a machine or a job sends by itself.
    "push" => Push(push::PushCheck),
    /// A program of this machine that says how the endpoint is.
    "exec" => Exec(exec::ExecCheck),
}

/// The connection alone.
impl Default for Check {
    fn default() -> Self {
        Self::Tcp(tcp::TcpCheck::default())
    }
}

/// One monitor as the config has it, in the keys of its type.
#[derive(Debug)]
pub(crate) struct Written {
    /// The check, without what stands in files.
    pub(crate) check: Check,
    /// The port that is dialled.
    pub(crate) port: u16,
    /// Keys that name files, and the paths.
    pub(crate) files: Vec<(&'static str, At<String>)>,
}

/// A monitor type, as the registry has it.
#[derive(Clone, Copy)]
struct Type {
    word: &'static str,
    read: fn(&mut Fields<'_, '_>) -> Written,
}

/// Reads the type of a monitor and the keys of that type; keys of other types are reported. Without
/// a known type it is read as `https`, which has most keys, and no key is foreign.
pub(crate) fn read(fields: &mut Fields<'_, '_>) -> Written {
    let own = plain(fields.required("type", r#""http""#, known_type));
    if fields.is_surveyed() {
        TYPES.iter().for_each(|(_, own)| drop((own.read)(fields)));
    }
    let written = match own {
        Some(own) => (own.read)(fields),
        None => read_as(fields, Check::Https),
    };
    for key in TYPES.iter().flat_map(|(_, other)| keys_read(other.read)) {
        match own {
            Some(own) => refuse_foreign(fields, key, own),
            None => drop(fields.key(key)),
        }
    }
    written
}

/// Refuses a key that a monitor of this type would ignore.
fn refuse_foreign(fields: &mut Fields<'_, '_>, key: &'static str, own: Type) {
    if fields.knows(key) {
        return;
    }
    if let Some(at) = fields.key(key) {
        let message = format!("`{key}` means nothing to a monitor of type {}", own.word);
        fields.reader().error(&at, message, |found| {
            found.help("remove the key, or choose another type");
        });
    }
}

fn read_as<T: MonitorType>(fields: &mut Fields<'_, '_>, check: fn(T) -> Check) -> Written {
    let bounds = value::number(1..=65_535);
    let port = match T::PORT {
        Port::Default(port) => plain(fields.optional("port", bounds)).unwrap_or(port),
        Port::Required => plain(fields.required("port", "443", bounds)).unwrap_or(1),
        Port::None => 0,
    };
    let named = T::FILES.iter();
    let files = named.filter_map(|key| Some((*key, fields.optional(key, value::path)?)));
    Written {
        port,
        files: files.collect(),
        check: check(T::read(fields)),
    }
}

fn known_type(value: &DeValue<'_>) -> Result<Type, Trouble> {
    value::word(TYPES)(value)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::certificate::Verify;
    use super::kind::Host;
    use super::*;
    use crate::text::Diagnostics;
    use crate::text::reader::{self, Reader};

    /// Reads the keys of one monitor, and what is said of them.
    pub(crate) fn given(text: &str) -> (Written, Vec<String>) {
        let mut found = Diagnostics::of_config("config.toml".to_owned(), text);
        let document = reader::parse(&mut found, text);
        let reader = Reader::new(found);
        let mut fields = reader.whole(document.get_ref(), "the monitor");
        let written = read(&mut fields);
        fields.finish();
        let found = reader.into_diagnostics().list();
        (written, found.into_iter().map(|one| one.message).collect())
    }

    #[test]
    fn types_have_ports_and_hosts_of_their_own() {
        let cases = [
            ("type = \"http\"", 80, Host::OfService),
            ("type = \"https\"", 443, Host::OfService),
            ("type = \"https\"\nhost = \"a.b\"", 443, Host::Named("a.b")),
            ("type = \"tcp\"\nport = 25", 25, Host::Nobody),
            ("type = \"tls\"\nport = 993", 993, Host::OfService),
            ("type = \"tls\"\nhost = \"a.b\"", 443, Host::Named("a.b")),
            (
                "type = \"postgres\"\nuser = \"u\"\nmax_lag = \"1s\"",
                5432,
                Host::Nobody,
            ),
        ];
        for (text, port, host) in cases {
            let (written, found) = given(text);
            assert_eq!((written.port, written.check.host()), (port, host), "{text}");
            assert!(found.is_empty(), "{text}: {found:?}");
        }
    }

    #[test]
    fn keys_of_other_types_are_told_and_those_of_none_are_unknown() {
        let (_, found) = given("type = \"tcp\"\nport = 25\nhost = \"a\"\nuser = \"b\"\nhots = 1");
        assert_eq!(
            found,
            [
                "`host` means nothing to a monitor of type tcp",
                "`user` means nothing to a monitor of type tcp",
                "unknown key `hots` in the monitor",
            ]
        );
        let (_, found) = given("type = \"http\"\nsend = \"PING\"");
        assert_eq!(found, ["`send` means nothing to a monitor of type http"]);
        let (_, found) = given("type = \"tcpp\"\nhost = \"a\"\nuser = \"b\"\nroots = \"c\"");
        assert_eq!(found, ["`tcpp` is not known here"]);
    }

    #[test]
    fn certificates_are_judged_as_the_keys_say() {
        let policy = |text: &str| {
            let Check::Https(check) = given(text).0.check else {
                panic!("{text}");
            };
            check.certificate
        };
        let least = policy("type = \"https\"");
        assert_eq!((least.verify, least.min_validity), (Verify::Required, None));
        let most = policy("type = \"https\"\nverify = false\nmin_validity = \"7d\"");
        let week = Some(Span::from_secs(7 * 86_400));
        assert_eq!((most.verify, most.min_validity), (Verify::Off, week));
    }

    #[test]
    fn connections_are_kept_where_that_is_asked_and_can_be() {
        use super::http::ProbeConnection;
        for (text, connection) in [
            ("type = \"http\"", ProbeConnection::New),
            ("type = \"http\"\nreuse = false", ProbeConnection::New),
            ("type = \"http\"\nreuse = true", ProbeConnection::Kept),
            ("type = \"https\"\nreuse = true", ProbeConnection::Kept),
        ] {
            let (written, found) = given(text);
            assert!(found.is_empty(), "{text}: {found:?}");
            let (Check::Http(check) | Check::Https(https::HttpsCheck { http: check, .. })) =
                written.check
            else {
                panic!("{text}");
            };
            assert_eq!(check.connection, connection, "{text}");
        }
        for (text, message) in [
            (
                "type = \"tcp\"\nport = 25\nreuse = true",
                "`reuse` means nothing to a monitor of type tcp",
            ),
            (
                "type = \"postgres\"\nuser = \"u\"\nmax_lag = \"1s\"\nreuse = true",
                "`reuse` means nothing to a monitor of type postgres",
            ),
            (
                "type = \"http\"\nreuse = true\nheaders = { \"connection\" = \"close\" }",
                "`reuse` keeps connections, and the header `Connection` speaks of that too",
            ),
        ] {
            assert_eq!(given(text).1, [message], "{text}");
        }
    }

    #[test]
    fn a_certificate_is_verified_once_an_hour_at_the_least() {
        let every = |text: &str| {
            let Check::Tls(check) = given(text).0.check else {
                panic!("{text}");
            };
            check.certificate.verify_every
        };
        assert_eq!(every("type = \"tls\""), Span::from_secs(3600));
        assert_eq!(
            every("type = \"tls\"\nverify_every = \"5m\""),
            Span::from_secs(300)
        );
        assert_eq!(every("type = \"tls\"\nverify_every = \"0s\""), Span::ZERO);
        let (_, found) = given("type = \"https\"\nverify_every = \"2h\"");
        assert_eq!(
            found,
            ["a certificate is to be verified more often than every 2h"]
        );
    }
}
