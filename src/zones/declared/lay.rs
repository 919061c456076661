//! Declared RRsets laid over what a zone's file holds: a job that takes as long as the zone is large.
//!
//! Two owners never share an RRset: one that the file has cannot be declared, and one that is declared cannot come with a
//! file. The zone's own rules ([`Zone::amended`]) say what may stand together; those of a place are added here: nothing but
//! glue lies below a delegation, and none is declared over what the zone holds.
//!
//! A change, and another version of a file, is taken whole or not at all. Only at a start, where there is no version to go on
//! with, what does not fit is left out, told, and kept: the file's own data is served.
use std::collections::BTreeSet;
use std::sync::Arc;

use crate::dns::rr::rtype;
use crate::dns::zone::{Edit, Found, Zone, ZoneError};
use crate::dns::{Name, text};

/// Faults of one zone that are told; the others are counted.
const TOLD: usize = 10;
/// Types that may stand at a delegation, besides its signatures.
const AT_CUT: [u16; 6] = [
    rtype::NS,
    rtype::DS,
    rtype::A,
    rtype::AAAA,
    rtype::NSEC,
    rtype::RRSIG,
];
/// Types of glue.
const GLUE: [u16; 2] = [rtype::A, rtype::AAAA];

/// RRsets, and the zone over which they are laid.
#[derive(Debug)]
pub(crate) struct Laying {
    pub(crate) base: Arc<Zone>,
    pub(crate) edits: Vec<Edit>,
    pub(crate) form: LayForm,
    /// RRsets that are declared and not among them, because the config decides them, and words for that.
    pub(crate) fixed: Vec<(Name, u16, String)>,
}

/// The occasion on which they are laid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LayForm {
    /// They change, over a zone that has the others already.
    Change,
    /// The zone is another version of its file, with this digest.
    File(u64),
    /// The zone is the first that there is.
    Start,
}

/// RRsets laid over a zone.
#[derive(Debug)]
pub(crate) struct LaidZone {
    pub(crate) form: LayForm,
    /// The zone without them.
    pub(crate) from: Arc<Zone>,
    /// The zone with them, or why there is none.
    pub(crate) zone: Result<Arc<Zone>, String>,
    /// RRsets that were left out, and why.
    pub(crate) aside: Vec<(Name, u16, String)>,
}

impl Laying {
    /// Lays them.
    pub(crate) fn lay(self) -> LaidZone {
        let Self {
            base,
            edits,
            form,
            fixed: mut aside,
        } = self;
        let zone = match form {
            LayForm::Change => laid(&base, &edits),
            LayForm::File(_) if !aside.is_empty() => {
                Err(aside.iter().map(|own| own.2.clone()).collect())
            }
            LayForm::File(_) => whole(&base, &edits),
            LayForm::Start => Ok(as_far_as_it_goes(&base, edits, &mut aside)),
        };
        LaidZone {
            form,
            from: base,
            zone: zone.map_err(|faults| in_words(&faults)),
            aside,
        }
    }
}

/// A zone that has none of them yet with all of them.
fn whole(base: &Arc<Zone>, edits: &[Edit]) -> Result<Arc<Zone>, Vec<String>> {
    let owned: Vec<String> = edits.iter().filter_map(|edit| owned(base, edit)).collect();
    match owned.is_empty() {
        true => laid(base, edits),
        false => Err(owned),
    }
}

/// Why a zone's file and a declared RRset cannot both be: they are the same one.
fn owned(base: &Zone, edit: &Edit) -> Option<String> {
    holds(base, &edit.owner, edit.rtype).then(|| {
        let (owner, kind) = (&edit.owner, text::type_name(edit.rtype));
        format!(
            "the file has {owner} {kind}, which is declared: remove it from the file, or by `waypost records delete ZONE {owner} {kind}`"
        )
    })
}

/// Tells whether a zone has an RRset.
pub(super) fn holds(zone: &Zone, name: &Name, kind: u16) -> bool {
    zone.rrsets(name.as_wire()).any(|set| set.rtype == kind)
}

