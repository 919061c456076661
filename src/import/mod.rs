//! Configs of other servers -> a config of Waypost, zone files, and all that could not be said.
//!
//! Text becomes text: no file is opened here, nothing is resolved, and what comes out is judged by nobody but
//! `waypost check`, which passes it unless a remark says why not. Each maker has a file that knows the maker's words and
//! draws a [`draft::ImportDraft`]; the draft knows ours, and which of them a config can say ([`remark::Feature`]).
//!
//! | module | what it holds |
//! |---|---|
//! | `file` | files that are read, and what they come to |
//! | [`node`], [`vscf`] | what was written, as a tree with lines |
//! | [`draft`], [`config_text`], [`toml_text`] | regions, monitors, services, and the config that they make |
//! | [`zone_text`] | zone files, and the records of those that are read |
//! | [`places`] | clients by place, and where a region may lie |
//! | [`remark`] | what was lost, and what is worth a word |
//! | [`gdnsd`], [`powerdns`], [`knot`], [`route53`], [`octodns`], [`k8gb`] | one maker each |
//!
//! Clients without a place of their own are sent by the list that the maker's config has for them (`order`, beside the policy
//! "place"), and lists are closed: nobody is sent where nobody was sent before. Where a maker knows no locations, a region lies
//! where its clients are. That decides nothing as long as lists say who goes where.
mod config_text;
mod draft;
mod file;
mod gdnsd;
mod k8gb;
mod knot;
mod node;
mod octodns;
mod places;
mod powerdns;
mod remark;
mod route53;
mod toml_text;
mod vscf;
mod zone_text;

use draft::ImportDraft;
pub use file::{CONFIG, ImportedFile, Translation, UnreadableFile};
pub use remark::{Remark, RemarkKind};

/// Servers and services whose configs can be translated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Maker {
    /// gdnsd: its config and its zone files.
    Gdnsd,
    /// PowerDNS: the zones file of the geoip backend.
    PowerDns,
    /// Knot DNS: geo.conf of mod-geoip, with knot.conf and zone files.
    Knot,
    /// Amazon Route 53: record sets and health checks as the AWS CLI prints them.
    Route53,
    /// octoDNS: zones in YAML, with dynamic records.
    OctoDns,
    /// k8gb: Gslb resources.
    K8gb,
}

impl Maker {
    /// Reads the word of the command line.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "gdnsd" => Self::Gdnsd,
            "powerdns-geoip" => Self::PowerDns,
            "knot-geoip" => Self::Knot,
            "route53" => Self::Route53,
            "octodns" => Self::OctoDns,
            "k8gb" => Self::K8gb,
            _ => return None,
        })
    }
}

/// Translates files of one maker into one config.
///
/// # Errors
/// When a file is not in the maker's syntax, or holds nothing that the maker's config has.
pub fn translate(maker: Maker, files: &[ImportedFile]) -> Result<Translation, UnreadableFile> {
    let mut draft = ImportDraft::default();
    match maker {
        Maker::Gdnsd => gdnsd::draw(files, &mut draft)?,
        Maker::PowerDns => powerdns::draw(files, &mut draft)?,
        Maker::Knot => knot::draw(files, &mut draft)?,
        Maker::Route53 => route53::draw(files, &mut draft)?,
        Maker::OctoDns => octodns::draw(files, &mut draft)?,
        Maker::K8gb => k8gb::draw(files, &mut draft)?,
    }
    if let Some(first) = files.first().filter(|_| draft.is_empty()) {
        return Err(UnreadableFile {
            file: first.name.clone(),
            line: 1,
            reason: "nothing in it is a zone or a steered name of this maker".to_owned(),
        });
    }
    draft.settle();
    let config = (CONFIG.to_owned(), config_text::write(&draft));
    let zones = draft.zones.values().map(|zone| (zone.path(), zone.text()));
    Ok(Translation {
        files: std::iter::once(config).chain(zones).collect(),
        remarks: draft.remarks,
    })
}
