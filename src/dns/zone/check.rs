//! What may not stand together in a zone.
//!
//! Each rule looks at one name and what its ancestors are; what lies in other zones, such as
//! whether an NS target has an address, is not asked.
use super::build::is_soa;
use super::mount::MAY_ALIAS;
use super::records::{Place, Raw, RecordRow};
use super::tree::{APEX, CUT, DNAME, Tree, UNDER_CUT, UNDER_DNAME};
use super::{Zone, ZoneError};
use domain::base::Rtype;

use crate::dns::name::Name;
use crate::dns::rr::rtype;

/// Types that may stand beside a CNAME (RFC 2181, section 10.1; RFC 4034, section 3).
const BESIDE_CNAME: [u16; 3] = [rtype::CNAME, 46, 47];

/// One name, before its records are written out.
pub(super) struct View<'v> {
    /// Its node, flags already set.
    pub(super) id: u32,
    /// Its records by type.
    pub(super) records: &'v [RecordRow],
    /// All names.
    pub(super) tree: &'v Tree,
    /// The apex.
    pub(super) apex: &'v Name,
}

/// Judges one name.
pub(super) fn node(view: &View<'_>, errors: &mut Vec<ZoneError>) {
    let rules = [
        soa,
        cname,
        dname,
        wildcard,
        below_dname,
        mount_data,
        mount_alias,
        mount_place,
    ];
    errors.extend(rules.iter().filter_map(|rule| rule(view)));
}

/// Judges the zone as a whole. An SOA at another name tells that the file is off by an origin: that
/// its apex is empty follows from it.
pub(super) fn apex(zone: &Zone, errors: &mut Vec<ZoneError>) {
    let apex = zone.apex();
    let nodes = (APEX..).zip(&zone.tree.nodes);
    let mut holders = nodes.filter(|(id, _)| zone.set(*id, rtype::SOA).is_some());
    if holders.next().is_some_and(|(id, _)| id != APEX) {
        return;
    }
    match zone
        .set(APEX, rtype::SOA)
        .map(|soa| soa.records().all(is_soa))
    {
        Some(true) => {}
        Some(false) => errors.push(Place::NOWHERE.error("the SOA is malformed".to_owned(), None)),
        None => errors.push(Place::NOWHERE.error(
            format!("no SOA for `{apex}`"),
            Some("begin with `@ SOA primary mailbox serial refresh retry expire minimum`"),
        )),
    }
    if zone.set(APEX, rtype::NS).is_none() {
        errors.push(Place::NOWHERE.error(
            format!("no NS at the apex `{apex}`"),
            Some("name the zone's servers: `@ NS ns1.example.org.`"),
        ));
    }
}

fn soa(view: &View<'_>) -> Option<ZoneError> {
    if view.id != APEX {
        let place = view.of(rtype::SOA).next()?;
        let message = format!(
            "SOA at `{}`, which is not the apex `{}`",
            view.name(),
            view.apex
        );
        let help =
            Some("a zone has one SOA, at its apex; is a dot missing at the end of the name?");
        return Some(place.error(message, help));
    }
    let second = view.of(rtype::SOA).nth(1)?;
    let message = format!("a second SOA at `{}`", view.name());
    Some(second.error(message, Some("a zone has one SOA")))
}

fn cname(view: &View<'_>) -> Option<ZoneError> {
    let first = view.of(rtype::CNAME).next()?;
    if let Some(second) = view.of(rtype::CNAME).nth(1) {
        let message = format!("a second CNAME at `{}`", view.name());
        return Some(second.error(message, Some("a name has at most one CNAME")));
    }
    let other = view
        .raws_here()
        .find(|raw| !BESIDE_CNAME.contains(&raw.rtype))?;
    let message = format!("CNAME and other data at `{}`", view.name());
    let help = Some("a name with a CNAME holds nothing else (RFC 1034, 3.6.2)");
    let later = [first, other.place]
        .into_iter()
        .max_by_key(|place| (place.file, place.line))?;
    Some(later.error(message, help))
}

fn dname(view: &View<'_>) -> Option<ZoneError> {
    let first = view.of(rtype::DNAME).next()?;
    if let Some(second) = view.of(rtype::DNAME).nth(1) {
        let message = format!("a second DNAME at `{}`", view.name());
        return Some(second.error(
            message,
            Some("a name has at most one DNAME (RFC 6672, 2.4)"),
        ));
    }
    if !view.is(CUT) {
        return None;
    }
    let message = format!("DNAME at the delegation `{}`", view.name());
    Some(first.error(
        message,
        Some("a subtree is either delegated or aliased (RFC 6672, 2.3)"),
    ))
}

