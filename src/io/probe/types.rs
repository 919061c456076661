//! The monitor types that can be probed: one row for each.
//!
//! A row names a type of [`crate::monitor::Check`] and the [`Probe`] that looks for it. A type that has a row there and
//! none here does not compile. What a type does is in the file of its name.
use std::sync::Arc;

use super::attempt::{Attempt, Destination, Probe, Resources};
use crate::base::Cause;
use crate::monitor::Check;

/// Makes [`Prepared`] from one row for each type.
macro_rules! registry {
    ($($Variant:ident => $Probe:path,)*) => {
        /// A monitor that is ready to look.
        #[derive(Clone, Debug)]
        pub(super) enum Prepared {
            $($Variant(Arc<$Probe>),)*
        }

        impl Prepared {
            /// Prepares a monitor.
            ///
            /// # Errors
            /// What is wrong, for a person.
            pub(super) fn of(check: &Check, resources: &mut Resources) -> Result<Self, String> {
                match check {
                    $(Check::$Variant(check) => Ok(Self::$Variant(Arc::new(Probe::prepare(check, resources)?))),)*
                }
            }

            /// Looks once at what the probe is aimed at. Each type has room of its own: else that of the greatest would be
            /// moved for all of them.
            pub(super) async fn look(&self, to: &Destination<'_>, attempt: &mut Attempt<'_>) -> Result<(), Cause> {
                match self {
                    $(Self::$Variant(probe) => Box::pin(probe.look(to, attempt)).await,)*
                }
            }
        }
    };
}

registry! {
    Http => super::http::HttpProbe,
    Https => super::https::HttpsProbe,
    Tcp => super::tcp::TcpProbe,
    Tls => super::tls::TlsProbe,
    Postgres => super::postgres::PostgresProbe,
    Dns => super::dns::DnsProbe,
    Grpc => super::grpc::GrpcProbe,
    Redis => super::redis::RedisProbe,
    Icmp => super::icmp::IcmpProbe,
    Smtp => super::smtp::SmtpProbe,
    Mysql => super::mysql::MysqlProbe,
    Ldap => super::ldap::LdapProbe,
    Prometheus => super::prometheus::PrometheusProbe,
    Push => super::push::PushProbe,
    Exec => super::exec::ExecProbe,
}
