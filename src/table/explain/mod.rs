//! Why a client gets what it gets: the whole chain from its address to the RRset.
//!
//! An [`Explanation`] is found with the same table and the same [`Table::select`] that answers
//! queries, so it cannot tell another story than the answers do. It serializes for scripts and
//! prints for people. Asking changes nothing; what is supposed down is so in a table made for
//! the question only.
use std::net::IpAddr;

use serde::Serialize;
use thiserror::Error;
use utoipa::ToSchema;

use crate::base::shown;
use crate::base::{Family, Moment, ServiceId, Utc, ViewId};
use crate::dns::Name;
use crate::dns::rr::rtype;
use crate::dns::zone::{Found, service_number};

use crate::plan::{DEFAULT_VIEW, UnknownScope};

use super::Table;

mod chain;
mod chosen;
mod drawn;
mod load;
mod measured;
mod named;
mod place;
mod scope;
mod set;
mod suppose;
mod text;

pub use chain::{Consulted, Role, Stand, Steered, Ttl};
pub use chosen::ChosenFacts;
pub use drawn::RegionWeight;
pub use load::Load;
pub use measured::{MeasuredFacts, RegionTime};
pub use named::{DiscoveredFacts, NameFacts};
pub use place::PlaceFacts;
pub use scope::Scope;
pub use set::SetFacts;
pub use suppose::suppose;

/// What is asked.
#[derive(Clone, Debug)]
pub struct Question {
    /// The name.
    pub name: Name,
    /// The type, as a number.
    pub qtype: u16,
    /// Whose answer: the address of a client, or of its ECS network.
    pub client: IpAddr,
    /// When.
    pub now: Moment,
    /// Regions, endpoints and providers that are supposed down, by name.
    pub suppose: Vec<String>,
    /// The view whose zones are asked.
    pub view: ViewAsked,
}

/// The words by which a view is meant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ViewAsked {
    /// That of the client, who asks by itself.
    #[default]
    OfClient,
    /// That of whoever asks from an address, for the client.
    From(IpAddr),
    /// That of this name.
    Named(String),
}

/// Why there is no explanation.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ExplainError {
    /// No zone of the plan holds the name.
    #[error("{0} lies in none of our zones; queries for it are refused")]
    NotOurs(Name),
    /// Nothing has the name that is supposed down.
    #[error(transparent)]
    Unknown(#[from] UnknownScope),
    /// No view has the name.
    #[error("there is no view `{0}`; the views are: {1}")]
    NoView(String, String),
}

/// What an explanation takes the endpoints' health from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Health {
    /// The probes of a running server.
    Present,
    /// Nothing: no server was asked, and every endpoint is taken for healthy.
    Supposed,
}

/// Why a client gets what it gets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Explanation {
    /// The name.
    #[schema(value_type = String)]
    pub name: Name,
    /// The type, as a number.
    pub qtype: u16,
    /// The client.
    #[schema(value_type = String)]
    pub client: IpAddr,
    /// The view whose zones are asked; absent where there are no views.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub view: Option<String>,
    /// What the endpoints' health is taken from; [`explain`] says [`Health::Present`], and
    /// whoever made up the table's health amends it.
    pub health: Health,
    /// What was supposed down.
    pub supposed: Vec<String>,
    /// Generation of the table that was asked, or that the supposed one was made from.
    pub generation: u64,
    /// How the zone is signed; absent when it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signed: Option<SignedZone>,
    /// Why this node's anycast route is withdrawn, so that clients ask another one; absent when it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub withdrawn: Option<String>,
    /// The chain; of records that follow the choice, that of the family which leads.
    pub chain: Chain,
    /// The RRset that the choice comes to, if that is more than addresses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chosen: Option<ChosenFacts>,
    /// The one who declared the RRset, or the service, if somebody did; whoever knows what is declared amends it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub declared: Option<DeclaredFacts>,
}

/// The one who declared what is answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct DeclaredFacts {
    /// The thing: an RRset, or a service.
    pub what: String,
    /// The identity that declared it.
    pub author: String,
    /// Why; empty if nobody said.
    pub reason: String,
    /// The time at which it was declared as it is.
    pub declared_at: Utc,
}

/// How a zone is signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct SignedZone {
    /// What proves that a name does not exist: `NSEC` or `NSEC3`.
    pub denial: &'static str,
    /// Tags of the keys whose signatures are over its data.
    pub keys: Vec<u16>,
    /// Tells whether its signatures came with it, and are not made here.
    pub elsewhere: bool,
    /// When the first of its signatures expires, in seconds since 1970.
    #[serde(with = "shown::utc")]
    #[schema(value_type = Utc)]
    pub expires_at: u64,
}

