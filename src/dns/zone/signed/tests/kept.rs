//! Signatures over a restart, held against zones signed from nothing.
use super::*;
use crate::base::Draws;
use crate::dns::zone::amend::property::World;

fn file(signed: &Signed, since: &KeptMark) -> Vec<u8> {
    let mut octets = Vec::new();
    for block in 0..signed.blocks() {
        signed.frame(block, since, &mut octets);
    }
    octets
}

/// The zone with what was kept for it.
fn resumed(zone: &Arc<Zone>, signing: &Signing, octets: Vec<u8>) -> (Signed, KeptCondition) {
    let (kept, condition) = KeptSignatures::read(octets);
    let bare = Signed::following(None, Arc::clone(zone), signing.clone(), &steered());
    let all = (0..bare.blocks()).map(|block| (block, bare.adopt(block, &kept)));
    (bare.renewed(all.collect()), condition)
}

/// All signatures, with what each is over.
fn octets(signed: &Signed) -> Vec<Vec<u8>> {
    let chunks = signed.chunks.iter();
    chunks.map(|chunk| chunk.octets.clone()).collect()
}

/// The number of signatures that are to be made before it can be answered.
fn lacks(signed: &Signed, now: u64) -> usize {
    let chunks = signed.lacking(now).into_iter();
    chunks.map(|chunk| signed.lacks(chunk, now)).sum()
}

fn many(count: usize) -> Vec<String> {
    (0..count)
        .map(|number| format!("t{number}.z.test"))
        .collect()
}

fn large(count: usize) -> Arc<Zone> {
    let texts = many(count);
    zone(&texts.iter().map(String::as_str).collect::<Vec<_>>())
}

#[test]
fn a_restart_without_a_change_makes_nothing() {
    for denial in [Denial::Nsec, Denial::Nsec3] {
        let (zone, signing) = (large(300), signing(denial, 1));
        let before = sign(&zone, &signing, NOW);
        let (after, condition) = resumed(&zone, &signing, file(&before, &KeptMark::default()));
        assert_eq!(condition, KeptCondition::Whole);
        assert_eq!(lacks(&after, NOW), 0);
        assert_eq!(octets(&after), octets(&before));
        assert_eq!(after.times, before.times);
        // A file that is read anew in another order has other numbers for its names.
        let mut texts = many(300);
        texts.reverse();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let turned = super::zone(&texts);
        let (after, _) = resumed(&turned, &signing, file(&before, &KeptMark::default()));
        assert_eq!(lacks(&after, NOW), 0);
        assert_eq!(octets(&after), octets(&sign(&turned, &signing, NOW)));
    }
}

/// A file of the form before counts, and what is appended to it has the present form.
#[test]
fn a_file_of_the_form_before_is_read_as_well() {
    let (zone, signing) = (large(300), signing(Denial::Nsec, 1));
    let signed = sign(&zone, &signing, NOW);
    let mut octets =
        crate::dns::zone::signed::kept::in_form_before(&file(&signed, &KeptMark::default()));
    assert!(octets.starts_with(b"WPs1") && !octets.windows(4).any(|own| own == b"WPs2"));
    let later = renew(&signed, NOW + 86_400, usize::MAX);
    for (signed, now) in [(&signed, NOW), (&later, NOW + 86_400)] {
        let (after, condition) = resumed(&zone, &signing, octets.clone());
        assert_eq!(condition, KeptCondition::Whole);
        assert_eq!(super::kept::octets(&after), super::kept::octets(signed));
        assert_eq!(lacks(&after, now), 0);
        octets.extend(file(&later, &signed.mark()));
    }
}

#[test]
fn a_change_costs_what_it_changes() {
    let (before, signing) = (large(300), signing(Denial::Nsec, 1));
    let signed = sign(&before, &signing, NOW);
    let octets = file(&signed, &KeptMark::default());
    let edit = |owner: &str| Edit {
        owner: name(owner),
        rtype: rtype::TXT,
        ttl: 60,
        records: vec![b"\x01n".to_vec()],
    };
    // A record is another one; a name is new, with its link, and so is the link in front of it.
    for (owner, count) in [("t77.z.test", 1), ("t77a.z.test", 3)] {
        let zone = Arc::new(
            before
                .rebuilt(&[edit(owner)], &[], &before.mounts())
                .unwrap(),
        );
        let (after, _) = resumed(&zone, &signing, octets.clone());
        assert_eq!(lacks(&after, NOW), count, "{owner}");
        let chunks = after.lacking(NOW).into_iter();
        let made: usize = chunks.map(|chunk| after.sign(chunk, NOW).made()).sum();
        assert_eq!(made, count, "{owner}");
    }
}

