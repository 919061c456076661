//! Clocks that were set wrong for a while, and put right again.
use super::*;

const DAY: u64 = 86_400;
/// How far behind a validator's clock may be, and so ours before.
const SKEW: u64 = 3600;

fn times(signed: &Signed) -> Vec<(u64, u64)> {
    let number = |rdata: &[u8], at: usize| {
        u64::from(u32::from_be_bytes(*rdata[at..].first_chunk().unwrap()))
    };
    let base = &signed.base;
    let nodes = (Zone::APEX..)
        .zip(&base.zone.tree.nodes)
        .map(|(node, _)| node);
    let sets = nodes.flat_map(|node| {
        let sets = base.zone.sets(node);
        sets.filter_map(move |set| signed.of_set(node, set.rtype))
    });
    let links = (0..base.chain.len()).filter_map(|link| Some(signed.proof(link)?.signatures));
    let answers = base.variants.iter();
    let answers = answers.filter_map(|variant| signed.of_variant(variant.node, &variant.records));
    let all = sets.chain(links).chain(answers);
    all.flat_map(|set| {
        set.records()
            .map(|rdata| (number(rdata, 12), number(rdata, 8)))
            .collect::<Vec<_>>()
    })
    .collect()
}

fn assert_valid(signed: &Signed, now: u64) {
    let times = times(signed);
    assert!(times.len() > 10);
    for (inception, expiration) in times {
        assert!(
            inception <= now && now < expiration,
            "{inception} {now} {expiration}"
        );
    }
}

#[test]
fn whatever_the_clock_said_nothing_stays_invalid() {
    let texts: Vec<String> = (0..200).map(|number| format!("t{number}.z.test")).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let zone = zone(&texts);
    for denial in [Denial::Nsec, Denial::Nsec3] {
        let signing = signing(denial, 1);
        let fresh = sign(&zone, &signing, NOW);
        for wrong in [
            NOW + 3 * DAY,
            NOW + 20 * DAY,
            NOW + 3 * 365 * DAY,
            NOW - 3 * 365 * DAY,
            NOW - 20 * DAY,
        ] {
            // Signed in the wrong time from the start, and what was right renewed in it.
            let renewed = renew(&fresh, wrong, usize::MAX);
            for signed in [sign(&zone, &signing, wrong), renewed] {
                let stale = signed.stale(NOW);
                assert_eq!(stale.is_empty(), signed.due(NOW) > NOW);
                let mended = renew(&signed, NOW, usize::MAX);
                assert!(mended.stale(NOW).is_empty() && mended.due(NOW) > NOW);
                assert_valid(&mended, NOW);
                // A zone that follows it meanwhile knows as much.
                let anew = Arc::new(zone.rebuilt(&[], &[], &zone.mounts()).unwrap());
                for zone in [Arc::clone(&zone), anew] {
                    let next = Signed::following(Some(&signed), zone, signing.clone(), &steered());
                    assert_eq!(next.stale(NOW).is_empty(), stale.is_empty());
                    assert_valid(&renew(&next, NOW, usize::MAX), NOW);
                }
            }
        }
    }
}

#[test]
fn what_does_not_hold_yet_comes_first() {
    let zone = zone(&[]);
    let signed = sign(&zone, &signing(Denial::Nsec, 1), NOW + 20 * DAY);
    assert_eq!(signed.stale(NOW).len(), signed.chunks.len());
    assert_eq!(signed.due(NOW), 0);
    assert!(signed.due(NOW + 20 * DAY) > NOW + 20 * DAY);
}

#[test]
fn a_clock_put_back_a_little_has_nothing_made() {
    let zone = zone(&[]);
    let signed = sign(&zone, &signing(Denial::Nsec, 1), NOW);
    for back in [0, 1, SKEW] {
        assert!(signed.stale(NOW - back).is_empty(), "what holds is let be");
        assert_valid(&signed, NOW - back);
    }
}
