//! Who may stay when there are too many connections.
//!
//! A new connection is always let in. If its client then holds more than its part, the one of
//! that client's connections that has been silent the longest goes; if all places are taken, the
//! one that has been silent the longest of all goes. A connection that never reads its replies
//! counts as silent since the last one that it took. So hundreds of connections that idle, or
//! never read, cost their owner the place and nobody else (promise 8): an honest client asks at
//! once, and is the last to go.
//!
//! The gate knows numbers, clients and moments; it closes nothing itself.
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::base::Moment;

/// A client, as limits count them: an IPv4 address or an IPv6 /64.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Client(IpAddr);

/// When a connection last took in a query or a reply; shared with its task.
#[derive(Clone, Debug)]
pub(super) struct Activity(Arc<AtomicU64>);

/// One connection that is open.
#[derive(Debug)]
struct Guest<H> {
    client: Client,
    activity: Activity,
    handle: H,
}

/// All connections that are open; `H` is what closes one.
#[derive(Debug)]
pub(super) struct Gate<H> {
    guests: Vec<Guest<H>>,
    places: usize,
    per_client: usize,
}

impl Client {
    pub(super) fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            v4 @ IpAddr::V4(_) => Self(v4),
            IpAddr::V6(v6) => {
                let network = u128::from(v6) >> 64 << 64;
                Self(IpAddr::V6(Ipv6Addr::from(network)))
            }
        }
    }
}

impl Activity {
    pub(super) fn start(now: Moment) -> Self {
        Self(Arc::new(AtomicU64::new(now.0)))
    }

    pub(super) fn mark(&self, now: Moment) {
        self.0.store(now.0, Ordering::Relaxed);
    }

    fn last(&self) -> Moment {
        Moment(self.0.load(Ordering::Relaxed))
    }
}

impl<H> Gate<H> {
    pub(super) fn new(places: usize, per_client: usize) -> Self {
        Self {
            guests: Vec::new(),
            places,
            per_client,
        }
    }

    /// Lets a connection in; gives the one that must be closed for it.
    pub(super) fn admit(&mut self, client: Client, activity: Activity, handle: H) -> Option<H> {
        let held = self.guests.iter().filter(|one| one.client == client);
        let crowded = if held.count() >= self.per_client {
            self.most_silent(|one| one.client == client)
        } else if self.guests.len() >= self.places {
            self.most_silent(|_| true)
        } else {
            None
        };
        let leaves = crowded.map(|index| self.guests.remove(index).handle);
        self.guests.push(Guest {
            client,
            activity,
            handle,
        });
        leaves
    }

    /// Forgets a connection that has ended.
    pub(super) fn leave(&mut self, ended: impl Fn(&H) -> bool) {
        self.guests.retain(|one| !ended(&one.handle));
    }

    pub(super) fn open(&self) -> usize {
        self.guests.len()
    }

    /// Of equals the first, which came first.
    fn most_silent(&self, among: impl Fn(&Guest<H>) -> bool) -> Option<usize> {
        let guests = self.guests.iter().enumerate();
        guests
            .filter(|(_, one)| among(one))
            .min_by_key(|(_, one)| one.activity.last())
            .map(|(index, _)| index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(text: &str) -> Client {
        Client::of(text.parse().unwrap())
    }

    #[test]
    fn a_client_crowds_itself_out_first() {
        let mut gate = Gate::new(4, 2);
        let one = Activity::start(Moment(1));
        assert_eq!(gate.admit(client("192.0.2.1"), one.clone(), 1), None);
        let two = Activity::start(Moment(2));
        assert_eq!(gate.admit(client("192.0.2.1"), two, 2), None);
        assert_eq!(
            gate.admit(client("192.0.2.9"), Activity::start(Moment(0)), 3),
            None
        );
        one.mark(Moment(5));
        let next = Activity::start(Moment(6));
        assert_eq!(gate.admit(client("192.0.2.1"), next, 4), Some(2));
        assert_eq!(gate.open(), 3);
    }

    #[test]
    fn the_most_silent_of_all_goes_when_it_is_full() {
        let mut gate = Gate::new(3, 3);
        for (number, address) in ["192.0.2.1", "192.0.2.2", "192.0.2.3"].iter().enumerate() {
            let activity = Activity::start(Moment(9 - number as u64));
            assert_eq!(gate.admit(client(address), activity, number), None);
        }
        let next = Activity::start(Moment(10));
        assert_eq!(gate.admit(client("192.0.2.4"), next, 3), Some(2));
        gate.leave(|&number| number == 0);
        assert_eq!(gate.open(), 2);
        let next = Activity::start(Moment(11));
        assert_eq!(gate.admit(client("192.0.2.5"), next, 4), None);
    }

    #[test]
    fn clients_are_addresses_or_networks_of_64_bits() {
        assert_eq!(client("2001:db8::1"), client("2001:db8::ffff:1"));
        assert_ne!(client("2001:db8::1"), client("2001:db8:0:1::1"));
        assert_eq!(client("::ffff:192.0.2.1"), client("192.0.2.1"));
        assert_ne!(client("192.0.2.1"), client("192.0.2.2"));
    }
}
