//! The table of open connections, and which of them goes when there are too many.
//!
//! A new connection is always let in. If its client then holds more than its part, the one of
//! that client's connections that has been silent the longest goes. If all places are taken, it is
//! the turn of those that have never had a reply, as long as they hold half of the places: the first
//! of them that came goes. Otherwise the one goes that has been silent the longest of all.
//!
//! So thousands of connections that say nothing, or never finish what they say, crowd out each
//! other: whoever has been answered once keeps its place from them, and half of the places is
//! always for newcomers, who need one for a moment only. And thousands that have asked once and idle
//! then lose their places to whoever comes (promise 8). A connection that never reads its replies
//! counts as silent since the last one that it took.
//!
//! ```text
//! newcomer --first reply taken--> regular
//! ```
//!
//! A connection's task marks its own [`Activity`], and no list is touched then: the lists are put
//! in order at their fronts, where they are looked at, by what has changed since. That costs no more
//! than what was marked, so neither admission nor leaving walks through all that are open. (One that
//! was answered behind a newcomer that was not is found when its turn comes.)
//!
//! The table knows numbers, clients and moments; it closes nothing itself.
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::base::Moment;

/// A client, as limits count them: an IPv4 address or an IPv6 /64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ClientNetwork(IpAddr);

/// The moment at which a connection last took in a reply, or that it has had none and when it came; shared with
/// its task.
#[derive(Clone, Debug)]
pub(super) struct Activity(Arc<AtomicU64>);

/// The list that a connection is on, by what it has shown of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seniority {
    /// It has had no reply.
    Newcomer,
    /// It has.
    Regular,
}

/// The number of one connection; never given twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ConnectionId(u64);

/// A connection on a list, and since when it has been silent as far as the list knows.
type Filed = (Moment, ConnectionId);

/// One connection that is open.
#[derive(Debug)]
struct OpenConnection<H> {
    client: ClientNetwork,
    activity: Activity,
    handle: H,
    list: Seniority,
    filed: Moment,
}

/// All connections that are open; `H` is what closes one.
#[derive(Debug)]
pub(super) struct ConnectionTable<H> {
    connections: BTreeMap<ConnectionId, OpenConnection<H>>,
    /// The ids of each client; never more than `per_client`.
    clients: BTreeMap<ClientNetwork, Vec<ConnectionId>>,
    newcomers: BTreeSet<Filed>,
    regulars: BTreeSet<Filed>,
    next: ConnectionId,
    per_client: usize,
}

impl ClientNetwork {
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
    /// A connection that comes now.
    pub(super) fn start(now: Moment) -> Self {
        Self(Arc::new(AtomicU64::new(now.0 << 1)))
    }

    /// It has taken in a reply.
    pub(super) fn mark(&self, now: Moment) {
        self.0.store(now.0 << 1 | 1, Ordering::Relaxed);
    }

    /// The moment since when it has been silent.
    pub(super) fn last(&self) -> Moment {
        self.look().1
    }

    fn look(&self) -> (Seniority, Moment) {
        let word = self.0.load(Ordering::Relaxed);
        let seniority = match word & 1 {
            0 => Seniority::Newcomer,
            _ => Seniority::Regular,
        };
        (seniority, Moment(word >> 1))
    }
}

impl<H> ConnectionTable<H> {
    pub(super) fn new(per_client: usize) -> Self {
        Self {
            connections: BTreeMap::new(),
            clients: BTreeMap::new(),
            newcomers: BTreeSet::new(),
            regulars: BTreeSet::new(),
            next: ConnectionId(0),
            per_client,
        }
    }

