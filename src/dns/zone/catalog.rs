//! Catalog zones (RFC 9432): a zone that lists other zones, so that secondaries learn by transfer which there are.
//!
//! ```text
//! version.CATALOG       TXT "2"
//! ID.zones.CATALOG      PTR MEMBER
//! ```
//!
//! The id of a member follows from its name, so that it is the same in each version and at each primary. Properties of members (`group`, `coo`, and
//! those of others) are passed over.
use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::Zone;
use crate::base::HashKey;
use crate::dns::name::Name;
use crate::dns::rr::rtype;

/// The one version that there is, as the text of a TXT record.
const VERSION: &[u8] = b"\x012";

/// The members that a zone lists, in the order of their names.
///
/// # Errors
/// The reason why it is broken, and nothing that it lists may be taken (RFC 9432, sections 4.2 and 5.1).
pub fn members(zone: &Zone) -> Result<Vec<Name>, String> {
    let apex = zone.apex();
    let (zones, version) = (child("zones", apex), child("version", apex));
    let of_version = zone.rrsets(&version);
    let texts = of_version.filter(|set| set.rtype == rtype::TXT);
    let texts: Vec<Vec<u8>> = texts
        .flat_map(|set| set.records().map(<[u8]>::to_vec).collect::<Vec<_>>())
        .collect();
    if texts != [VERSION] {
        return Err(format!(
            "it is no catalog of version 2 (RFC 9432): `version.{apex}` must be one TXT record, \"2\""
        ));
    }
    let mut found = BTreeSet::new();
    for (owner, sets) in zone.owners() {
        let below = &owner.as_wire()[1 + usize::from(owner.as_wire()[0])..];
        if owner.as_wire().len() == 1 || !below.eq_ignore_ascii_case(&zones) {
            continue;
        }
        for set in sets.filter(|set| set.rtype == rtype::PTR) {
            let mut targets = set.records().filter_map(Name::from_wire);
            let (Some(member), None) = (targets.next(), targets.next()) else {
                return Err(format!("`{owner}` must be one PTR record (RFC 9432)"));
            };
            let told = format!("`{member}` is listed twice (RFC 9432)");
            if !found.insert(member) {
                return Err(told);
            }
        }
    }
    Ok(found.into_iter().collect())
}

/// A catalog of these zones as a master file. Its serial is that of a first version: who gives it out raises it.
#[must_use]
pub fn text(apex: &Name, members: &[&Name]) -> String {
    let mut text = format!(
        "$ORIGIN {}\n@ 0 IN SOA invalid. invalid. 1 3600 600 2147483646 0\n@ 0 IN NS invalid.\nversion 0 IN TXT \"2\"\n",
        absolute(apex)
    );
    for member in members {
        // Writing to a string never fails.
        let _ = writeln!(text, "{}.zones 0 IN PTR {}", id(member), absolute(member));
    }
    text
}

/// The label that stands for a member: 32 hexadecimal digits.
#[must_use]
pub fn id(member: &Name) -> String {
    let name = member.as_wire().to_ascii_lowercase();
    let halves = [&b"catalog 1"[..], b"catalog 2"].map(|key| HashKey::from_secret(key).hash(&name));
    format!("{:016x}{:016x}", halves[0], halves[1])
}

fn absolute(name: &Name) -> String {
    let text = name.to_string();
    if text.ends_with('.') {
        text
    } else {
        format!("{text}.")
    }
}

/// The wire format of a name right below another.
fn child(label: &str, parent: &Name) -> Vec<u8> {
    let length = u8::try_from(label.len()).unwrap_or_default();
    [&[length], label.as_bytes(), parent.as_wire()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::master;

    fn name(text: &str) -> Name {
        Name::parse(text).unwrap()
    }

    fn zone(text: &str) -> Zone {
        let none = |_: &str| Err(String::new());
        master::read(&name("catalog.test"), text.as_bytes(), &none, &[])
            .zone
            .unwrap()
    }

    #[test]
    fn what_is_written_is_read_and_ids_do_not_move() {
        let own = [
            name("a.test"),
            name("b.test"),
            name("0/25.2.0.192.in-addr.arpa"),
        ];
        let all: Vec<&Name> = own.iter().collect();
        let mut found = members(&zone(&text(&name("catalog.test"), &all))).unwrap();
        found.sort();
        let mut expected = own.to_vec();
        expected.sort();
        assert_eq!(found, expected);
        assert_eq!(
            members(&zone(&text(&name("catalog.test"), &[]))),
            Ok(Vec::new())
        );
        assert_eq!(id(&name("A.test")), id(&name("a.test")));
        assert_ne!(id(&name("a.test")), id(&name("b.test")));
    }

    #[test]
    fn a_broken_one_lists_nothing_and_properties_are_passed_over() {
        let head = "@ SOA invalid. invalid. 1 60 60 60 0\n@ NS invalid.\n";
        let version = "version TXT \"2\"\n";
        let read = |text: &str| {
            let text = format!("$ORIGIN catalog.test.\n$TTL 0\n{head}{text}");
            members(&zone(&text)).map(|all| all.iter().map(ToString::to_string).collect::<Vec<_>>())
        };
        let all = read(&format!(
            "{version}x.zones PTR a.test.\ngroup.x.zones TXT \"one\"\ncoo.x.zones PTR other.test.\next.x.zones A 192.0.2.1\nzones TXT \"x\"\n"
        ));
        assert_eq!(all, Ok(vec!["a.test".to_owned()]));
        for broken in [
            "x.zones PTR a.test.\n".to_owned(),
            "version TXT \"1\"\nx.zones PTR a.test.\n".to_owned(),
            "version TXT \"2\" \"2\"\nx.zones PTR a.test.\n".to_owned(),
            format!("{version}version TXT \"1\"\nx.zones PTR a.test.\n"),
            format!("{version}x.zones PTR a.test.\nx.zones PTR b.test.\n"),
            format!("{version}x.zones PTR a.test.\ny.zones PTR a.test.\n"),
        ] {
            assert!(read(&broken).is_err(), "{broken}");
        }
    }
}
