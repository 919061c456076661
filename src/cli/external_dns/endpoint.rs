//! Words of external-dns' webhook protocol, and their translation into declared records.
//!
//! Names, types and targets are taken as external-dns writes them (no final dots, text of TXT with or without quotes) and are
//! given back in one form, the same from `/records` and `/adjustendpoints`: otherwise external-dns would see a difference at
//! each of its rounds, and change what is right already. Nothing here talks to anybody.
use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, json};

use crate::base::limits::DECLARED_CHANGES;
use crate::dns::rr::rtype;
use crate::dns::{Name, master, text};
use crate::zones::declared::order::DeclaredPage;

/// Octets of one string of TXT (RFC 1035, section 3.3.14).
const STRING_BYTES: usize = 255;

/// An RRset, as external-dns says it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ExternalEndpoint {
    #[serde(deserialize_with = "or_default")]
    dns_name: String,
    #[serde(deserialize_with = "or_default")]
    targets: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    record_type: String,
    /// One of several RRsets of a name and type, for servers that choose among them.
    #[serde(
        deserialize_with = "or_default",
        skip_serializing_if = "String::is_empty"
    )]
    set_identifier: String,
    /// Seconds; 0: nobody said.
    #[serde(rename = "recordTTL", deserialize_with = "or_default")]
    record_ttl: i64,
    #[serde(deserialize_with = "or_default")]
    labels: BTreeMap<String, String>,
    #[serde(deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    provider_specific: Vec<Value>,
}

/// Changes of one round; lists may be absent, `null`, or written in capitals by older clients.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ExternalChanges {
    #[serde(alias = "Create", deserialize_with = "or_default")]
    create: Vec<ExternalEndpoint>,
    #[serde(alias = "UpdateOld", deserialize_with = "or_default")]
    update_old: Vec<ExternalEndpoint>,
    #[serde(alias = "UpdateNew", deserialize_with = "or_default")]
    update_new: Vec<ExternalEndpoint>,
    #[serde(alias = "Delete", deserialize_with = "or_default")]
    delete: Vec<ExternalEndpoint>,
}

/// Names of a zone, and by type what becomes of their RRsets: TTL and values, or nothing any longer.
type ZoneChanges = BTreeMap<String, BTreeMap<String, Option<(u32, Vec<String>)>>>;

/// `null` means what absence means.
fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    given: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(given)?.unwrap_or_default())
}

/// The RRsets of a page, as external-dns says them.
pub(super) fn endpoints_of(page: &DeclaredPage) -> Vec<ExternalEndpoint> {
    let names = page.records.iter();
    let sets = names.flat_map(|(name, sets)| sets.iter().map(move |own| (name, own)));
    let endpoints = sets.map(|(name, (record_type, set))| ExternalEndpoint {
        dns_name: name.clone(),
        targets: set
            .values
            .iter()
            .map(|value| target(record_type, value))
            .collect(),
        record_type: record_type.clone(),
        record_ttl: i64::from(set.ttl_s),
        ..ExternalEndpoint::default()
    });
    endpoints.collect()
}

impl ExternalEndpoint {
    /// The same, in the form in which it will come back, without what is not kept. What cannot be read stays as it is:
    /// that is refused when it is to be applied.
    pub(super) fn adjusted(mut self) -> Self {
        self.provider_specific.clear();
        let targets = self.values().map(|values| {
            let values = values.iter();
            values
                .map(|value| target(&self.record_type, value))
                .collect()
        });
        if let Ok(targets) = targets {
            self.targets = targets;
        }
        self
    }

    /// The data of its records, as a master file has it.
    fn values(&self) -> Result<Vec<String>, String> {
        let kind = text::type_number(&self.record_type);
        let kind = kind.ok_or_else(|| format!("`{}` is no type of records", self.record_type))?;
        let values = self.targets.iter().map(|target| {
            let data = master::rdata(kind, &as_written(kind, target));
            let data = data.map_err(|(message, help)| {
                let help = help.map_or_else(String::new, |help| format!(" ({help})"));
                format!("`{target}`: {message}{help}")
            })?;
            Ok(text::show_rdata(kind, &data))
        });
        values.collect()
    }