#[test]
fn what_changes_later_stands_behind_and_counts() {
    let (zone, signing) = (large(300), signing(Denial::Nsec, 1));
    let mut signed = sign(&zone, &signing, NOW);
    let mut octets = file(&signed, &KeptMark::default());
    let whole = octets.len();
    assert!(signed.kept_bytes() >= whole as u64);
    for day in 1..5 {
        let (now, mark) = (NOW + day * 86_400, signed.mark());
        signed = renew(&signed, now, usize::MAX);
        octets.extend(file(&signed, &mark));
        let (after, condition) = resumed(&zone, &signing, octets.clone());
        assert_eq!(condition, KeptCondition::Whole);
        assert_eq!(super::kept::octets(&after), super::kept::octets(&signed));
        assert!(after.stale(now).is_empty());
    }
    assert!(
        octets.len() < 2 * whole,
        "four days are no seven: {}",
        octets.len()
    );
    assert!(file(&signed, &signed.mark()).is_empty());
}

#[test]
fn other_keys_and_other_times_find_nothing_that_could_be_answered() {
    let (zone, own) = (large(40), signing(Denial::Nsec, 1));
    let octets = file(&sign(&zone, &own, NOW), &KeptMark::default());
    let all = lacks(&resumed(&zone, &own, Vec::new()).0, NOW);
    let (other, _) = resumed(&zone, &signing(Denial::Nsec, 2), octets.clone());
    assert_eq!(lacks(&other, NOW), all, "another key");
    let longer = Signing {
        validity: 2 * VALIDITY,
        ..own.clone()
    };
    let (other, _) = resumed(&zone, &longer, octets.clone());
    assert_eq!(lacks(&other, NOW), all, "another validity");
    let (late, _) = resumed(&zone, &own, octets);
    assert_eq!(lacks(&late, NOW + VALIDITY), all, "they have expired");
    assert_eq!(lacks(&late, NOW - VALIDITY), all, "they do not hold yet");
    assert_eq!(lacks(&late, NOW + 86_400), 0, "some are due, all hold");
    assert!(!late.stale(NOW + 86_400).is_empty());
}

#[test]
fn no_octet_that_is_flipped_or_missing_is_ever_answered_with() {
    let (zone, signing) = (large(40), signing(Denial::Nsec3, 1));
    let fresh = sign(&zone, &signing, NOW);
    let whole = file(&fresh, &KeptMark::default());
    let known: BTreeSet<Vec<u8>> = fresh
        .chunks
        .iter()
        .flat_map(|chunk| (0..chunk.ends.len()).filter_map(|place| chunk.set(place)))
        .map(|set| set.encoded.to_vec())
        .collect();
    let look = |octets: Vec<u8>, story: &str| {
        let (after, condition) = resumed(&zone, &signing, octets);
        for chunk in &after.chunks {
            let sets = (0..chunk.ends.len()).filter_map(|place| chunk.set(place));
            for set in sets {
                assert!(known.contains(set.encoded), "{story}");
            }
        }
        let after = renew(&after, NOW, usize::MAX);
        assert_eq!(
            super::kept::octets(&after),
            super::kept::octets(&fresh),
            "{story}"
        );
        condition
    };
    for at in (0..whole.len()).step_by(97) {
        let mut octets = whole.clone();
        octets[at] ^= 1 << (at % 8);
        let condition = look(octets, &format!("bit {} of octet {at}", at % 8));
        assert_ne!(condition, KeptCondition::Whole);
    }
    for length in (0..whole.len()).step_by(311) {
        let condition = look(whole[..length].to_vec(), &format!("{length} octets"));
        assert!(!matches!(condition, KeptCondition::Damaged(octets) if octets < length));
    }
    let foreign = look(b"$TTL 60\n@ SOA".to_vec(), "something else");
    assert_eq!(foreign, KeptCondition::Damaged(13));
}

/// Zones that change in all ways, read anew after each restart: what comes of it is what is signed from nothing.
#[test]
fn what_is_resumed_is_what_is_signed_from_nothing() {
    let mut adopted = 0;
    for seed in 0..40 {
        let mut world = World {
            draws: Draws::from_seed(seed),
            odd: 150,
        };
        let Some(first) = world.zone() else { continue };
        let mut zone = Arc::new(first);
        let mut signing = signing([Denial::Nsec, Denial::Nsec3][world.below(2)], 1);
        let mut signed = sign(&zone, &signing, NOW);
        let mut octets = file(&signed, &KeptMark::default());
        for step in 0..6 {
            let edits = world.edits(&zone);
            if let Ok(next) = zone.rebuilt(&edits, &[], &zone.mounts()) {
                zone = Arc::new(next);
            }
            if world.draws.chance(200) {
                signing = super::signing(signing.denial, u8::try_from(1 + world.below(3)).unwrap());
            }
            let (after, condition) = resumed(&zone, &signing, octets.clone());
            assert_eq!(condition, KeptCondition::Whole);
            let mark = after.mark();
            let all = after.entries();
            adopted += usize::from(lacks(&after, NOW) < all / 2);
            signed = renew(&after, NOW, usize::MAX);
            let fresh = sign(&zone, &signing, NOW);
            assert_eq!(
                super::kept::octets(&signed),
                super::kept::octets(&fresh),
                "seed {seed}, step {step}: {edits:?}"
            );
            octets.extend(file(&signed, &mark));
        }
        assert!(lacks(&signed, NOW) == 0);
    }
    assert!(adopted > 20, "{adopted}");
}