    /// Lets a connection in, to one of so many places; gives its id, and the one that must be
    /// closed for it.
    pub(super) fn admit(
        &mut self,
        places: usize,
        client: ClientNetwork,
        activity: Activity,
        handle: H,
    ) -> (ConnectionId, Option<H>) {
        let crowded = if self.held_by(client) >= self.per_client {
            self.most_silent_of(client)
        } else if self.connections.len() >= places {
            self.most_silent(places)
        } else {
            None
        };
        let leaves = crowded.and_then(|id| self.leave(id));
        let id = self.next;
        self.next = ConnectionId(id.0 + 1);
        let (list, filed) = activity.look();
        self.list(list).insert((filed, id));
        self.clients.entry(client).or_default().push(id);
        let connection = OpenConnection {
            client,
            activity,
            handle,
            list,
            filed,
        };
        self.connections.insert(id, connection);
        (id, leaves)
    }

    /// Forgets a connection; nothing if it is forgotten already.
    pub(super) fn leave(&mut self, id: ConnectionId) -> Option<H> {
        let connection = self.connections.remove(&id)?;
        self.list(connection.list).remove(&(connection.filed, id));
        if let Some(held) = self.clients.get_mut(&connection.client) {
            held.retain(|one| *one != id);
            if held.is_empty() {
                self.clients.remove(&connection.client);
            }
        }
        Some(connection.handle)
    }

    pub(super) fn open(&self) -> usize {
        self.connections.len()
    }

    /// The number of connections that a client holds.
    pub(super) fn held_by(&self, client: ClientNetwork) -> usize {
        self.clients.get(&client).map_or(0, Vec::len)
    }

    fn list(&mut self, seniority: Seniority) -> &mut BTreeSet<Filed> {
        match seniority {
            Seniority::Newcomer => &mut self.newcomers,
            Seniority::Regular => &mut self.regulars,
        }
    }

    /// Of equals the first, which came first.
    fn most_silent_of(&self, client: ClientNetwork) -> Option<ConnectionId> {
        let held = self.clients.get(&client)?.iter().copied();
        held.min_by_key(|id| self.connections.get(id).map(|one| one.activity.last()))
    }

    fn most_silent(&mut self, places: usize) -> Option<ConnectionId> {
        // Each turn files one anew; so many turns are enough unless tasks mark faster than this.
        for _ in 0..2 * self.connections.len() {
            let oldest = self.newcomers.first().map(|&(_, id)| id);
            if oldest.is_some_and(|id| self.file_anew(id)) {
                continue;
            }
            if oldest.is_some() && self.newcomers.len() >= places / 2 {
                return oldest;
            }
            let quietest = self.regulars.first().map(|&(_, id)| id);
            let id = quietest.or(oldest)?;
            if !self.file_anew(id) {
                return Some(id);
            }
        }
        self.newcomers.first().map(|&(_, id)| id)
    }

