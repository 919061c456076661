//! `[[services.NAME.records]]`: RRsets of other types than addresses, by region or endpoint.
//!
//! Values are what stands behind the type in a master file, read as there ([`master::rdata`]). A service may have hostnames
//! in several zones, so there is no origin, and names in values are written whole.
use toml::de::DeValue;

use super::plain;
use crate::base::{Span, similar};
use crate::config::reader::{At, Fields};
use crate::config::records::RecordsSpec;
use crate::config::value::{self, Trouble};
use crate::dns::master;
use crate::dns::rr::rtype;
use crate::dns::text::{type_name, type_number};

/// Types that follow a choice most often, for "did you mean".
const USUAL: [&str; 9] = [
    "CAA", "CNAME", "HTTPS", "MX", "NAPTR", "SRV", "SVCB", "TLSA", "TXT",
];
/// The first type for private use (RFC 6895, section 3.1); none from here on can be given.
const PRIVATE: u16 = 0xFF00;

pub(super) fn of_service(service: &mut Fields<'_, '_>) -> Vec<RecordsSpec> {
    let mut list = Vec::new();
    for mut fields in service.tables("records") {
        let rtype = fields.required("type", r#""TXT""#, record_type);
        list.push(RecordsSpec {
            at: fields.at(),
            region: fields.optional("region", value::text),
            endpoint: fields.optional("endpoint", value::text),
            values: values(&mut fields, rtype.as_ref().map(|own| own.value)),
            ttl: plain(fields.optional("ttl", whole_seconds)),
            hints: fields.optional("hints", value::boolean),
            rtype,
        });
        fields.finish();
    }
    list
}

fn values(fields: &mut Fields<'_, '_>, rtype: Option<u16>) -> Vec<At<Vec<u8>>> {
    let example = r#"["\"text\""]"#;
    let Some(rtype) = rtype else {
        // What they are cannot be said; that they are there can.
        fields.required_list("values", example, value::text);
        return Vec::new();
    };
    fields.required_list("values", example, |written| {
        let text = value::text(written)?;
        master::rdata(rtype, &text).map_err(|(message, help)| Trouble {
            help,
            ..Trouble::new(format!("no data of type {}: {message}", type_name(rtype)))
        })
    })
}

fn record_type(value: &DeValue<'_>) -> Result<u16, Trouble> {
    let text = value::text(value)?;
    let Some(number) = type_number(&text) else {
        let trouble = Trouble::new(format!("unknown record type `{text}`"));
        return Err(match similar(&text, USUAL) {
            Some(meant) => trouble.with_help(format!("did you mean `{meant}`?")),
            None => trouble.with_help(format!("such as {}", USUAL.join(", "))),
        });
    };
    let help = match number {
        rtype::A | rtype::AAAA => "addresses are those of the endpoints",
        rtype::NS | rtype::SOA | rtype::DNAME | rtype::DS => {
            "it holds for the whole zone, or all names below: write it in the zone file"
        }
        rtype::RRSIG | rtype::NSEC | rtype::NSEC3 | rtype::NSEC3PARAM | rtype::DNSKEY => {
            "signing makes it: `dnssec` of the zone"
        }
        0 | rtype::OPT | 128..=255 | PRIVATE.. => "it is no type of data",
        _ => return Ok(number),
    };
    let message = format!(
        "records of type {} cannot follow a choice",
        type_name(number)
    );
    Err(Trouble::new(message).with_help(help))
}

/// A TTL.
pub(super) fn whole_seconds(value: &DeValue<'_>) -> Result<Span, Trouble> {
    let span = value::span(value)?;
    match span.0 >= 1000 && span.0.is_multiple_of(1000) {
        true => Ok(span),
        false => Err(Trouble::new(format!("{span} is not a TTL"))
            .with_help("a TTL is in whole seconds, 1s at the least")),
    }
}
