//! Those who look on while an answering thread works: nobody, or somebody who takes samples for dnstap.
//!
//! It is a type and no value, so that a thread on which nobody looks runs code in which there is nothing to ask.
use std::net::IpAddr;

use crate::answer::Transport;
use crate::io::dnstap::{Tap, TapSample};

/// Whoever sees each reply over UDP that is about to be sent.
pub(super) trait Onlooker {
    /// Sees a reply.
    fn see(&mut self, client: IpAddr, reply: &[u8]);
}

/// Nobody.
pub(super) struct Nobody;

impl Onlooker for Nobody {
    #[inline]
    fn see(&mut self, _: IpAddr, _: &[u8]) {}
}

/// One who takes one of so many.
pub(super) struct Sampler {
    tap: Tap,
    /// Replies until the next one that is taken.
    left: u32,
}

impl Sampler {
    /// One who takes the first, and then one of so many.
    pub(super) fn new(tap: Tap) -> Self {
        Self { tap, left: 1 }
    }
}

impl Onlooker for Sampler {
    #[inline]
    fn see(&mut self, client: IpAddr, reply: &[u8]) {
        self.left -= 1;
        if self.left == 0 {
            self.left = self.tap.one_in();
            self.tap.take(TapSample {
                client,
                transport: Transport::Udp,
                reply: reply.to_vec(),
            });
        }
    }
}
