//! Signatures and links asked for by their type: given where they are, never contradicted by the
//! denial beside them, and not given for a name that lies below a cut or a DNAME.
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::{Record, RecordType};
use waypost::answer::Transport;
use waypost::dns::zone::signed::Denial;
use waypost::table::Table;

use crate::sample::{self, Ask, reply_to};
use crate::signed::{Pair, Way, sign, table};

const NOW: u64 = 1_800_000_000;
/// Names with data: static, of an alias, steered, of wildcards, between steered and static data.
const NAMES: [&str; 8] = [
    "example.org",
    "round.example.org",
    "www.example.org",
    "api.example.org",
    "x.text.example.org",
    "x.wild.example.org",
    "old.example.org",
    "hard.example.org",
];

/// The world signed with P-256 by one kind of denial.
fn signed(denial: Denial) -> Table {
    let way = Way {
        algorithm: waypost::dns::dnssec::Algorithm::EcdsaP256,
        denial,
    };
    table(
        &sign(sample::compile(), way, &Pair::new(way.algorithm), NOW),
        &[],
    )
}

fn ask(table: &Table, question: &str, dnssec: bool) -> Message {
    let mut packet = Ask::new(question).edns(1232).packet();
    let flags = packet.len() - 4;
    packet[flags] = if dnssec { 0x80 } else { 0 };
    let (_, reply) = reply_to(table, &packet, "192.0.2.99", Transport::Tcp).unwrap();
    Message::from_vec(&reply).unwrap()
}

fn types(records: &[Record]) -> Vec<RecordType> {
    records.iter().map(Record::record_type).collect()
}

#[test]
fn signatures_are_given_wherever_there_is_data() {
    for denial in [Denial::Nsec, Denial::Nsec3] {
        let table = signed(denial);
        for name in NAMES {
            for dnssec in [false, true] {
                let reply = ask(&table, &format!("{name} RRSIG"), dnssec);
                let answers = types(&reply.answers);
                let what = format!("{name} {denial:?}, DO {dnssec}: {reply}");
                assert!(!answers.is_empty(), "{what}");
                let is_signature = |of: &RecordType| *of == RecordType::RRSIG;
                assert!(answers.iter().all(is_signature), "{what}");
                assert_eq!(reply.metadata.response_code, ResponseCode::NoError);
                let is_proved = !reply.authorities.is_empty();
                assert_eq!(is_proved, dnssec && name.starts_with("x."), "{what}");
            }
        }
    }
}

#[test]
fn links_are_given_with_their_signatures_to_who_wants_them() {
    let table = signed(Denial::Nsec);
    for name in NAMES {
        let plain = ask(&table, &format!("{name} NSEC"), false);
        assert_eq!(types(&plain.answers), [RecordType::NSEC], "{name}");
        let secure = ask(&table, &format!("{name} NSEC"), true);
        let both = [RecordType::NSEC, RecordType::RRSIG];
        assert_eq!(types(&secure.answers), both, "{name}");
    }
}

#[test]
fn nothing_of_ours_is_given_below_a_cut_or_a_dname() {
    for denial in [Denial::Nsec, Denial::Nsec3] {
        let table = signed(denial);
        for kind in ["NSEC", "RRSIG"] {
            for name in ["ns.lab.example.org", "deep.er.lab.example.org"] {
                let reply = ask(&table, &format!("{name} {kind}"), true);
                assert!(reply.answers.is_empty(), "{reply}");
                assert!(!reply.metadata.authoritative, "{reply}");
                let authority = types(&reply.authorities);
                assert!(authority.contains(&RecordType::NS), "{reply}");
                assert!(authority.contains(&RecordType::DS), "{reply}");
            }
            let reply = ask(&table, "lab.example.org RRSIG", true);
            assert!(reply.answers.is_empty(), "{reply}");
            assert!(!reply.metadata.authoritative, "{reply}");
            let reply = ask(&table, &format!("y.old.example.org {kind}"), true);
            let expected = [RecordType::DNAME, RecordType::RRSIG, RecordType::CNAME];
            assert_eq!(types(&reply.answers), expected, "{reply}");
            assert_eq!(reply.metadata.response_code, ResponseCode::NXDomain);
            let authority = types(&reply.authorities);
            assert!(authority.contains(&RecordType::SOA), "{reply}");
        }
    }
}
