//! The zone that is signed in this process: a TXT record at each of so many names, and an NSEC.
use std::sync::Arc;

use waypost::dns::Name;
use waypost::dns::dnssec::{Algorithm, PrivateKey};
use waypost::dns::zone::signed::{Denial, Signed, Signing};
use waypost::dns::zone::{Record, Zone};

/// Seconds that its signatures hold.
pub(crate) const VALIDITY: u64 = 14 * 86_400;
/// When it is signed first, seconds since 1970.
pub(crate) const NOW: u64 = 1_800_000_000;

/// A zone without signatures.
pub(crate) fn build(names: usize) -> Arc<Zone> {
    let apex = Name::parse("example.org").unwrap();
    let record = |owner: Name, rtype, rdata: &[u8]| Record {
        owner,
        rtype,
        ttl: 300,
        rdata: rdata.to_vec(),
        line: 1,
    };
    let soa = b"\x01m\0\x01h\0\0\0\0\x01\0\0\0\x02\0\0\0\x03\0\0\0\x04\0\0\0\x05";
    let mut records = vec![
        record(apex.clone(), 6, soa),
        record(apex.clone(), 2, b"\x02ns\x05other\x04test\0"),
    ];
    for number in 0..names {
        let owner = Name::parse(&format!("host{number}.example.org")).unwrap();
        records.push(record(owner, 16, b"\x04text"));
    }
    Arc::new(Zone::build(&apex, records, &[]).unwrap())
}

/// The same zone, ready to be signed by a key of this algorithm.
pub(crate) fn prepare(zone: &Arc<Zone>, algorithm: Algorithm) -> Signed {
    let key = Arc::new(PrivateKey::generate(algorithm, 257, [7; 32]).unwrap());
    let signing = Signing {
        entry_keys: vec![Arc::clone(&key)],
        zone_keys: vec![key],
        denial: Denial::Nsec,
        validity: VALIDITY,
    };
    Signed::following(None, Arc::clone(zone), signing, &[])
}

/// With these chunks made for this time.
pub(crate) fn renewed(signed: &Signed, due: &[usize], now: u64) -> Signed {
    let made = due.iter().map(|&chunk| (chunk, signed.sign(chunk, now)));
    signed.renewed(made.collect())
}
