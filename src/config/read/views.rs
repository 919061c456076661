//! `[[views]]`: client networks that are answered from versions of zones of their own, the first that fits first.
//!
//! ```toml
//! [[views]]
//! name    = "office"
//! clients = ["10.0.0.0/8", "2001:db8::/32"]     # source addresses of queries
//! keys    = ["office-transfer"]                 # whoever signs with one of these, wherever from
//! ```
use toml::de::DeValue;

use crate::config::reader::{At, Fields};
use crate::config::spec::ViewSpec;
use crate::config::value::{self, Trouble};
use crate::geo::Network;
use crate::plan::DEFAULT_VIEW;

use super::items;

/// Octets of the name of a view: it is part of a label.
const NAME_MOST: usize = 60;

pub(super) fn views(document: &mut Fields<'_, '_>) -> Vec<ViewSpec> {
    let mut views = Vec::new();
    for mut fields in document.tables("views") {
        let name = fields.required("name", r#""office""#, name);
        let clients = items(fields.list("clients", network));
        let keys = items(fields.list("keys", value::label));
        if fields.key("clients").is_none() && fields.key("keys").is_none() {
            fields.missing("clients", "write `clients = [\"10.0.0.0/8\"]`, or `keys`");
        }
        fields.finish();
        views.extend(name.map(|name| ViewSpec {
            name,
            clients,
            keys,
        }));
    }
    views
}

fn network(value: &DeValue<'_>) -> Result<Network, Trouble> {
    value::known_network(&value::text(value)?)
}

fn name(value: &DeValue<'_>) -> Result<String, Trouble> {
    let text = value::label(value)?;
    if text.eq_ignore_ascii_case(DEFAULT_VIEW) {
        return Err(
            Trouble::new("`default` is the view of those who are in no other")
                .with_help("leave `view` out of its zones, and call this one otherwise"),
        );
    }
    match text.len() > NAME_MOST {
        true => Err(Trouble::new(format!(
            "the name of a view has {NAME_MOST} letters at the most"
        ))),
        false => Ok(text),
    }
}

/// The view of a zone.
pub(super) fn of_zone(zone: &mut Fields<'_, '_>) -> Option<At<String>> {
    zone.optional("view", value::text)
}

/// The views in which a service has its hostnames; none = the default's.
pub(super) fn of_service(service: &mut Fields<'_, '_>) -> Vec<At<String>> {
    items(service.list("views", value::text))
}
