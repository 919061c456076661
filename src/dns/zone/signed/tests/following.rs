//! Zones that follow one another, held against zones signed from nothing.
use super::*;
use crate::base::Draws;
use crate::dns::zone::amend::property::World;

/// All that a signed zone gives, without numbers of nodes.
#[derive(Debug, PartialEq, Eq)]
struct View {
    sets: BTreeSet<(Name, u16, Option<Vec<u8>>)>,
    /// Owner, RRset, signatures; in the order of the chain.
    links: Vec<[Vec<u8>; 3]>,
    lacks: BTreeSet<(Name, u16, [Vec<u8>; 3])>,
    answers: BTreeSet<(Name, Vec<u8>, Option<Vec<u8>>)>,
    covering: Vec<Vec<u8>>,
    entries: usize,
    expires: u64,
    due: u64,
}

fn octets(set: RrSet<'_>) -> Vec<u8> {
    set.encoded.to_vec()
}

fn shown(signed: &Signed, proof: &Proof<'_>) -> [Vec<u8>; 3] {
    let mut labels = [0; 255];
    let owner = signed.owner_below_apex(proof, &mut labels).to_vec();
    [owner, octets(proof.set), octets(proof.signatures)]
}

fn view(signed: &Signed, now: u64) -> View {
    let base = &signed.base;
    let zone = &base.zone;
    let node_of = |name: &Name| zone.node_of(name.as_wire()).unwrap();
    let owners: Vec<(Name, u16)> = zone
        .owners()
        .flat_map(|(owner, sets)| {
            sets.map(|set| (owner.clone(), set.rtype))
                .collect::<Vec<_>>()
        })
        .collect();
    let links = 0..base.chain.links();
    let lacks = base.chain.lacks().iter().map(|&(node, kind)| {
        let proof = signed.lack(node, kind).unwrap();
        (zone.name(node), kind, shown(signed, &proof))
    });
    let answers = base.variants.iter().map(|variant| {
        let records = variant.records.to_vec();
        let set = signed.of_variant(variant.node, &records).map(octets);
        (zone.name(variant.node), records, set)
    });
    let mut world = World {
        draws: Draws::from_seed(11),
        odd: 300,
    };
    let covering = (0..40).map(|_| {
        let name = world.name();
        let apex = name.as_wire().len() - zone.apex.as_wire().len();
        shown(signed, &signed.covering(name.as_wire(), apex).unwrap())[0].clone()
    });
    View {
        sets: owners
            .iter()
            .map(|(name, kind)| {
                let set = signed.of_set(node_of(name), *kind);
                (name.clone(), *kind, set.map(octets))
            })
            .collect(),
        links: links
            .map(|link| shown(signed, &signed.proof(link).unwrap()))
            .collect(),
        lacks: lacks.collect(),
        answers: answers.collect(),
        covering: covering.collect(),
        entries: signed.entries(),
        expires: signed.expires(),
        due: signed.due(now),
    }
}

/// What is told of wildcards beforehand is what a search finds.
fn assert_wildcards(signed: &Signed, story: &str) {
    let zone = signed.zone();
    for (node, _) in (Zone::APEX..).zip(&zone.tree.nodes) {
        if let Some(told) = signed.covering_wildcard(node) {
            let wildcard = [b"\x01*", zone.name(node).as_wire()].concat();
            let apex = wildcard.len() - zone.apex.as_wire().len();
            let found = signed.covering(&wildcard, apex).unwrap();
            assert_eq!(told.number, found.number, "{story}");
        }
    }
}

fn steered_by(draws: &mut Draws) -> Vec<Steered> {
    let mut steered = vec![Steered::default(), Steered::default(), Steered::default()];
    let mut own = super::steered().remove(0);
    if draws.chance(300) {
        own.ttl = 31;
    }
    if draws.chance(300) {
        own.answers[0].pop();
    }
    if draws.chance(200) {
        own.answers[1].clear();
    }
    steered.push(own);
    steered
}

