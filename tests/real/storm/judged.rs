//! The judge is judged: of a history in which all is well it finds nothing, and of one in which one thing is wrong, that.
use std::fs;

use serde_json::{Value, json};

use super::judge;
use super::site::{NODES, described};

/// Seconds of the cut between the first two nodes and the others, and when a machine dies in it, late enough that nobody has
/// heard the other side.
const CUT: (u64, u64) = (60, 110);
const DIES: u64 = 95;
const END: u64 = 220;

fn is_near(node: usize) -> bool {
    node < 2
}

fn is_cut(second: u64) -> bool {
    (CUT.0..CUT.1 + 2).contains(&second)
}

/// What a node believes at a second, in a world in which all is well.
fn sample(node: usize, second: u64) -> Value {
    let apart = is_near(node) && is_cut(second);
    let mut out = Vec::new();
    if second >= 13 {
        out.push("fra-one");
    }
    if second >= DIES + 3 && !apart {
        out.push("fra-two");
    }
    let mut orders = Vec::new();
    if second >= 16 {
        orders.push(json!({ "id": "o1", "until": null }));
    }
    if (21..40).contains(&second) {
        orders.push(json!({ "id": "o2", "until": 40_000 }));
    }
    if second >= 71 && (is_near(node) || !is_cut(second)) {
        orders.push(json!({ "id": "o3", "until": null }));
    }
    let digest = format!("{:08x}", orders.len());
    json!({
        "what": "sample", "t": second * 1000 + 20, "asked": second * 1000, "node": NODES[node], "footing": if apart { "apart" } else { "together" },
        "digest": digest, "twin": false, "out": out, "orders": orders,
    })
}

fn order((node, id, scope): (usize, &str, &str), second: u64, expires: Option<u64>) -> Value {
    json!({
        "what": "order", "t": second * 1000, "given": second * 1000 - 50, "node": NODES[node], "id": id, "act": "drain", "scope": scope,
        "expires": expires, "saw": [],
    })
}

/// A history in which all is well: a machine dies, orders are given, the network is torn, a node is killed.
fn well() -> Vec<Value> {
    let near_and_far = |near: usize| (2..NODES.len()).map(move |far| (NODES[near], NODES[far]));
    let pairs = (0..2).flat_map(near_and_far);
    let blocked: Vec<_> = pairs
        .flat_map(|(near, far)| [[near, far], [far, near]])
        .collect();
    let links = |second: u64, blocked: Value| json!({ "what": "links", "t": second * 1000, "blocked": blocked, "loss": 0, "twice": 0, "delay": 0, "spread": 0 });
    let truth = |second: u64, target: &str| json!({ "what": "truth", "t": second * 1000, "target": target, "up": false });
    let mut lines = vec![
        truth(10, "fra-one"),
        order((1, "o1", "tor-one"), 15, None),
        order((2, "o2", "sin-one"), 20, Some(40_000)),
        links(CUT.0, json!(blocked)),
        order((0, "o3", "tor-two"), 70, None),
        truth(DIES, "fra-two"),
        links(CUT.1, json!([])),
        json!({ "what": "kill", "t": 120_000, "node": "syd1" }),
        json!({ "what": "lost", "t": 121_000, "node": "syd1", "name": "api.example.org", "client": "198.51.100.9" }),
        json!({ "what": "ready", "t": 125_000, "node": "syd1" }),
    ];
    for second in 1..END {
        for node in 0..NODES.len() {
            if node != 4 || !(120..126).contains(&second) {
                lines.push(sample(node, second));
            }
        }
        lines.push(json!({
            "what": "answers", "t": second * 1000, "since": second * 1000 - 900, "count": 30, "node": "fra1", "rcode": 0,
            "name": "data.example.org", "client": "198.51.100.9", "addresses": ["10.7.0.102"],
        }));
    }
    lines.sort_by_key(|line| line["t"].as_u64());
    let mut begin = described();
    (begin["what"], begin["t"]) = (json!("begin"), json!(0));
    lines.insert(0, begin);
    lines.push(json!({ "what": "end", "t": END * 1000 }));
    lines
}

/// What is wrong with a history, as the judge sees it.
fn found(lines: &[Value]) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.jsonl");
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    fs::write(&path, text).unwrap();
    judge(&path).1
}

/// Changes what one node believes from one second to another.
fn believing(node: usize, from: u64, to: u64, change: impl Fn(&mut Value)) -> Vec<Value> {
    let mut lines = well();
    let own = lines
        .iter_mut()
        .filter(|line| line["what"] == "sample" && line["node"] == NODES[node]);
    own.filter(|line| (from..to).contains(&(line["asked"].as_u64().unwrap() / 1000)))
        .for_each(change);
    lines
}

/// With a line more.
fn with(line: Value) -> Vec<Value> {
    let mut lines = well();
    let end = lines.len() - 1;
    lines.insert(end, line);
    lines
}

