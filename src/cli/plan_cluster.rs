//! `waypost plan --cluster`: what a config would change on each node of a cluster.
//!
//! The server that is asked first says who there is, and where each is reached (`control` of `[[cluster.nodes]]`). Each compares the config
//! with the one that it runs, and keeps what is its own of that: addresses, keys, paths. A node that is not reached itself, and serves by the same policy
//! as one that was, would change the same, and is told so. Any other is named; a plan that does not hold on all nodes is no success.
use std::process::ExitCode;
use std::thread;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::present::line;
use super::proof::Credentials;
use super::remote::{Remote, credentials};
use super::shared_arguments::Plan;
use super::{cluster, say};
use crate::base::Span;
use crate::daemon::Failure;
use crate::share::{ClusterView, NodeView};

/// Time that a comparison may take: as much as a server gives it.
const PATIENCE: Span = Span::from_secs(80);
/// Nodes that are asked at once.
const TOGETHER: usize = 16;

/// The answer of a node.
#[derive(Clone, Debug, Deserialize)]
struct NodeComparison {
    text: String,
    comparison: Value,
    policy: String,
    new_policy: String,
}

/// The plan of one node.
#[derive(Debug, Serialize)]
struct PlannedNode {
    node: String,
    state: String,
    /// `compared`, `alike`, or `unknown`.
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    policy: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    new_policy: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    comparison: Option<Value>,
    /// Why nothing is known of it, or the node that it is like; for a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
    #[serde(skip)]
    text: String,
}

