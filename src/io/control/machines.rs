//! The machines of a demo: whoever looks at its page may let them die and come back.
//!
//! There is such a path in a demo that stays (`waypost demo --keep`) and nowhere else, so it is not part of the described API. The
//! machines are HTTP servers on loopback that the demo itself started, so nobody's word is asked for; that no other site's page
//! asks is seen to as everywhere ([`super::origin`]). What becomes of a machine is the demo's affair.
use axum::extract::State as Given;
use axum::http::{StatusCode, Uri};
use serde_json::json;
use tokio::sync::oneshot;

use super::commands::{MachineFate, MachineOrder, State};
use super::parameters;
use super::replies::{Refusal, Reply, json as reply_json};

/// Path of it: `action` is `kill` or `heal`, `scope` a region, provider or endpoint.
pub(super) const PATH: &str = "/api/v1/demo/machines";

/// Lets machines die or come back.
pub(super) async fn play(Given(state): Given<State>, uri: Uri) -> Result<Reply, Refusal> {
    let (mut scope, mut fate) = (String::new(), None);
    for (name, value) in parameters::of(&uri) {
        match (name.as_str(), value.as_str()) {
            ("action", "kill") => fate = Some(MachineFate::Die),
            ("action", "heal") => fate = Some(MachineFate::Return),
            ("scope", _) => scope = value,
            _ => return Err(Refusal::bad(format!("{name}={value} is not known here"))),
        }
    }
    let fate = fate.ok_or_else(|| Refusal::bad("action=kill or action=heal is needed"))?;
    let (reply, answer) = oneshot::channel();
    let order = MachineOrder { scope, fate, reply };
    let gone = || Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "the demo has ended");
    let way = state.surroundings.machines.ok_or_else(gone)?;
    way.try_send(order).map_err(|_| gone())?;
    match answer.await.map_err(|_| gone())? {
        Ok(result) => Ok(reply_json(&json!({ "result": result }))),
        Err(why) => Err(Refusal::new(StatusCode::NOT_FOUND, why)),
    }
}
