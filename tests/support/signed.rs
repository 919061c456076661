//! The world of `support/world.toml`, signed.
use std::sync::Arc;

use waypost::base::Moment;
use waypost::config::Compiled;
use waypost::dns::dnssec::{Algorithm, Digest, PrivateKey};
use waypost::dns::rr::rtype;
use waypost::dns::zone::signed::{Denial, MADE_HERE, Signed, Signing};
use waypost::dns::zone::{Edit, Served, Zones};
use waypost::plan::Plan;
use waypost::table::{Table, variants};

use crate::sample;

/// Flags of a key that a DS may name.
const ENTRY: u16 = 257;
/// Flags of any other key of a zone.
const ZONE: u16 = 256;
/// Seconds that signatures hold.
const VALIDITY: u64 = 14 * 86_400;

/// One way to sign a zone.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Way {
    pub(crate) algorithm: Algorithm,
    pub(crate) denial: Denial,
}

/// Every algorithm with every kind of denial.
pub(crate) fn ways() -> Vec<Way> {
    let algorithms = [
        Algorithm::EcdsaP256,
        Algorithm::Ed25519,
        Algorithm::RsaSha256,
    ];
    algorithms
        .into_iter()
        .flat_map(|algorithm| [Denial::Nsec, Denial::Nsec3].map(|denial| Way { algorithm, denial }))
        .collect()
}

/// A key pair of one way: KSK and ZSK.
pub(crate) struct Pair {
    pub(crate) entry: Arc<PrivateKey>,
    pub(crate) zone: Arc<PrivateKey>,
}

impl Pair {
    pub(crate) fn new(algorithm: Algorithm) -> Self {
        let key =
            |flags, seed| Arc::new(PrivateKey::generate(algorithm, flags, [seed; 32]).unwrap());
        Self {
            entry: key(ENTRY, 7),
            zone: key(ZONE, 9),
        }
    }

    /// The DS as a trust anchor writes it: tag, algorithm, digest type, digest.
    pub(crate) fn anchor(&self) -> String {
        let apex = waypost::dns::Name::parse("example.org").unwrap();
        let rdata = self.entry.public().ds(&apex, Digest::Sha256);
        let digest: String = rdata[4..]
            .iter()
            .map(|octet| format!("{octet:02X}"))
            .collect();
        let tag = u16::from_be_bytes([rdata[0], rdata[1]]);
        format!("{tag} {} {} {digest}", rdata[2], rdata[3])
    }
}

/// A plan, and the zones that its services are mounted in.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) plan: Arc<Plan>,
    pub(crate) zones: Arc<Zones>,
}

/// The world, its zone signed at this time (seconds since 1970).
pub(crate) fn sign(compiled: Compiled, way: Way, pair: &Pair, now: u64) -> World {
    let signing = Signing {
        entry_keys: vec![Arc::clone(&pair.entry)],
        zone_keys: vec![Arc::clone(&pair.zone)],
        denial: way.denial,
        validity: VALIDITY,
    };
    let steered = variants(&compiled.plan).unwrap();
    let unsigned = compiled.unsigned();
    let zones = unsigned.all().iter().map(|served| {
        let keys = Edit {
            owner: served.zone.apex().clone(),
            rtype: rtype::DNSKEY,
            ttl: 3600,
            records: vec![pair.entry.public().rdata(), pair.zone.public().rdata()],
        };
        let edits = signing.edits(&served.zone, vec![keys]);
        let zone = Arc::new(served.zone.amended(&edits, &MADE_HERE).unwrap());
        let unsigned = Signed::following(None, Arc::clone(&zone), signing.clone(), &steered);
        let chunks = unsigned.stale(now).into_iter();
        let made = chunks.map(|chunk| (chunk, unsigned.sign(chunk, now)));
        let signed = Arc::new(unsigned.renewed(made.collect()));
        assert!(signed.stale(now).is_empty());
        Served {
            zone,
            expires: signed.expires(),
            refuse_from: signed.expires() - 3600,
            signed: Some(signed),
            view: served.view,
        }
    });
    let zones = zones.collect();
    World {
        plan: Arc::new(compiled.plan),
        zones: Arc::new(Zones::served(zones, now * 1000)),
    }
}

/// A table of it in which these endpoints are down.
pub(crate) fn table(world: &World, down: &[&str]) -> Table {
    let table = sample::table_of(&world.plan, down).with_zones(Arc::clone(&world.zones));
    assert_eq!(table.built_at, Moment(0));
    table
}