    /// The zone that it lies in, and its name and type there.
    fn place<'z>(&self, zones: &'z [Name]) -> Result<(&'z Name, String, String), String> {
        if !self.set_identifier.is_empty() {
            let message = format!(
                "set identifier `{}`: Waypost chooses among endpoints by services of its config, not by records: remove the annotation set-identifier",
                self.set_identifier
            );
            return Err(message);
        }
        let name =
            Name::parse(&self.dns_name).map_err(|error| format!("it is no name: {error}"))?;
        let within = zones.iter().filter(|zone| name.is_within(zone));
        let zone = within.max_by_key(|zone| zone.labels().count());
        let zone = zone.ok_or_else(|| {
            "it lies in none of the zones of --zone (a record of ownership beside the name of a zone itself needs a name of its own: run external-dns with --txt-prefix=extdns-%{record_type}.)".to_owned()
        })?;
        let kind = self.record_type.to_ascii_uppercase();
        Ok((zone, name.to_string().to_ascii_lowercase(), kind))
    }

    /// Puts it in front of what is wrong with it.
    fn about(&self, why: &str) -> String {
        format!("{} {}: {why}", self.dns_name, self.record_type)
    }
}

impl ExternalChanges {
    /// The number of RRsets that are named.
    pub(super) fn count(&self) -> usize {
        [&self.create, &self.update_new, &self.delete]
            .map(Vec::len)
            .iter()
            .sum()
    }

    /// Merge patches (RFC 7386) of the declared records, by zone; of a zone there are several where they are too many for
    /// one, and all of a name is in one of them.
    ///
    /// # Errors
    /// A change that cannot be declared, for a person.
    pub(super) fn patches(
        &self,
        zones: &[Name],
        ttl_s: u32,
    ) -> Result<Vec<(String, Value)>, String> {
        let mut changes: BTreeMap<String, ZoneChanges> = BTreeMap::new();
        for own in self.delete.iter().chain(&self.update_old) {
            let (zone, name, kind) = own.place(zones).map_err(|why| own.about(&why))?;
            let zone = changes.entry(zone.to_string()).or_default();
            zone.entry(name).or_default().insert(kind, None);
        }
        for own in self.create.iter().chain(&self.update_new) {
            let (zone, name, kind) = own.place(zones).map_err(|why| own.about(&why))?;
            let values = own.values().map_err(|why| own.about(&why))?;
            let ttl = match own.record_ttl {
                0 => ttl_s,
                stated => {
                    u32::try_from(stated).map_err(|_| own.about(&format!("{stated} is no TTL")))?
                }
            };
            let zone = changes.entry(zone.to_string()).or_default();
            let set = zone.entry(name).or_default().entry(kind).or_default();
            let set = set.get_or_insert_with(|| (ttl, Vec::new()));
            set.0 = set.0.min(ttl);
            set.1.extend(values);
        }
        let zones = changes.into_iter();
        Ok(zones
            .flat_map(|(zone, names)| {
                let patches = batches(names).into_iter();
                patches.map(move |patch| (zone.clone(), patch))
            })
            .collect())
    }
}

/// Changes of a zone in patches that are small enough.
fn batches(names: ZoneChanges) -> Vec<Value> {
    let (mut all, mut batch, mut count) = (Vec::new(), json!({}), 0);
    for (name, sets) in names {
        if count + sets.len() > DECLARED_CHANGES {
            all.push(json!({ "records": batch }));
            (batch, count) = (json!({}), 0);
        }
        count += sets.len();
        let sets = sets.into_iter().map(|(kind, set)| {
            let set = set.map(|(ttl, values)| json!({ "ttl_s": ttl, "values": values }));
            (kind, set.unwrap_or(Value::Null))
        });
        batch[name] = Value::Object(sets.collect());
    }
    if count > 0 {
        all.push(json!({ "records": batch }));
    }
    all
}

/// A target as a master file has it.
fn as_written(kind: u16, target: &str) -> String {
    match kind {
        rtype::TXT => strings(target),
        rtype::CNAME | rtype::DNAME | rtype::NS | rtype::PTR | rtype::MX | rtype::SRV
            if !target.ends_with('.') =>
        {
            format!("{target}.")
        }
        _ => target.to_owned(),
    }
}

/// The data of a record as external-dns says it. It takes the final dot off targets of these types, and of no others.
fn target(record_type: &str, value: &str) -> String {
    match record_type {
        "TXT" => joined(value),
        "CNAME" | "NS" | "PTR" | "MX" => match value.strip_suffix('.') {
            Some(name) if !name.is_empty() && !name.ends_with(' ') => name.to_owned(),
            Some(_) | None => value.to_owned(),
        },
        _ => value.to_owned(),
    }
}

