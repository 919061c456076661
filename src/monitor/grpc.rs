//! Monitors of type `grpc`: the standard question for the health of a service (`grpc.health.v1.Health/Check`).
//!
//! The service is one that the server itself names; without it the question is for the server as a whole. `SERVING` passes, every
//! other word fails. Over TLS only HTTP/2 is offered; without TLS it is spoken with prior knowledge, as gRPC does.
use toml::de::DeValue;

use super::encryption::{Encryption, EncryptionWays};
use super::kind::{Host, MonitorType, NamedFile, Port, ProbeExchange};
use crate::text::reader::{Fields, plain};
use crate::text::value::{self, Trouble};

/// Question of a gRPC probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrpcCheck {
    /// The service that is asked for; empty = the server as a whole.
    pub service: String,
    /// Encryption. Its host is the authority of the request as well, whether TLS is spoken or not.
    pub encryption: Encryption,
}

/// Longest name of a service that is sent.
const SERVICE_BYTES: usize = 1024;

impl MonitorType for GrpcCheck {
    const PORT: Port = Port::Default(50_051);
    const FILES: &'static [&'static str] = Encryption::FILES;

    fn read(fields: &mut Fields<'_, '_>) -> Self {
        Self {
            service: plain(fields.optional("service", service)).unwrap_or_default(),
            encryption: Encryption::read_but_host(fields, EncryptionWays::AtOnce),
        }
    }

    fn take_file(&mut self, file: &NamedFile<'_>) -> Result<(), Trouble> {
        self.encryption.take_file(file)
    }

    fn forget_paths(&mut self) {
        self.encryption.forget_paths();
    }

    fn host(&self) -> Host<'_> {
        Host::or_of_service(self.encryption.host.as_deref())
    }

    fn exchange(&self) -> ProbeExchange {
        ProbeExchange {
            has_first_octet: true,
            ..self.encryption.exchange()
        }
    }
}

fn service(value: &DeValue<'_>) -> Result<String, Trouble> {
    let text = value::text(value)?;
    match text.len() > SERVICE_BYTES || text.chars().any(char::is_control) {
        true => Err(Trouble::new("no service of gRPC is called so")
            .with_help("write its full name, such as \"shop.v1.Orders\"")),
        false => Ok(text),
    }
}