/// Prints the comparison of each node; exits 1 when a rule is broken on one, or one could not be asked.
pub(super) fn plan(arguments: &Plan) -> Result<ExitCode, Failure> {
    let text = std::fs::read_to_string(&arguments.new);
    let text = text.map_err(|error| format!("{}: {error}", arguments.new.display()))?;
    let first = Remote::find(&arguments.control)?.patient(PATIENCE);
    let view = cluster::ask(&first)?;
    let nodes = planned(&view, &first, &credentials(&arguments.control.proof), &text);
    if arguments.json {
        let all = serde_json::to_string_pretty(&nodes).map_err(|error| error.to_string())?;
        say(&all);
    } else {
        say(page(&nodes).trim_end());
    }
    let is_well = nodes.iter().all(PlannedNode::is_allowed);
    Ok(if is_well {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Asks all nodes that are not revoked, in the order of their names.
fn planned(
    view: &ClusterView,
    first: &Remote,
    credentials: &Credentials,
    text: &str,
) -> Vec<PlannedNode> {
    let nodes = view.nodes.iter().filter(|node| node.state != "revoked");
    let nodes: Vec<&NodeView> = nodes.collect();
    let mut answers = Vec::new();
    for some in nodes.chunks(TOGETHER) {
        thread::scope(|scope| {
            let ask = |node: &'_ NodeView| match (&*node.state, &node.control) {
                ("this", _) => compare(first, text),
                (_, Some(control)) => Remote::at(control, credentials)
                    .and_then(|remote| compare(&remote.patient(PATIENCE), text)),
                (_, None) => Err("it has no `control` in [[cluster.nodes]]".to_owned()),
            };
            let asked = some.iter().map(|node| scope.spawn(move || ask(node)));
            let asked: Vec<_> = asked.collect();
            let ended = asked.into_iter().map(|asked| {
                asked
                    .join()
                    .unwrap_or_else(|_| Err("a defect of the program".to_owned()))
            });
            answers.extend(ended);
        });
    }
    outcomes(&nodes, answers)
}

fn compare(remote: &Remote, text: &str) -> Result<NodeComparison, Failure> {
    let body = remote.post_body("/api/v1/plan", &[("own_part", "kept")], text.to_owned())?;
    let read = serde_json::from_str(&body);
    read.map_err(|error| format!("its answer is no comparison: {error}"))
}

/// The outcome for each node. One that did not answer is like one that did, if it is heard and both serve by one policy.
fn outcomes(
    nodes: &[&NodeView],
    answers: Vec<Result<NodeComparison, Failure>>,
) -> Vec<PlannedNode> {
    let known: Vec<(&str, NodeComparison)> = nodes
        .iter()
        .zip(&answers)
        .filter_map(|(node, answer)| Some((&*node.name, answer.as_ref().ok()?.clone())))
        .collect();
    let outcomes = nodes.iter().zip(answers).map(|(node, answer)| {
        let is_heard = matches!(&*node.state, "this" | "heard");
        let policy = node
            .head
            .as_ref()
            .filter(|_| is_heard)
            .map(|head| &*head.config);
        let alike = known.iter().find(|(_, own)| Some(&*own.policy) == policy);
        match (answer, alike) {
            (Ok(own), _) => PlannedNode::of(node, "compared", Some(own), None),
            (Err(why), Some((name, own))) => {
                let why = format!(
                    "as {name}, for it serves by the same policy; it was not asked itself: {why}"
                );
                PlannedNode::of(node, "alike", Some(own.clone()), Some(why))
            }
            (Err(why), None) => PlannedNode::of(node, "unknown", None, Some(why)),
        }
    });
    outcomes.collect()
}

impl PlannedNode {
    fn of(
        node: &NodeView,
        outcome: &'static str,
        own: Option<NodeComparison>,
        why: Option<String>,
    ) -> Self {
        let (mut text, mut comparison, mut policies) = (String::new(), None, None);
        if let Some(own) = own {
            (text, comparison) = (own.text, Some(own.comparison));
            policies = Some((own.policy, own.new_policy));
        }
        let (policy, new_policy) = policies.unzip();
        Self {
            node: node.name.clone(),
            state: node.state.clone(),
            outcome,
            policy,
            new_policy,
            comparison,
            why,
            text,
        }
    }

    fn is_allowed(&self) -> bool {
        let result = self.comparison.as_ref().and_then(|own| own.get("result"));
        result.and_then(Value::as_str) == Some("allowed")
    }
}

/// One section for each node; what is the same as before it is not said again.
fn page(nodes: &[PlannedNode]) -> String {
    let mut out = String::new();
    for (place, node) in nodes.iter().enumerate() {
        let policies = node.policy.as_ref().zip(node.new_policy.as_ref());
        let policies = policies.map_or_else(String::new, |(own, new)| match own == new {
            true => format!(": policy {own}, and the same then"),
            false => format!(": policy {own}, then {new}"),
        });
        line(
            &mut out,
            &format!("== {}, {}{policies}", node.node, node.state),
        );
        if let Some(why) = &node.why {
            let why = if node.outcome == "unknown" {
                format!("not asked: {why}")
            } else {
                why.clone()
            };
            line(&mut out, &why);
        }
        let mut before = nodes[..place].iter();
        match before.find(|other| !node.text.is_empty() && other.text == node.text) {
            _ if node.outcome != "compared" => {}
            Some(other) => line(&mut out, &format!("the same changes as on {}", other.node)),
            None => line(&mut out, node.text.trim_end()),
        }
        line(&mut out, "");
    }
    let unknown = nodes.iter().filter(|node| node.outcome == "unknown");
    let unknown: Vec<&str> = unknown.map(|node| &*node.node).collect();
    if !unknown.is_empty() {
        line(&mut out, &format!("not known of: {}", unknown.join(", ")));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::share::HeadView;

    fn node(name: &str, state: &str, policy: &str) -> NodeView {
        NodeView {
            name: name.into(),
            state: state.into(),
            head: Some(HeadView {
                config: policy.into(),
                ..HeadView::default()
            }),
            ..NodeView::default()
        }
    }

    fn answer(policy: &str, result: &str) -> Result<NodeComparison, Failure> {
        Ok(NodeComparison {
            text: format!("{result} from {policy}"),
            comparison: serde_json::json!({ "result": result }),
            policy: policy.into(),
            new_policy: "new".into(),
        })
    }

    #[test]
    fn each_node_has_its_section_and_one_of_whom_nothing_is_known_is_no_success() {
        let nodes = [
            node("a", "this", "p"),
            node("b", "heard", "p"),
            node("c", "heard", "q"),
            node("d", "late", "p"),
            node("e", "heard", "p"),
        ];
        let refused = || Err("no answer".to_owned());
        let answers = vec![
            answer("p", "allowed"),
            refused(),
            refused(),
            refused(),
            answer("p", "allowed"),
        ];
        let all: Vec<&NodeView> = nodes.iter().collect();
        let planned = outcomes(&all, answers);
        let expected = "\
== a, this: policy p, then new
allowed from p

== b, heard: policy p, then new
as a, for it serves by the same policy; it was not asked itself: no answer

== c, heard
not asked: no answer

== d, late
not asked: no answer

== e, heard: policy p, then new
the same changes as on a

not known of: c, d
";
        assert_eq!(page(&planned), expected);
        let allowed: Vec<bool> = planned.iter().map(PlannedNode::is_allowed).collect();
        assert_eq!(allowed, [true, true, false, false, true]);
        let refused = outcomes(&all[..1], vec![answer("p", "refused")]);
        assert!(!refused[0].is_allowed());
    }
}
