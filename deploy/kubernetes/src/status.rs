//! The status of a resource: conditions, endpoints, explanations.
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use k8s_openapi::jiff::Timestamp;

use crate::resource::{EndpointStatus, ServiceStatus};

/// Octets of a message.
const MESSAGE: usize = 2000;

/// One condition: its status, reason and message.
pub(crate) type Said = (Truth, &'static str, String);

/// The status of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Truth {
    True,
    False,
    Unknown,
}

/// All that is said of a resource.
#[derive(Debug)]
pub(crate) struct Saying {
    /// The generation that it is about.
    pub(crate) generation: Option<i64>,
    /// Its name at Waypost.
    pub(crate) service: String,
    /// Its endpoints.
    pub(crate) endpoints: Vec<EndpointStatus>,
    /// Lines of explanations.
    pub(crate) explain: Vec<String>,
    /// Conditions by their types.
    pub(crate) conditions: [(&'static str, Said); 4],
}

/// Makes a status. A condition that says the same as before keeps its time.
pub(crate) fn status(own: Saying, before: Option<&ServiceStatus>) -> ServiceStatus {
    let conditions = own.conditions.into_iter().map(|(kind, said)| {
        let (truth, reason, mut message) = said;
        let truth = match truth {
            Truth::True => "True",
            Truth::False => "False",
            Truth::Unknown => "Unknown",
        };
        if let Some((end, _)) = message.char_indices().find(|(at, _)| *at >= MESSAGE) {
            message.truncate(end);
            message.push('…');
        }
        let before = before.into_iter().flat_map(|own| &own.conditions);
        let mut same = before.filter(|own| own.type_ == kind && own.status == truth);
        let since = same.next().map(|own| own.last_transition_time.clone());
        Condition {
            type_: kind.to_owned(),
            status: truth.to_owned(),
            reason: reason.to_owned(),
            message,
            observed_generation: own.generation,
            // The API server keeps whole seconds.
            last_transition_time: since.unwrap_or_else(now),
        }
    });
    ServiceStatus {
        observed_generation: own.generation,
        service: own.service,
        endpoints: own.endpoints,
        explain: own.explain,
        conditions: conditions.collect(),
    }
}

/// Lines of explanation: those that were got, and those of the status until then. Whoever begins to lead has got none of thousands yet.
pub(crate) fn explain(got: Option<&Vec<String>>, before: Option<&ServiceStatus>) -> Vec<String> {
    let before = before.map(|own| &own.explain);
    got.or(before).cloned().unwrap_or_default()
}

fn now() -> Time {
    let now = Timestamp::now();
    Time(Timestamp::from_second(now.as_second()).unwrap_or(now))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn saying(truth: Truth, message: &str) -> Saying {
        let said = || (truth, "Because", message.to_owned());
        Saying {
            generation: Some(3),
            service: "k8s-a_b".to_owned(),
            endpoints: Vec::new(),
            explain: Vec::new(),
            conditions: ["Accepted", "Resolved", "Programmed", "Ready"].map(|own| (own, said())),
        }
    }

    #[test]
    fn a_condition_keeps_its_time_until_its_status_changes() {
        let mut before = status(saying(Truth::True, "one"), None);
        let old = Time(Timestamp::from_second(1).unwrap());
        before.conditions[0].last_transition_time = old.clone();
        let same = status(saying(Truth::True, "two"), Some(&before));
        assert_eq!(same.conditions[0].last_transition_time, old);
        assert_eq!(same.conditions[0].message, "two");
        let other = status(saying(Truth::False, "two"), Some(&before));
        assert_ne!(other.conditions[0].last_transition_time, old);
        before.explain = vec!["old".to_owned()];
        assert_eq!(explain(None, Some(&before)), ["old"]);
        let new = vec!["new".to_owned()];
        assert_eq!(explain(Some(&new), Some(&before)), new);
        let long = status(saying(Truth::False, &"ä".repeat(5000)), None);
        assert!(long.conditions[0].message.len() < MESSAGE + 5);
    }
}
