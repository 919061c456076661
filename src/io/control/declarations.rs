//! The author of what an explanation is about, if it is declared: asked of those who know, and added to it.
use super::commands::State;
use super::declared;
use super::objects;
use crate::base::Utc;
use crate::config::declared::{ObjectPath, ObjectTable};
use crate::dns::rr::rtype;
use crate::dns::text;
use crate::table::explain::{Chain, DeclaredFacts, Explanation};
use crate::zones::declared::order::DeclaredQuery;

/// Adds who declared the RRset, or the service.
pub(super) async fn tell(explanation: &mut Explanation, state: &State) {
    explanation.declared = match &explanation.chain {
        Chain::Steered(steered) => of_service(&steered.service, state).await,
        Chain::Static { .. } => of_records(explanation, state).await,
    };
}

async fn of_service(service: &str, state: &State) -> Option<DeclaredFacts> {
    let path = ObjectPath {
        table: ObjectTable::Services,
        name: service.to_owned(),
        endpoint: None,
    };
    let all = objects::in_force(state).await?;
    let own = all.get(&path)?;
    Some(DeclaredFacts {
        what: path.to_string(),
        author: own.author.clone(),
        reason: own.reason.clone(),
        declared_at: Utc::from_seconds(own.at),
    })
}

async fn of_records(explanation: &Explanation, state: &State) -> Option<DeclaredFacts> {
    let (name, qtype) = (&explanation.name, explanation.qtype);
    let table = state.published.get()?.load();
    let zone = table.zones.find(name.as_wire(), qtype)?.0.apex().clone();
    drop(table);
    let query = DeclaredQuery {
        zone,
        name: Some(name.clone()),
        after: None,
        most: 1,
    };
    let mut page = declared::read(query, state).await.ok()??;
    let mut sets = page.records.pop_first()?.1;
    let kinds = [qtype, rtype::CNAME].map(text::type_name);
    let (kind, own) = kinds
        .into_iter()
        .find_map(|kind| sets.remove(&kind).map(|own| (kind, own)))?;
    // The file has something else there, and that is answered.
    if own.conflict.is_some() {
        return None;
    }
    Some(DeclaredFacts {
        what: format!("{name} {kind}"),
        author: own.author,
        reason: own.reason,
        declared_at: own.declared_at,
    })
}