    /// Puts a connection where it belongs by now; gives whether that is elsewhere.
    fn file_anew(&mut self, id: ConnectionId) -> bool {
        let Some(connection) = self.connections.get_mut(&id) else {
            return false;
        };
        let (list, last) = connection.activity.look();
        let before = (connection.list, connection.filed);
        (connection.list, connection.filed) = (list, last);
        self.list(before.0).remove(&(before.1, id));
        self.list(list).insert((last, id));
        before != (list, last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(text: &str) -> ClientNetwork {
        ClientNetwork::of(text.parse().unwrap())
    }

    /// A table of some places, and what each admission has closed.
    struct Protocol {
        table: ConnectionTable<u32>,
        places: usize,
    }

    impl Protocol {
        fn new(places: usize, per_client: usize) -> Self {
            Self {
                table: ConnectionTable::new(per_client),
                places,
            }
        }

        fn admit(
            &mut self,
            from: &str,
            at: u64,
            handle: u32,
        ) -> (Activity, ConnectionId, Option<u32>) {
            let activity = Activity::start(Moment(at));
            let (places, own) = (self.places, activity.clone());
            let (id, left) = self.table.admit(places, client(from), own, handle);
            self.check();
            (activity, id, left)
        }

        /// Every list holds exactly the connections.
        fn check(&self) {
            let table = &self.table;
            assert!(table.open() <= self.places);
            assert_eq!(table.newcomers.len() + table.regulars.len(), table.open());
            assert_eq!(
                table.clients.values().map(Vec::len).sum::<usize>(),
                table.open()
            );
        }
    }

    #[test]
    fn a_client_crowds_itself_out_first() {
        let mut protocol = Protocol::new(4, 2);
        let (one, ..) = protocol.admit("192.0.2.1", 1, 1);
        protocol.admit("192.0.2.1", 2, 2);
        assert_eq!(protocol.admit("192.0.2.9", 0, 3).2, None);
        one.mark(Moment(5));
        assert_eq!(protocol.admit("192.0.2.1", 6, 4).2, Some(2));
        assert_eq!(protocol.table.open(), 3);
        assert_eq!(protocol.table.held_by(client("192.0.2.1")), 2);
    }

    #[test]
    fn the_most_silent_of_all_goes_when_it_is_full() {
        let mut protocol = Protocol::new(3, 3);
        let first = protocol.admit("192.0.2.1", 9, 0);
        protocol.admit("192.0.2.2", 8, 1);
        protocol.admit("192.0.2.3", 7, 2);
        assert_eq!(protocol.admit("192.0.2.4", 10, 3).2, Some(2));
        assert_eq!(protocol.table.leave(first.1), Some(0));
        assert_eq!(protocol.table.leave(first.1), None);
        assert_eq!(protocol.table.open(), 2);
        assert_eq!(protocol.admit("192.0.2.5", 11, 4).2, None);
    }

    #[test]
    fn newcomers_never_take_the_place_of_one_that_was_answered() {
        let mut protocol = Protocol::new(8, 8);
        let regulars: Vec<_> = (0..4)
            .map(|at| protocol.admit("192.0.2.1", at, 0).0)
            .collect();
        for (regular, at) in regulars.iter().zip(10..) {
            regular.mark(Moment(at));
        }
        let mut gone = Vec::new();
        for number in 1..1000 {
            let from = format!("198.51.100.{}", number % 200);
            gone.extend(protocol.admit(&from, 20 + u64::from(number), number).2);
        }
        // Places are full after four newcomers; then one goes for each, in the order of coming.
        assert_eq!(gone, (1..=995).collect::<Vec<_>>());
    }

    #[test]
    fn regulars_that_idle_make_room_for_whoever_comes() {
        let mut protocol = Protocol::new(8, 8);
        for handle in 0..8 {
            let from = format!("192.0.2.{handle}");
            let (activity, ..) = protocol.admit(&from, 0, handle);
            activity.mark(Moment(10 - u64::from(handle)));
        }
        let left: Vec<_> = (8..12)
            .map(|handle| protocol.admit("198.51.100.1", 20, handle).2)
            .collect();
        assert_eq!(left, [Some(7), Some(6), Some(5), Some(4)]);
        // From now on newcomers hold half of the places.
        assert_eq!(protocol.admit("198.51.100.1", 21, 12).2, Some(8));
        assert_eq!(protocol.admit("198.51.100.1", 22, 13).2, Some(9));
    }

    #[test]
    fn fewer_places_than_guests_are_reached_one_by_one() {
        let mut table = ConnectionTable::new(8);
        for handle in 0..4 {
            let activity = Activity::start(Moment(handle));
            table.admit(8, client(&format!("192.0.2.{handle}")), activity, handle);
        }
        let (_, left) = table.admit(2, client("192.0.2.9"), Activity::start(Moment(9)), 9);
        assert_eq!((left, table.open()), (Some(0), 4));
    }

    #[test]
    fn clients_are_addresses_or_networks_of_64_bits() {
        assert_eq!(client("2001:db8::1"), client("2001:db8::ffff:1"));
        assert_ne!(client("2001:db8::1"), client("2001:db8:0:1::1"));
        assert_eq!(client("::ffff:192.0.2.1"), client("192.0.2.1"));
        assert_ne!(client("192.0.2.1"), client("192.0.2.2"));
    }
}