/// The zone with RRsets replaced, if they have a place there.
fn laid(base: &Arc<Zone>, edits: &[Edit]) -> Result<Arc<Zone>, Vec<String>> {
    if edits.is_empty() {
        return Ok(Arc::clone(base));
    }
    let zone = base.amended(edits, &[]);
    let zone = zone.map_err(|errors| errors.iter().map(sentence).collect::<Vec<_>>())?;
    let mut faults = Vec::new();
    let coming = edits.iter().filter(|edit| !edit.records.is_empty());
    faults.extend(coming.filter_map(|edit| misplaced(&zone, edit)));
    match faults.is_empty() {
        true => Ok(Arc::new(zone)),
        false => Err(faults),
    }
}

fn sentence(error: &ZoneError) -> String {
    match &error.help {
        Some(help) => format!("{} ({help})", error.message),
        None => error.message.clone(),
    }
}

/// Why an RRset that a zone has now has no place there.
fn misplaced(zone: &Zone, edit: &Edit) -> Option<String> {
    let (owner, kind) = (&edit.owner, edit.rtype);
    let is_apex = owner == zone.apex();
    if kind == rtype::NS && !is_apex {
        return hidden(zone, owner).map(|name| {
            format!("NS at {owner} would hand on {name}, which the zone itself answers: remove that first")
        });
    }
    let found = zone.find(owner.as_wire(), kind);
    let is_handed_on = matches!(found, Found::Referral { .. });
    let is_cut = !is_apex && holds(zone, owner, rtype::NS);
    let has_place = match (is_cut, is_handed_on) {
        (true, _) => AT_CUT.contains(&kind),
        (false, true) => GLUE.contains(&kind),
        (false, false) => true,
    };
    (!has_place).then(|| {
        format!(
            "{owner} {} is delegated to other name servers: nothing but glue has a place there",
            text::type_name(kind)
        )
    })
}

/// The first name that a delegation takes from the zone, if it takes one.
fn hidden(zone: &Zone, cut: &Name) -> Option<Name> {
    let mut below = zone.owners().filter(|(name, _)| name.is_within(cut));
    let taken = below.find_map(|(name, mut sets)| {
        let stays: &[u16] = if name == *cut { &AT_CUT } else { &GLUE };
        sets.any(|set| !stays.contains(&set.rtype)).then_some(name)
    });
    taken
}

/// The zone with as many of them as go with it.
fn as_far_as_it_goes(
    base: &Arc<Zone>,
    edits: Vec<Edit>,
    aside: &mut Vec<(Name, u16, String)>,
) -> Arc<Zone> {
    let mut fitting = Vec::with_capacity(edits.len());
    for edit in edits {
        match owned(base, &edit) {
            Some(why) => aside.push((edit.owner, edit.rtype, why)),
            None => fitting.push(edit),
        }
    }
    fit(Arc::clone(base), &fitting, aside)
}

/// Lays what fits, by halves: what is alone and does not fit is left out.
fn fit(base: Arc<Zone>, edits: &[Edit], aside: &mut Vec<(Name, u16, String)>) -> Arc<Zone> {
    match (laid(&base, edits), edits) {
        (Ok(zone), _) => zone,
        (Err(faults), [one]) => {
            aside.push((one.owner.clone(), one.rtype, in_words(&faults)));
            base
        }
        (Err(_), _) => {
            let (first, second) = edits.split_at(edits.len() / 2);
            let zone = fit(base, first, aside);
            fit(zone, second, aside)
        }
    }
}