/// What a name leads to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Chain {
    /// Steered: the answer follows from health and from where the client is.
    Steered(Box<Steered>),
    /// Data of a zone file: the same for every client, whatever the health.
    Static {
        /// What the zone holds.
        finding: &'static str,
        /// Where an alias leads; to be explained in its turn.
        #[schema(value_type = Option<String>)]
        target: Option<Name>,
    },
}

/// Explains what a client gets for a name.
///
/// # Errors
/// When the name is not ours, or something unknown is supposed down.
pub fn explain(table: &Table, question: &Question) -> Result<Explanation, ExplainError> {
    let supposed;
    let table = match question.suppose.as_slice() {
        [] => table,
        downs => {
            supposed = suppose(table, downs)?;
            &supposed
        }
    };
    let view = view(table, question)?;
    let table = table.seen(view);
    let views = &table.plan.views;
    let chosen = chosen::find(table, question);
    let leading = chosen.as_ref().map(|(family, _)| *family);
    Ok(Explanation {
        name: question.name.clone(),
        qtype: question.qtype,
        client: question.client,
        view: (!views.all().is_empty()).then(|| views.name(view).to_owned()),
        health: Health::Present,
        supposed: question.suppose.clone(),
        generation: table.generation,
        signed: signed_zone(table, question),
        withdrawn: None,
        chain: find_chain(table, question, leading)?,
        chosen: chosen.map(|(_, facts)| facts),
        declared: None,
    })
}

fn view(table: &Table, question: &Question) -> Result<Option<ViewId>, ExplainError> {
    let views = &table.plan.views;
    match &question.view {
        ViewAsked::OfClient => Ok(views.of(question.client)),
        ViewAsked::From(source) => Ok(views.of(*source)),
        ViewAsked::Named(name) => views.named(name).ok_or_else(|| {
            let names = views.all().iter().map(|view| view.name.as_str());
            let names: Vec<&str> = names.chain([DEFAULT_VIEW]).collect();
            ExplainError::NoView(name.clone(), names.join(", "))
        }),
    }
}

fn signed_zone(table: &Table, question: &Question) -> Option<SignedZone> {
    let (served, _) = table
        .zones
        .find_served(question.name.as_wire(), question.qtype)?;
    let signed = served.signed.as_ref()?;
    Some(SignedZone {
        denial: match signed.is_hashed() {
            true => "NSEC3",
            false => "NSEC",
        },
        keys: signed.key_tags(),
        elsewhere: signed.signing().is_none(),
        expires_at: signed.expires(),
    })
}

fn find_chain(
    table: &Table,
    question: &Question,
    leading: Option<Family>,
) -> Result<Chain, ExplainError> {
    let wire = question.name.as_wire();
    let Some((zone, _)) = table.zones.find(wire, question.qtype) else {
        return Err(ExplainError::NotOurs(question.name.clone()));
    };
    let (finding, target) = match (
        zone.find(wire, question.qtype),
        leading.or_else(|| family(question.qtype)),
    ) {
        (Found::Answer(_) | Found::Mounted(_) | Found::Nodata, _)
            if question.qtype == rtype::ANY =>
        {
            (
                "ANY gets one HINFO record in place of data (RFC 8482)",
                None,
            )
        }
        (Found::Mounted(mount), Some(family)) => {
            let steered = chain::steer(table, ServiceId(service_number(mount)), family, question);
            return Ok(Chain::Steered(Box::new(steered)));
        }
        (Found::Mounted(_), None) => ("a steered name; it has not this type", None),
        (Found::Answer(_), _) => ("records of the zone file", None),
        (Found::Cname(rrset), _) => (
            "an alias (CNAME)",
            rrset.records().next().and_then(Name::from_wire),
        ),
        (Found::Dname { .. }, _) => ("an alias of a whole subtree (DNAME)", None),
        (Found::Referral { .. }, _) => ("delegated to other name servers", None),
        (Found::Nodata, _) => ("the name exists, and not with this type", None),
        (Found::Nxdomain, _) => ("the name does not exist", None),
    };
    Ok(Chain::Static { finding, target })
}

fn family(qtype: u16) -> Option<Family> {
    match qtype {
        rtype::A => Some(Family::V4),
        rtype::AAAA => Some(Family::V6),
        _ => None,
    }
}