/// Lets a zone be changed and signed many times; how often its chunks were shared.
fn run(seed: u64, odd: u64) -> usize {
    let mut world = World {
        draws: Draws::from_seed(seed),
        odd,
    };
    let Some(zone) = world.zone() else { return 0 };
    let mut zone = Arc::new(zone);
    let mut now = NOW;
    let denial = [Denial::Nsec, Denial::Nsec3];
    let mut signing = signing(denial[world.below(2)], 1);
    let mut steered = steered_by(&mut world.draws);
    let mut signed = Signed::following(None, Arc::clone(&zone), signing.clone(), &steered);
    let mut shared = 0;
    for step in 0..14 {
        let edits = world.edits(&zone);
        let story = format!("seed {seed}, step {step}: {edits:?}");
        // Now and then a change is laid over an older zone, as overlays are.
        if let Ok(next) = zone.amended(&edits, &[]) {
            let next = Arc::new(next);
            match world.draws.chance(800) {
                true => zone = next,
                false => signed = Signed::following(Some(&signed), next, signing.clone(), &steered),
            }
        }
        match world.below(14) {
            0 => {
                signing = super::signing(signing.denial, u8::try_from(1 + world.below(3)).unwrap())
            }
            1 => signing.denial = denial[world.below(2)],
            2 => steered = steered_by(&mut world.draws),
            3 => signing.validity = VALIDITY * [1, 2][world.below(2)],
            4 => now += 86_400 * world.draws.below(9),
            _ => {}
        }
        let chain = signed.base.chain.len();
        signed = Signed::following(Some(&signed), Arc::clone(&zone), signing.clone(), &steered);
        let whole = signed.stale(now).len() == signed.chunks.len();
        shared += usize::from(!whole && chain == signed.base.chain.len());
        if world.draws.chance(700) {
            signed = renew(&signed, now, usize::MAX);
            let anew = Arc::new(zone.rebuilt(&[], &[], &zone.mounts()).unwrap());
            let fresh = Signed::following(None, anew, signing.clone(), &steered);
            let fresh = renew(&fresh, now, usize::MAX);
            assert_eq!(view(&signed, now), view(&fresh, now), "{story}");
            assert_wildcards(&signed, &story);
        }
    }
    shared
}

#[test]
fn what_follows_is_what_is_signed_from_nothing() {
    let shared: usize = (0..90)
        .map(|seed| run(seed, [20, 150, 400][usize::try_from(seed % 3).unwrap()]))
        .sum();
    assert!(shared > 10, "{shared}");
}

fn large() -> (Arc<Zone>, Vec<Edit>) {
    let texts: Vec<String> = (0..3000)
        .map(|number| format!("t{number}.z.test"))
        .collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let edit = |owner: &str| Edit {
        owner: name(owner),
        rtype: rtype::TXT,
        ttl: 30,
        records: vec![b"\x01n".to_vec()],
    };
    (
        zone(&texts),
        ["new.z.test", "t77.z.test"].map(edit).to_vec(),
    )
}

#[test]
fn a_change_has_only_its_own_chunks_made() {
    let (zone, edits) = large();
    for denial in [Denial::Nsec, Denial::Nsec3] {
        let signing = signing(denial, 1);
        let before = sign(&zone, &signing, NOW);
        assert!(before.chunks.len() > 90);
        let mut last = before;
        for edits in [&edits[..1], &edits[1..]] {
            let zone = Arc::new(last.zone().amended(edits, &[]).unwrap());
            let after =
                Signed::following(Some(&last), Arc::clone(&zone), signing.clone(), &steered());
            // Of the new name and of the one in front of it; of the name that is changed.
            let stale = after.stale(NOW);
            assert!((1..=2).contains(&stale.len()), "{stale:?}");
            assert_eq!(after.due(NOW), 0);
            let shared = after
                .chunks
                .iter()
                .filter(|chunk| last.chunks.iter().any(|other| Arc::ptr_eq(chunk, other)));
            assert!(shared.count() >= last.chunks.len() - 2);
            last = renew(&after, NOW, usize::MAX);
            assert_eq!(view(&last, NOW), view(&sign(&zone, &signing, NOW), NOW));
        }
    }
}

#[test]
fn a_zone_read_anew_keeps_what_it_can() {
    let (zone, edits) = large();
    let signing = signing(Denial::Nsec3, 1);
    let before = sign(&zone, &signing, NOW);
    let anew = Arc::new(zone.rebuilt(&edits, &[], &zone.mounts()).unwrap());
    let after = Signed::following(Some(&before), anew, signing.clone(), &steered());
    let stale = after.stale(NOW);
    assert!((1..=4).contains(&stale.len()), "{stale:?}");
    let mut keys = signing.clone();
    keys.zone_keys = super::signing(Denial::Nsec3, 2).zone_keys;
    let other = Signed::following(Some(&before), Arc::clone(&zone), keys, &steered());
    assert_eq!(
        other.stale(NOW).len(),
        other.chunks.len(),
        "another key signs everything"
    );
    keys = signing.clone();
    keys.entry_keys = super::signing(Denial::Nsec3, 2).entry_keys;
    let other = Signed::following(Some(&before), Arc::clone(&zone), keys, &steered());
    assert_eq!(other.stale(NOW).len(), 0, "there is nothing that it signs");
}

/// Two changes of one zone give their new names the same numbers.
#[test]
fn a_number_is_no_name() {
    let zone = zone(&[]);
    let signing = signing(Denial::Nsec, 1);
    let with = |owner: &str| {
        let edit = Edit {
            owner: name(owner),
            rtype: rtype::TXT,
            ttl: 30,
            records: vec![b"\x01n".to_vec()],
        };
        Arc::new(zone.amended(&[edit], &[]).unwrap())
    };
    let before = sign(&with("x.one.z.test"), &signing, NOW);
    let other = with("x.two.z.test");
    let after = Signed::following(
        Some(&before),
        Arc::clone(&other),
        signing.clone(),
        &steered(),
    );
    let after = renew(&after, NOW, usize::MAX);
    assert_eq!(view(&after, NOW), view(&sign(&other, &signing, NOW), NOW));
}