/// The text of a TXT record in strings that are short enough. In quotes it is text of a master file, of which several
/// strings stay as they are; otherwise it is taken as it stands.
fn strings(target: &str) -> String {
    let inside = target
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    let mut characters = inside.unwrap_or(target).chars().peekable();
    let (mut out, mut octets) = ("\"".to_owned(), 0);
    while let Some(own) = characters.next() {
        let mut written = String::from(own);
        match own {
            '"' if inside.is_some() => return target.to_owned(),
            '\\' if inside.is_some() => {
                let digits = characters.peek().is_some_and(char::is_ascii_digit);
                let rest = if digits { 3 } else { 1 };
                written.extend(characters.by_ref().take(rest));
            }
            '"' | '\\' => written = format!("\\{own}"),
            '\0'..=' ' if own != ' ' => written = format!("\\{:03}", u32::from(own)),
            _ => {}
        }
        let size = own.len_utf8();
        if octets + size > STRING_BYTES {
            out.push_str("\" \"");
            octets = 0;
        }
        octets += size;
        out.push_str(&written);
    }
    out + "\""
}

/// Several strings of a TXT record as one, where they are apart only because one can be no longer.
fn joined(value: &str) -> String {
    let Ok(data) = master::rdata(rtype::TXT, value) else {
        return value.to_owned();
    };
    let (mut rest, mut shown, mut full) = (&*data, String::new(), true);
    while let Some((size, behind)) = rest.split_first() {
        let (own, behind) = rest.split_at(behind.len().min(usize::from(*size)) + 1);
        if !full {
            return value.to_owned();
        }
        full = own.len() > STRING_BYTES;
        let own = text::show_rdata(rtype::TXT, own);
        let inside = own.strip_prefix('"').and_then(|own| own.strip_suffix('"'));
        shown.push_str(inside.unwrap_or(&own));
        rest = behind;
    }
    format!("\"{shown}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zones() -> Vec<Name> {
        ["z.test", "sub.z.test"]
            .map(|zone| Name::parse(zone).unwrap())
            .to_vec()
    }

    fn patches(changes: &str) -> Result<Vec<(String, Value)>, String> {
        let changes: ExternalChanges = serde_json::from_str(changes).unwrap();
        changes.patches(&zones(), 300)
    }

    #[test]
    fn changes_become_patches_of_their_zones() {
        let old =
            r#"{"dnsName":"a.z.test","targets":["192.0.2.1"],"recordType":"A","recordTTL":60}"#;
        let new = r#"{"dnsName":"A.z.test","targets":["192.0.2.2"],"recordType":"A","recordTTL":90,"labels":null,"providerSpecific":null}"#;
        let text = r#"{"dnsName":"b.sub.z.test","targets":["heritage=x"],"recordType":"TXT"}"#;
        let alias = r#"{"dnsName":"c.z.test","targets":["a.z.test"],"recordType":"CNAME"}"#;
        let gone = r#"{"dnsName":"c.z.test","targets":["192.0.2.9"],"recordType":"A"}"#;
        let expected = vec![
            (
                "sub.z.test".to_owned(),
                json!({ "records": { "b.sub.z.test": { "TXT": { "ttl_s": 300, "values": ["\"heritage=x\""] } } } }),
            ),
            (
                "z.test".to_owned(),
                json!({ "records": {
                    "a.z.test": { "A": { "ttl_s": 90, "values": ["192.0.2.2"] } },
                    "c.z.test": { "A": null, "CNAME": { "ttl_s": 300, "values": ["a.z.test."] } },
                } }),
            ),
        ];
        for [create, update_old, update_new, delete] in [
            ["create", "updateOld", "updateNew", "delete"],
            ["Create", "UpdateOld", "UpdateNew", "Delete"],
        ] {
            let changes = format!(
                r#"{{"{create}":[{text},{alias}],"{update_old}":[{old}],"{update_new}":[{new}],"{delete}":[{gone}]}}"#
            );
            assert_eq!(patches(&changes).unwrap(), expected, "{changes}");
        }
        for nothing in ["{}", r#"{"create":null,"delete":[],"updateNew":null}"#] {
            assert_eq!(patches(nothing).unwrap(), [], "{nothing}");
        }
    }

    #[test]
    fn endpoints_that_cannot_be_declared_are_named() {
        for (endpoint, told) in [
            (
                r#"{"dnsName":"a.z.test","targets":["192.0.2.1"],"recordType":"A","setIdentifier":"blue"}"#,
                "a.z.test A: set identifier `blue`",
            ),
            (
                r#"{"dnsName":"a-z.test","targets":["x"],"recordType":"TXT"}"#,
                "a-z.test TXT: it lies in none of the zones",
            ),
            (
                r#"{"dnsName":"a.z.test","targets":["192.0.2"],"recordType":"A"}"#,
                "a.z.test A: `192.0.2`",
            ),
            (
                r#"{"dnsName":"a.z.test","targets":[],"recordType":"B"}"#,
                "a.z.test B: `B` is no type",
            ),
            (
                r#"{"dnsName":"a.z.test","targets":["192.0.2.1"],"recordType":"A","recordTTL":-1}"#,
                "a.z.test A: -1 is no TTL",
            ),
        ] {
            let why = patches(&format!(r#"{{"create":[{endpoint}]}}"#)).unwrap_err();
            assert!(why.starts_with(told), "{why}");
        }
    }

    #[test]
    fn too_many_changes_are_several_patches() {
        let names = (0..=DECLARED_CHANGES).map(|number| {
            let sets = BTreeMap::from([("A".to_owned(), None)]);
            (format!("n{number}.z.test"), sets)
        });
        let patches = batches(names.collect());
        let sizes = patches
            .iter()
            .map(|patch| patch["records"].as_object().unwrap().len());
        assert_eq!(sizes.collect::<Vec<_>>(), [DECLARED_CHANGES, 1]);
    }

    #[test]
    fn what_is_adjusted_is_what_comes_back() {
        let long = "x".repeat(300);
        let split = format!("\"{}\" \"{}\"", &long[..255], &long[255..]);
        for (kind, given, value, back) in [
            ("A", "192.0.2.1", "192.0.2.1", "192.0.2.1"),
            ("AAAA", "2001:DB8:0::1", "2001:db8::1", "2001:db8::1"),
            ("CNAME", "a.z.test", "a.z.test.", "a.z.test"),
            ("MX", "10 mx.z.test", "10 mx.z.test.", "10 mx.z.test"),
            ("MX", "0 .", "0 .", "0 ."),
            (
                "SRV",
                "1 2 443 a.z.test",
                "1 2 443 a.z.test.",
                "1 2 443 a.z.test.",
            ),
            ("TXT", "a b", "\"a b\"", "\"a b\""),
            ("TXT", "\"a b\"", "\"a b\"", "\"a b\""),
            ("TXT", "\"a\" \"b\"", "\"a\" \"b\"", "\"a\" \"b\""),
            (
                "TXT",
                "say \"x\\y\"",
                "\"say \\\"x\\\\y\\\"\"",
                "\"say \\\"x\\\\y\\\"\"",
            ),
            ("TXT", &long, &split, &format!("\"{long}\"")),
            (
                "TXT",
                &format!("\"{long}\""),
                &split,
                &format!("\"{long}\""),
            ),
            ("TXT", &split, &split, &format!("\"{long}\"")),
        ] {
            let endpoint = ExternalEndpoint {
                targets: vec![given.to_owned()],
                record_type: kind.to_owned(),
                provider_specific: vec![json!({ "name": "alias", "value": "false" })],
                labels: BTreeMap::from([("owner".to_owned(), "x".to_owned())]),
                ..ExternalEndpoint::default()
            };
            assert_eq!(endpoint.values().unwrap(), [value], "{kind} {given}");
            assert_eq!(target(kind, value), back, "{kind} {given}");
            let adjusted = endpoint.clone().adjusted();
            assert_eq!(adjusted.targets, [back], "{kind} {given}");
            assert_eq!(adjusted.labels, endpoint.labels);
            assert!(adjusted.provider_specific.is_empty());
            assert_eq!(adjusted.clone().adjusted(), adjusted);
        }
        let unread = ExternalEndpoint {
            targets: vec!["x".to_owned()],
            record_type: "A".to_owned(),
            ..ExternalEndpoint::default()
        };
        assert_eq!(unread.clone().adjusted(), unread);
    }
}
