//! Who may stay when there are too many connections.
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
//! The gate knows numbers, clients and moments; it closes nothing itself.
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::base::Moment;

/// A client, as limits count them: an IPv4 address or an IPv6 /64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Client(IpAddr);

/// When a connection last took in a reply, or that it has had none and when it came; shared with
/// its task.
#[derive(Clone, Debug)]
pub(super) struct Activity(Arc<AtomicU64>);

/// What a connection has shown of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// It has had no reply.
    Newcomer,
    /// It has.
    Regular,
}

/// The number of one connection; never given twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ticket(u64);

/// A connection on a list, and since when it has been silent as far as the list knows.
type Filed = (Moment, Ticket);

/// One connection that is open.
#[derive(Debug)]
struct Guest<H> {
    client: Client,
    activity: Activity,
    handle: H,
    list: Standing,
    filed: Moment,
}

/// All connections that are open; `H` is what closes one.
#[derive(Debug)]
pub(super) struct Gate<H> {
    guests: BTreeMap<Ticket, Guest<H>>,
    /// The tickets of each client; never more than `per_client`.
    clients: BTreeMap<Client, Vec<Ticket>>,
    newcomers: BTreeSet<Filed>,
    regulars: BTreeSet<Filed>,
    next: Ticket,
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
    /// A connection that comes now.
    pub(super) fn start(now: Moment) -> Self {
        Self(Arc::new(AtomicU64::new(now.0 << 1)))
    }

    /// It has taken in a reply.
    pub(super) fn mark(&self, now: Moment) {
        self.0.store(now.0 << 1 | 1, Ordering::Relaxed);
    }

    /// Since when it has been silent.
    pub(super) fn last(&self) -> Moment {
        self.look().1
    }

    fn look(&self) -> (Standing, Moment) {
        let word = self.0.load(Ordering::Relaxed);
        let standing = match word & 1 {
            0 => Standing::Newcomer,
            _ => Standing::Regular,
        };
        (standing, Moment(word >> 1))
    }
}

impl<H> Gate<H> {
    pub(super) fn new(per_client: usize) -> Self {
        Self {
            guests: BTreeMap::new(),
            clients: BTreeMap::new(),
            newcomers: BTreeSet::new(),
            regulars: BTreeSet::new(),
            next: Ticket(0),
            per_client,
        }
    }

    /// Lets a connection in, to one of so many places; gives its ticket, and the one that must be
    /// closed for it.
    pub(super) fn admit(
        &mut self,
        places: usize,
        client: Client,
        activity: Activity,
        handle: H,
    ) -> (Ticket, Option<H>) {
        let crowded = if self.held_by(client) >= self.per_client {
            self.most_silent_of(client)
        } else if self.guests.len() >= places {
            self.most_silent(places)
        } else {
            None
        };
        let leaves = crowded.and_then(|ticket| self.leave(ticket));
        let ticket = self.next;
        self.next = Ticket(ticket.0 + 1);
        let (list, filed) = activity.look();
        self.list(list).insert((filed, ticket));
        self.clients.entry(client).or_default().push(ticket);
        let guest = Guest {
            client,
            activity,
            handle,
            list,
            filed,
        };
        self.guests.insert(ticket, guest);
        (ticket, leaves)
    }

    /// Forgets a connection; nothing if it is forgotten already.
    pub(super) fn leave(&mut self, ticket: Ticket) -> Option<H> {
        let guest = self.guests.remove(&ticket)?;
        self.list(guest.list).remove(&(guest.filed, ticket));
        if let Some(held) = self.clients.get_mut(&guest.client) {
            held.retain(|one| *one != ticket);
            if held.is_empty() {
                self.clients.remove(&guest.client);
            }
        }
        Some(guest.handle)
    }

    pub(super) fn open(&self) -> usize {
        self.guests.len()
    }

    /// How many connections a client holds.
    pub(super) fn held_by(&self, client: Client) -> usize {
        self.clients.get(&client).map_or(0, Vec::len)
    }

    fn list(&mut self, standing: Standing) -> &mut BTreeSet<Filed> {
        match standing {
            Standing::Newcomer => &mut self.newcomers,
            Standing::Regular => &mut self.regulars,
        }
    }

    /// Of equals the first, which came first.
    fn most_silent_of(&self, client: Client) -> Option<Ticket> {
        let held = self.clients.get(&client)?.iter().copied();
        held.min_by_key(|ticket| self.guests.get(ticket).map(|one| one.activity.last()))
    }

    fn most_silent(&mut self, places: usize) -> Option<Ticket> {
        // Each turn files one anew; so many turns are enough unless tasks mark faster than this.
        for _ in 0..2 * self.guests.len() {
            let oldest = self.newcomers.first().map(|&(_, ticket)| ticket);
            if oldest.is_some_and(|ticket| self.file_anew(ticket)) {
                continue;
            }
            if oldest.is_some() && self.newcomers.len() >= places / 2 {
                return oldest;
            }
            let quietest = self.regulars.first().map(|&(_, ticket)| ticket);
            let ticket = quietest.or(oldest)?;
            if !self.file_anew(ticket) {
                return Some(ticket);
            }
        }
        self.newcomers.first().map(|&(_, ticket)| ticket)
    }