fn wildcard(view: &View<'_>) -> Option<ZoneError> {
    if view.id == APEX || view.tree.label(view.id) != b"*" || !view.is(CUT | DNAME) {
        return None;
    }
    let place = view.of(rtype::NS).chain(view.of(rtype::DNAME)).next()?;
    let message = format!("NS or DNAME at the wildcard `{}`", view.name());
    Some(place.error(
        message,
        Some("they have no defined meaning there (RFC 4592, 4.2 and 4.4)"),
    ))
}

fn below_dname(view: &View<'_>) -> Option<ZoneError> {
    if !view.is(UNDER_DNAME) || view.is(UNDER_CUT) {
        return None;
    }
    let place = view.raws_here().map(|raw| raw.place).next()?;
    let message = format!("`{}` lies below a DNAME", view.name());
    Some(place.error(
        message,
        Some("a DNAME takes the whole subtree below it (RFC 6672, 2.4)"),
    ))
}

fn mount_data(view: &View<'_>) -> Option<ZoneError> {
    view.tree.node(view.id).mount()?;
    let taken = [rtype::A, rtype::AAAA, rtype::CNAME];
    let raw = view.raws_here().find(|raw| taken.contains(&raw.rtype))?;
    let message = format!(
        "`{}` is steered and has a static {} as well",
        view.name(),
        Rtype::from_int(raw.rtype)
    );
    let help = Some("remove the record here, or the name from the service's `hostnames`");
    Some(raw.place.error(message, help))
}

/// A CNAME stands alone at its name, and an apex holds an SOA (RFC 1034, section 3.6.2).
fn mount_alias(view: &View<'_>) -> Option<ZoneError> {
    let mount = view.tree.node(view.id).mount()?;
    if mount & MAY_ALIAS == 0 {
        return None;
    }
    let name = view.name();
    if view.id == APEX {
        let message = format!("`{name}` is an apex, and its service may answer with a CNAME");
        let help = "an apex holds other records: give it a service without CNAMEs";
        return Some(Place::NOWHERE.mount_error(name, message, help));
    }
    let raw = view
        .raws_here()
        .find(|raw| !BESIDE_CNAME.contains(&raw.rtype))?;
    let message = format!(
        "`{name}` may be answered with a CNAME and has a static {} as well",
        Rtype::from_int(raw.rtype)
    );
    let help = "nothing may stand beside a CNAME (RFC 1034, 3.6.2): remove the record here, or give the name a service without CNAMEs";
    Some(raw.place.error(message, Some(help)))
}

fn mount_place(view: &View<'_>) -> Option<ZoneError> {
    view.tree.node(view.id).mount()?;
    let (what, flag) = if view.is(CUT | UNDER_CUT) {
        ("at or below a delegation", CUT | UNDER_CUT)
    } else {
        ("below a DNAME", UNDER_DNAME)
    };
    if !view.is(flag) {
        return None;
    }
    let message = format!("steered name `{}` lies {what}", view.name());
    let help = "other servers answer there: take the name away, or the delegation or DNAME above";
    Some(view.place().mount_error(view.name(), message, help))
}

impl View<'_> {
    /// Tells whether it has records of a type that some rule is about. At a name without flags and mount, no rule is about
    /// any other.
    pub(super) fn has_ruled_types(&self) -> bool {
        let ruled = [rtype::SOA, rtype::CNAME, rtype::DNAME, rtype::NS];
        self.raws_here().any(|raw| ruled.contains(&raw.rtype))
    }

    /// Its records.
    pub(super) fn raws_here(&self) -> impl Iterator<Item = Raw> {
        self.records.iter().map(|row| row.raw)
    }

    /// The places of the records of one type.
    fn of(&self, kind: u16) -> impl Iterator<Item = Place> {
        self.raws_here()
            .filter(move |raw| raw.rtype == kind)
            .map(|raw| raw.place)
    }

    fn place(&self) -> Place {
        self.raws_here()
            .map(|raw| raw.place)
            .next()
            .unwrap_or(Place::NOWHERE)
    }

    /// Whether a service is mounted over it.
    pub(super) fn is_steered(&self) -> bool {
        self.tree.node(self.id).mount().is_some()
    }

    fn is(&self, flag: u8) -> bool {
        self.tree.node(self.id).is(flag)
    }

    fn name(&self) -> Name {
        let wire = self.tree.wire(self.id, self.apex.as_wire());
        Name::from_wire(&wire).expect("nodes come from names")
    }
}