/// Faults for a person, each once.
fn in_words(faults: &[String]) -> String {
    let faults: BTreeSet<&str> = faults.iter().map(String::as_str).collect();
    let told: Vec<&str> = faults.iter().copied().take(TOLD).collect();
    match faults.len() - told.len() {
        0 => told.join("; "),
        more => format!("{}; and {more} more", told.join("; ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::zone::Record;

    fn name(text: &str) -> Name {
        Name::parse(text).unwrap()
    }

    fn zone() -> Arc<Zone> {
        let soa = b"\x01m\0\x01h\0\0\0\0\x01\0\0\0\x02\0\0\0\x03\0\0\0\x04\0\0\0\x05";
        let record = |owner: &str, rtype, rdata: &[u8]| Record {
            owner: name(owner),
            rtype,
            ttl: 30,
            rdata: rdata.to_vec(),
            line: 1,
        };
        let ns = b"\x02ns\x01z\x04test\0";
        let records = vec![
            record("z.test", rtype::SOA, soa),
            record("z.test", rtype::NS, ns),
            record("www.z.test", rtype::A, &[192, 0, 2, 1]),
            record("sub.z.test", rtype::NS, ns),
            record("tree.z.test", rtype::DNAME, ns),
            record("x.deep.z.test", rtype::TXT, b"\x01x"),
        ];
        let mounts = [(name("steered.z.test"), 1)];
        Arc::new(Zone::build(&name("z.test"), records, &mounts).unwrap())
    }

    fn edit(owner: &str, rtype: u16) -> Edit {
        let rdata: &[u8] = match rtype {
            rtype::A => &[192, 0, 2, 9],
            rtype::TXT => b"\x01t",
            rtype::DS => &[0, 1, 13, 2, 1],
            _ => b"\x02ns\x05other\x04test\0",
        };
        Edit {
            owner: name(owner),
            rtype,
            ttl: 60,
            records: vec![rdata.to_vec()],
        }
    }

    #[test]
    fn an_rrset_is_declared_where_the_zone_has_a_place_for_it() {
        let (a, cname, txt, ns, ds) = (rtype::A, rtype::CNAME, rtype::TXT, rtype::NS, rtype::DS);
        for (edits, words) in [
            (&[("new.z.test", a)][..], None),
            (&[("z.test", txt)], None),
            (&[("steered.z.test", txt)], None),
            (&[("steered.z.test", a)], Some("is steered")),
            (&[("steered.z.test", cname)], Some("is steered")),
            (&[("www.z.test", cname)], Some("CNAME and other data")),
            (
                &[("new.z.test", cname), ("new.z.test", a)],
                Some("CNAME and other data"),
            ),
            (&[("a.sub.z.test", a)], None),
            (&[("a.sub.z.test", txt)], Some("nothing but glue")),
            (&[("sub.z.test", txt)], Some("nothing but glue")),
            (&[("sub.z.test", ds)], None),
            (
                &[("cut.z.test", ns), ("cut.z.test", ds), ("ns.cut.z.test", a)],
                None,
            ),
            (
                &[("cut.z.test", ns), ("a.cut.z.test", txt)],
                Some("a.cut.z.test"),
            ),
            (&[("deep.z.test", ns)], Some("would hand on x.deep.z.test")),
            (&[("a.tree.z.test", a)], Some("below a DNAME")),
            (&[("www.other.test", a)], Some("www.other.test")),
        ] {
            let edits: Vec<Edit> = edits
                .iter()
                .map(|(owner, kind)| edit(owner, *kind))
                .collect();
            let laid = laid(&zone(), &edits)
                .map(|_| ())
                .map_err(|faults| in_words(&faults));
            match (laid, words) {
                (Ok(()), None) => {}
                (Err(told), Some(words)) => assert!(told.contains(words), "{edits:?}: {told}"),
                (other, _) => panic!("{edits:?}: {other:?}"),
            }
        }
    }

    #[test]
    fn a_file_is_refused_whole_for_what_is_declared_and_a_start_goes_on_without() {
        let edits = vec![
            edit("www.z.test", rtype::A),
            edit("new.z.test", rtype::A),
            edit("steered.z.test", rtype::A),
            edit("z.test", rtype::TXT),
        ];
        let laying = |form| Laying {
            base: zone(),
            edits: edits.clone(),
            form,
            fixed: Vec::new(),
        };
        let refused = laying(LayForm::File(1)).lay().zone.unwrap_err();
        assert!(
            refused.contains("the file has www.z.test A, which is declared"),
            "{refused}"
        );
        let laid = laying(LayForm::Start).lay();
        let zone = laid.zone.unwrap();
        assert!(holds(&zone, &name("new.z.test"), rtype::A));
        assert!(holds(&zone, &name("z.test"), rtype::TXT));
        let aside: Vec<String> = laid.aside.iter().map(|own| own.0.to_string()).collect();
        assert_eq!(aside, ["www.z.test", "steered.z.test"]);
        let own = zone.rrsets(name("www.z.test").as_wire()).next().unwrap();
        assert_eq!(
            own.records().next(),
            Some(&[192, 0, 2, 1][..]),
            "the file's own"
        );
    }
}