    /// Puts a connection where it belongs by now; gives whether that is elsewhere.
    fn file_anew(&mut self, ticket: Ticket) -> bool {
        let Some(guest) = self.guests.get_mut(&ticket) else {
            return false;
        };
        let (list, last) = guest.activity.look();
        let before = (guest.list, guest.filed);
        (guest.list, guest.filed) = (list, last);
        self.list(before.0).remove(&(before.1, ticket));
        self.list(list).insert((last, ticket));
        before != (list, last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(text: &str) -> Client {
        Client::of(text.parse().unwrap())
    }

    /// A gate of some places, and what each admission has closed.
    struct Door {
        gate: Gate<u32>,
        places: usize,
    }

    impl Door {
        fn new(places: usize, per_client: usize) -> Self {
            Self {
                gate: Gate::new(per_client),
                places,
            }
        }

        fn admit(&mut self, from: &str, at: u64, handle: u32) -> (Activity, Ticket, Option<u32>) {
            let activity = Activity::start(Moment(at));
            let (places, own) = (self.places, activity.clone());
            let (ticket, left) = self.gate.admit(places, client(from), own, handle);
            self.check();
            (activity, ticket, left)
        }

        /// Every list holds exactly the guests.
        fn check(&self) {
            let gate = &self.gate;
            assert!(gate.open() <= self.places);
            assert_eq!(gate.newcomers.len() + gate.regulars.len(), gate.open());
            assert_eq!(
                gate.clients.values().map(Vec::len).sum::<usize>(),
                gate.open()
            );
        }
    }

    #[test]
    fn a_client_crowds_itself_out_first() {
        let mut door = Door::new(4, 2);
        let (one, ..) = door.admit("192.0.2.1", 1, 1);
        door.admit("192.0.2.1", 2, 2);
        assert_eq!(door.admit("192.0.2.9", 0, 3).2, None);
        one.mark(Moment(5));
        assert_eq!(door.admit("192.0.2.1", 6, 4).2, Some(2));
        assert_eq!(door.gate.open(), 3);
        assert_eq!(door.gate.held_by(client("192.0.2.1")), 2);
    }

    #[test]
    fn the_most_silent_of_all_goes_when_it_is_full() {
        let mut door = Door::new(3, 3);
        let first = door.admit("192.0.2.1", 9, 0);
        door.admit("192.0.2.2", 8, 1);
        door.admit("192.0.2.3", 7, 2);
        assert_eq!(door.admit("192.0.2.4", 10, 3).2, Some(2));
        assert_eq!(door.gate.leave(first.1), Some(0));
        assert_eq!(door.gate.leave(first.1), None);
        assert_eq!(door.gate.open(), 2);
        assert_eq!(door.admit("192.0.2.5", 11, 4).2, None);
    }

    #[test]
    fn newcomers_never_take_the_place_of_one_that_was_answered() {
        let mut door = Door::new(8, 8);
        let regulars: Vec<_> = (0..4).map(|at| door.admit("192.0.2.1", at, 0).0).collect();
        for (regular, at) in regulars.iter().zip(10..) {
            regular.mark(Moment(at));
        }
        let mut gone = Vec::new();
        for number in 1..1000 {
            let from = format!("198.51.100.{}", number % 200);
            gone.extend(door.admit(&from, 20 + u64::from(number), number).2);
        }
        // Places are full after four newcomers; then one goes for each, in the order of coming.
        assert_eq!(gone, (1..=995).collect::<Vec<_>>());
    }

    #[test]
    fn regulars_that_idle_make_room_for_whoever_comes() {
        let mut door = Door::new(8, 8);
        for handle in 0..8 {
            let from = format!("192.0.2.{handle}");
            let (activity, ..) = door.admit(&from, 0, handle);
            activity.mark(Moment(10 - u64::from(handle)));
        }
        let left: Vec<_> = (8..12)
            .map(|handle| door.admit("198.51.100.1", 20, handle).2)
            .collect();
        assert_eq!(left, [Some(7), Some(6), Some(5), Some(4)]);
        // From now on newcomers hold half of the places.
        assert_eq!(door.admit("198.51.100.1", 21, 12).2, Some(8));
        assert_eq!(door.admit("198.51.100.1", 22, 13).2, Some(9));
    }

    #[test]
    fn fewer_places_than_guests_are_reached_one_by_one() {
        let mut gate = Gate::new(8);
        for handle in 0..4 {
            let activity = Activity::start(Moment(handle));
            gate.admit(8, client(&format!("192.0.2.{handle}")), activity, handle);
        }
        let (_, left) = gate.admit(2, client("192.0.2.9"), Activity::start(Moment(9)), 9);
        assert_eq!((left, gate.open()), (Some(0), 4));
    }

    #[test]
    fn clients_are_addresses_or_networks_of_64_bits() {
        assert_eq!(client("2001:db8::1"), client("2001:db8::ffff:1"));
        assert_ne!(client("2001:db8::1"), client("2001:db8:0:1::1"));
        assert_eq!(client("::ffff:192.0.2.1"), client("192.0.2.1"));
        assert_ne!(client("192.0.2.1"), client("192.0.2.2"));
    }
}