#[test]
#[expect(clippy::too_many_lines, reason = "one line for each invariant")]
fn of_each_wrong_history_the_judge_finds_what_is_wrong() {
    assert_eq!(found(&well()), [""; 0]);
    let out = |target: &'static str| {
        move |line: &mut Value| line["out"].as_array_mut().unwrap().push(json!(target))
    };
    let answers = |addresses: Value, rcode: u64| {
        with(json!({
            "what": "answers", "t": 200_000, "since": 199_000, "count": 1, "node": "tor1", "rcode": rcode, "name": "data.example.org",
            "client": "203.0.113.9", "addresses": addresses,
        }))
    };
    let lost = |second: u64| {
        with(
            json!({ "what": "lost", "t": second * 1000, "node": "syd1", "name": "api.example.org", "client": "198.51.100.9" }),
        )
    };
    let mut undrained = believing(3, 190, END, |_| {});
    let end = undrained.len() - 1;
    let mut undrain = order((2, "o4", "tor-one"), 180, None);
    (undrain["act"], undrain["saw"]) = (json!("undrain"), json!(["o1"]));
    undrained.insert(end, undrain);
    for (rule, what, lines) in [
        (
            "digests_meet",
            "a node with other orders for good",
            believing(4, 150, END, |line| line["digest"] = json!("ffffffff")),
        ),
        (
            "orders_stay",
            "a drain that a node has forgotten",
            believing(2, 150, END, |line| {
                line["orders"]
                    .as_array_mut()
                    .unwrap()
                    .retain(|one| one["id"] != "o1")
            }),
        ),
        (
            "orders_stay",
            "one that was given in the cut, and never came",
            believing(3, 111, END, |line| {
                line["orders"]
                    .as_array_mut()
                    .unwrap()
                    .retain(|one| one["id"] != "o3")
            }),
        ),
        (
            "orders_stay",
            "one that was undrained, and stands",
            undrained,
        ),
        (
            "majorities_eject",
            "two of five eject",
            believing(0, 100, CUT.1, out("sin-one")),
        ),
        (
            "majorities_eject",
            "all eject what is well",
            believing(0, 40, 50, out("sin-one")),
        ),
        (
            "parts_do_not_both_eject",
            "both sides of a cut eject the same",
            believing(1, 100, CUT.1 + 2, out("fra-two")),
        ),
        (
            "nothing_expired_holds",
            "an order that has ended",
            believing(3, 43, 46, |line| {
                line["orders"]
                    .as_array_mut()
                    .unwrap()
                    .push(json!({ "id": "o2", "until": null }))
            }),
        ),
        (
            "all_are_answered",
            "a query that a node which lives did not answer",
            lost(170),
        ),
        ("all_are_answered", "SERVFAIL", answers(json!([]), 2)),
        (
            "the_fence_is_whole",
            "a client outside of its fence",
            answers(json!(["10.7.0.101"]), 0),
        ),
        (
            "all_see_the_truth",
            "a machine that is well and stays out",
            believing(4, 190, END, out("tor-one")),
        ),
        (
            "all_see_the_truth",
            "a machine that is down and stays in",
            believing(2, 170, END, |line| line["out"] = json!(["fra-one"])),
        ),
        (
            "all_see_the_truth",
            "a twin of nobody",
            believing(2, 170, END, |line| line["twin"] = json!(true)),
        ),
    ] {
        let wrong = found(&lines);
        assert!(
            wrong.iter().any(|line| line.starts_with(rule)),
            "{rule}: {what}: {wrong:?}"
        );
    }
}

/// What cannot be helped is not called wrong.
#[test]
fn what_is_lost_with_its_only_disk_and_a_query_at_a_dead_node_are_nobodys_fault() {
    let forget = |line: &mut Value| {
        line["orders"]
            .as_array_mut()
            .unwrap()
            .retain(|one| one["id"] != "o3")
    };
    let mut lines = well();
    for line in lines.iter_mut().filter(|line| line["what"] == "sample") {
        forget(line);
        if line["asked"].as_u64().unwrap() > 70_000 {
            line["digest"] = json!("00000001");
        }
    }
    let wrong = found(&lines);
    assert!(
        wrong.iter().all(|line| line.starts_with("orders_stay")) && !wrong.is_empty(),
        "{wrong:?}"
    );
    // Its node is killed at once, and its disk wiped.
    let place = lines
        .iter()
        .position(|line| line["what"] == "order" && line["id"] == "o3")
        .unwrap();
    for (after, what) in [(1, "kill"), (2, "wipe"), (3, "ready")] {
        lines.insert(
            place + after,
            json!({ "what": what, "t": 70_000 + 200 * after, "node": "fra1" }),
        );
    }
    assert_eq!(found(&lines), [""; 0]);
}
