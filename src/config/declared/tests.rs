//! Rules of who may declare what, and what the compiler makes of it.
use std::path::Path;

use serde_json::{Map, Value, json};

use super::{
    DeclaredObject, DeclaredObjects, ObjectChange, ObjectOrder, ObjectPart, ObjectPath,
    ObjectPurpose, ObjectRefusal,
};
use crate::base::{NodeMark, next_revision};
use crate::config::{self, Surroundings};
use crate::plan::{AccessRole, Declarer, ExpectedState, NamePattern, ObjectKind, ObjectRule};

const CONFIG: &str = r#"
[server]
listen = ["127.0.0.1:5300"]
[[zones]]
name = "z.test"
file = "z.zone"
[jurisdictions]
EEA = { countries = ["@EEA"] }
[regions.eu]
location = [50.1, 8.6]
jurisdiction = "EEA"
[[regions.eu.endpoints]]
name = "eu-1"
provider = "p"
addresses = ["192.0.2.1"]
[monitors.web]
type = "tcp"
port = 80
[services.api]
hostnames = ["api.z.test"]
monitors = ["web"]
"#;

fn table(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

fn order(changes: Vec<(&str, ObjectChange)>) -> ObjectOrder {
    ObjectOrder {
        by: vec![Declarer::Role(AccessRole::Operator)],
        author: "ci".to_owned(),
        reason: "roll-out".to_owned(),
        at: 7,
        expects: (None, ExpectedState::Any),
        changes: changes
            .into_iter()
            .map(|(word, change)| (ObjectPath::read(word).unwrap(), change))
            .collect(),
        purpose: ObjectPurpose::Do,
    }
}

fn put(word: &str, value: Value) -> ObjectOrder {
    order(vec![(word, ObjectChange::Put(table(value)))])
}

fn rule() -> ObjectRule {
    ObjectRule {
        kinds: vec![
            ObjectKind::Monitor,
            ObjectKind::Service,
            ObjectKind::Endpoint,
        ],
        names: vec!["shop*".to_owned(), "eu".to_owned()],
        hostnames: vec![NamePattern::of(
            &crate::dns::Name::parse("*.shop.z.test").unwrap(),
        )],
        by: vec![Declarer::Role(AccessRole::Operator)],
    }
}

/// A service with what may be declared for it.
fn shop() -> DeclaredObjects {
    let shop = json!({ "hostnames": ["a.shop.z.test"], "monitors": ["web"] });
    let more = json!({ "provider": "q", "addresses": ["192.0.2.9"], "weight": 50 });
    let order = order(vec![
        ("services/shop", ObjectChange::Put(table(shop))),
        ("regions/eu/endpoints/eu-9", ObjectChange::Put(table(more))),
    ]);
    let judged = DeclaredObjects::default().judge(&order, (&[rule()], None));
    judged.unwrap().next
}

/// The words of the reader of configs of these beside the config.
fn read(declared: &DeclaredObjects) -> Vec<String> {
    let texts = declared.texts();
    let around = Surroundings {
        included: &[],
        declared: &texts,
        environment: Some(&|_| Some("secret".to_owned())),
    };
    let (_, found) = config::read_within(Path::new("c.toml"), CONFIG, &around);
    let list = found.list();
    list.iter()
        .map(|own| format!("{}:{}: {}", own.file, own.line, own.message))
        .collect()
}

#[test]
fn a_rule_grants_kinds_names_and_hostnames_and_no_more() {
    let none = DeclaredObjects::default();
    let judge = |order: &ObjectOrder| {
        none.judge(order, (&[rule()], None))
            .map(|own| own.next.len())
    };
    let well = put("services/shop-1", json!({ "hostnames": ["a.shop.z.test"] }));
    assert_eq!(judge(&well), Ok(1));
    for (word, value) in [
        ("services/api", json!({ "hostnames": ["a.shop.z.test"] })),
        ("services/shop", json!({ "hostnames": ["a.z.test"] })),
        ("services/shop", json!({ "hostnames": [7] })),
        ("regions/shop", json!({})),
        ("services/api/endpoints/shop", json!({})),
    ] {
        let refused = judge(&put(word, value.clone())).unwrap_err();
        assert!(
            matches!(refused, ObjectRefusal::Forbidden(_)),
            "{word} {value}"
        );
    }
    let other = ObjectOrder {
        by: vec![Declarer::Role(AccessRole::Dns)],
        ..well
    };
    assert!(matches!(judge(&other), Err(ObjectRefusal::Forbidden(_))));
    for (word, value) in [
        (
            "monitors/shop",
            json!({ "type": "exec", "command": ["/bin/sh"] }),
        ),
        ("services/shop", json!({ "ttl": { "min": null } })),
        ("services/shop/endpoints/a", json!({ "name": "b" })),
    ] {
        let refused = judge(&put(word, value.clone())).unwrap_err();
        assert!(
            matches!(refused, ObjectRefusal::Unfit(..)),
            "{word} {value}"
        );
    }
}

#[test]
fn a_change_is_bound_to_what_was_read_and_undone_by_its_own_part() {
    let before = shop();
    let path = ObjectPath::read("regions/eu/endpoints/eu-9").unwrap();
    let patch = ObjectChange::Merge(table(json!({ "weight": 0, "tier": null })));
    let word = "regions/eu/endpoints/eu-9";
    let change = |state| ObjectOrder {
        expects: (Some(path.clone()), state),
        ..order(vec![(word, patch.clone())])
    };
    let judge = |own: &ObjectOrder| before.judge(own, (&[rule()], None));
    let judged = judge(&change(ExpectedState::Revision(vec![1]))).unwrap();
    let own = judged.next.get(&path).unwrap();
    assert_eq!((own.revision, judged.next.revision), (2, 2));
    assert_eq!(own.table["weight"], 0);
    assert_eq!(own.table["provider"], "q");
    for state in [ExpectedState::Revision(vec![2]), ExpectedState::Absent] {
        assert!(matches!(
            judge(&change(state)),
            Err(ObjectRefusal::Stale(_))
        ));
    }
    let mut undone = judged.next.clone();
    undone.take(judged.undo);
    assert_eq!(undone.get(&path), before.get(&path));
    assert_eq!(undone.revision, 3);
    // The same again is no change, and asks nobody's leave.
    let same = before.get(&path).unwrap().table.clone();
    let same = order(vec![(word, ObjectChange::Put(same))]);
    assert!(
        before
            .judge(&same, (&[], None))
            .unwrap()
            .part
            .objects
            .is_empty()
    );
}

#[test]
fn what_is_declared_is_compiled_as_a_file_would_be() {
    assert_eq!(read(&shop()), [""; 0]);
    let declare = |word: &str, value: Value| {
        let any = ObjectRule {
            kinds: vec![
                ObjectKind::Monitor,
                ObjectKind::Region,
                ObjectKind::Service,
                ObjectKind::Endpoint,
            ],
            names: Vec::new(),
            hostnames: Vec::new(),
            ..rule()
        };
        let judged = shop().judge(&put(word, value), (&[any], None));
        read(&judged.unwrap().next)
    };
    for (word, value, told) in [
        (
            "services/api",
            json!({ "ttl": { "min": "1s" } }),
            "declared: services.api:1: services.api stands in a file of the config, which owns it",
        ),
        (
            "services/api/endpoints/a",
            json!({ "region": "eu" }),
            "declared: services.api.endpoints.a:1: services.api.endpoints.a stands in a file of the config, which owns it",
        ),
        (
            "services/shop-2",
            json!({ "hostnames": ["b.shop.z.test"], "colour": "red" }),
            "declared: services.shop-2:2: unknown key `colour`",
        ),
        // No word of it is a variable of this machine.
        (
            "regions/eu/endpoints/eu-2",
            json!({ "provider": "p", "addresses": ["${SECRET}"] }),
            "declared: regions.eu.endpoints.eu-2:3:",
        ),
    ] {
        let found = declare(word, value);
        assert!(
            found.iter().any(|own| own.starts_with(told)),
            "{word}: {found:?}"
        );
        assert!(!found.concat().contains("secret"), "{found:?}");
    }
}

#[test]
fn what_does_not_go_with_the_files_is_left_out_and_no_more() {
    let both = put("services/api", json!({ "monitors": ["web"] }));
    let any = ObjectRule {
        names: Vec::new(),
        hostnames: Vec::new(),
        ..rule()
    };
    let both = shop().judge(&both, (&[any], None)).unwrap().next;
    let texts = both.texts();
    let around = Surroundings {
        declared: &texts,
        ..Surroundings::default()
    };
    let (_, found) = config::read_within(Path::new("c.toml"), CONFIG, &around);
    let (rest, why) = both.without_faulty(&found.list());
    assert_eq!((rest.len(), why.len()), (2, 1), "{why:?}");
    assert!(why[0].starts_with("services.api: "), "{why:?}");
    assert_eq!(read(&rest), [""; 0]);
}

#[test]
fn every_text_is_toml_of_the_same_values() {
    let value = json!({
        "text": "a \"b\" \\ \u{7f} \n \u{2603}", "flag": true, "number": -3, "half": 0.5,
        "list": [1, [2]], "inner": { "odd key": ["x"], "": {} },
    });
    let path = ObjectPath::read("services/a.b").unwrap();
    let text = super::write::text(&path, value.as_object().unwrap());
    let read: Value = toml::from_str(&text).unwrap();
    assert_eq!(read["services"]["a.b"], value, "{text}");
}

#[test]
fn what_other_nodes_declare_comes_to_the_same_in_every_order_and_who_may_is_not_asked() {
    let nodes = [1, 2].map(|octet| NodeMark::of(&[octet; 32]));
    let rules = [ObjectRule {
        by: vec![Declarer::Token("elsewhere".to_owned())],
        ..rule()
    }];
    let object = |port: u16, revision, is_gone| DeclaredObject {
        table: table(json!({ "type": "tcp", "port": port })),
        revision,
        is_gone,
        ..DeclaredObject::default()
    };
    let path = ObjectPath::read("monitors/shop").unwrap();
    let first = next_revision(0, 1_800_000_000_000, Some(nodes[0]));
    let second = next_revision(first, 0, Some(nodes[1]));
    let third = next_revision(second, 0, Some(nodes[0]));
    let part = |object: &DeclaredObject| ObjectPart {
        revision: object.revision,
        objects: vec![(path.clone(), Some(object.clone()))],
    };
    let all = [
        object(1, first, false),
        object(2, second, false),
        object(0, third, true),
    ];
    for order in [
        [0, 1, 2],
        [0, 2, 1],
        [1, 0, 2],
        [1, 2, 0],
        [2, 0, 1],
        [2, 1, 0],
    ] {
        let mut own = DeclaredObjects::default();
        for place in order {
            own = own
                .agree(&part(&all[place]), (&rules, Some(nodes[1])))
                .unwrap()
                .next;
        }
        assert_eq!((own.len(), own.all().count()), (0, 1), "{order:?}");
        assert!(!own.yields(&path, &all[1]));
        let mut anew = DeclaredObjects::default();
        own.parts(1).into_iter().for_each(|part| anew.take(part));
        assert_eq!(anew, own, "a grave is kept");
    }
    let other = ObjectPath::read("services/other").unwrap();
    let stranger = ObjectPart {
        objects: vec![(other, Some(all[0].clone()))],
        ..part(&all[0])
    };
    let refused = DeclaredObjects::default().agree(&stranger, (&[], None));
    assert!(
        matches!(refused, Err(ObjectRefusal::Forbidden(_))),
        "{refused:?}"
    );
}
