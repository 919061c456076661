//! An update (RFC 2136) on its way, as it came.
use crate::dns::tsig::Signer;
use crate::dns::update::Update;
use crate::zones::ticket::Ticket;

/// An update, and who sent it.
#[derive(Debug)]
pub(crate) struct AskedUpdate {
    pub(crate) ticket: Ticket,
    pub(crate) signer: Box<Signer>,
    pub(crate) message: Vec<u8>,
    pub(crate) update: Update,
    /// The key by the config.
    pub(crate) key: usize,
}
