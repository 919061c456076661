//! Records of a cluster, bent: whatever comes is read or refused, and what is read is, written again, the same.
//!
//! The octets of a record are signed, so that most of what is bent is refused for that. A second target therefore bends contents
//! and signs what comes of it: then everything is read by whoever has that author in the roster.
use std::sync::Arc;

use waypost::base::limits::CLUSTER_BUNDLE_BYTES;
use waypost::base::{Cause, Draws, Family, Moment, Span, Utc};
use waypost::health::target::Verdict;
use waypost::share::{
    AuthorSeal, Boot, Cluster, ClusterStart, Envelope, Have, Intent, LoadRow, LogAct,
    MemberAdmission, MemberRole, NodeHead, NodeLoad, RecordFate, RecordRefusal, RecordStream,
    Roster, RosterMember, Sealed, Trust, Tuning,
};

use crate::bend::{Bender, rounds, survive};

const BUNDLES: u64 = 20_000;
const WALL: Utc = Utc(1_800_000_000_000);

fn seal(node: u8) -> AuthorSeal {
    AuthorSeal::from_seed(&[node; 32]).unwrap()
}

fn cluster(node: u8) -> Cluster {
    let members = [1, 2].map(|node| RosterMember {
        name: format!("node-{node}"),
        key: seal(node).key(),
        region: "eu".into(),
        provider: format!("p{node}"),
        role: MemberRole::Vantage,
        admission: MemberAdmission::Admitted,
    });
    let roster = Roster::new("fuzz", members.to_vec()).unwrap();
    let tuning = Tuning {
        beat: Span(1000),
        alone_after: None,
        up_while: None,
    };
    let start = ClusterStart {
        now: Moment(0),
        boot: Boot::at(WALL, node.into()),
    };
    let mut cluster = Cluster::new(seal(node), Arc::new(roster), tuning, start);
    cluster.plan((0..20).collect());
    cluster
}

/// A node that has said something of every kind.
fn talker() -> Cluster {
    let mut cluster = cluster(1);
    let mut ballot = cluster.ballot(Trust::Sure);
    for place in 0..20 {
        let down = Verdict::Down(Cause::Status(503));
        ballot.add(place, if place % 3 == 0 { down } else { Verdict::Up });
    }
    cluster.say(Moment(1), WALL, ballot);
    for act in [
        LogAct::Drain,
        LogAct::PutChallenge(60, b"text".to_vec()),
        LogAct::Approve(7),
    ] {
        let expires = act.needs_end().then_some(Utc(WALL.0 + 60_000));
        let intent = Intent {
            act,
            scope: "eu".into(),
            by: "ada".into(),
            reason: "works".into(),
            begins: None,
            expires,
        };
        cluster.order(WALL, intent).unwrap();
    }
    let head = NodeHead {
        serials: vec![(1, 2)],
        ..NodeHead::default()
    };
    cluster.say_head(WALL, head);
    let row = LoadRow {
        service: 1,
        family: Family::V4,
        class: 2,
    };
    let load = NodeLoad {
        rows: vec![(row, 3)],
        ..NodeLoad::default()
    };
    cluster.say_load(Moment(1), WALL, load);
    cluster
}

/// The records of a bundle.
fn records(bundle: &[u8]) -> Vec<Vec<u8>> {
    let (mut rest, mut records) = (bundle, Vec::new());
    while let Some((length, after)) = rest.split_first_chunk() {
        let (record, after) = after.split_at(usize::try_from(u32::from_be_bytes(*length)).unwrap());
        records.push(record.to_vec());
        rest = after;
    }
    records
}

#[test]
fn bent_bundles_are_survived_and_believed_only_as_signed() {
    let bundle = talker().newer(&Have::default(), 0);
    let genuine = records(&bundle);
    let seeds = [bundle, cluster(2).have().pack(), talker().have().pack()];
    let mut bender = Bender {
        seeds: &seeds,
        words: &["WPS\u{1}", "WPH\u{1}"],
        draws: Draws::from_seed(17),
    };
    let (teller, mut taken, mut other) = (talker(), 0, cluster(2));
    let inputs = (0..rounds(BUNDLES)).map(|_| bender.bent());
    survive("shared", inputs, |input| {
        if let Ok(have) = Have::unpack(input) {
            assert_eq!(have.pack(), input, "what was read is written the same");
            assert!(teller.newer(&have, 1).len() <= CLUSTER_BUNDLE_BYTES);
        }
        for fate in other.take(Moment(5), WALL, input).fates {
            if let RecordFate::Order(entry) = &fate {
                assert!(
                    genuine
                        .iter()
                        .any(|record| **record == **entry.record.octets())
                );
            }
            if matches!(fate, RecordFate::Order(_) | RecordFate::Newer(..)) {
                taken += 1;
                other = cluster(2);
            }
        }
    });
    assert!(taken > 0, "nothing was taken");
}

#[test]
fn bent_contents_that_are_signed_are_read_or_refused() {
    let genuine = records(&talker().newer(&Have::default(), 0));
    let genuine: Vec<Sealed> = genuine
        .iter()
        .map(|one| Sealed::parse(one).unwrap())
        .collect();
    let seeds: Vec<Vec<u8>> = genuine.iter().map(|one| one.content().to_vec()).collect();
    let streams = [
        RecordStream::Vote,
        RecordStream::Names(0),
        RecordStream::Log,
        RecordStream::Head,
        RecordStream::Load,
    ];
    let mut bender = Bender {
        seeds: &seeds,
        words: &[],
        draws: Draws::from_seed(19),
    };
    let key = seal(1);
    let mut other = cluster(2);
    let (mut read, mut refused) = (0_u64, 0_u64);
    for seq in 1..rounds(BUNDLES) {
        let envelope = Envelope {
            stream: streams[bender.index(streams.len())],
            boot: Boot::at(WALL, 2),
            seq,
            ..*genuine[0].envelope()
        };
        let record = Sealed::seal(envelope, &bender.bent(), &key);
        match other.take_record(Moment(5), WALL, record.octets()) {
            Err(RecordRefusal::Garbled(_)) => refused += 1,
            _ => read += 1,
        }
        other.tick(Moment(5), WALL, waypost::share::Sight::Clear);
    }
    // One in a hundred of each at least.
    let least = rounds(BUNDLES) / 100;
    assert!(
        read > least && refused > least,
        "{read} read, {refused} refused"
    );
    let most = 2 * (120 * 1024 + 5 * 48 * 1024);
    assert!(other.octets() < most, "{} octets", other.octets());
}
