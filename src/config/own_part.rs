//! A config for all nodes of a cluster, with the part that is each node's own left as the node has it.
//!
//! A node's own is what its policy does not depend on: where it listens and keeps its state, by which keys it is known, whom it asks. Text goes in,
//! text comes out. A table that one of the two does not have, because it is in a file of its own, stays as it is. It reads no file, and
//! judges nothing: the text that comes out is compiled like any other.
use toml_edit::{DocumentMut, TableLike};

/// Keys that are each node's own, by table; all of a table where none is named.
const OWN: [(&str, &[&str]); 3] = [
    ("server", &["listen", "identity", "state"]),
    ("control", &[]),
    (
        "cluster",
        &[
            "node",
            "key",
            "certificate",
            "private_key",
            "roots",
            "revoked",
            "listen",
            "peers",
            "nats",
            "withdraw",
            "withdraw_hold",
            "stale_after",
            "distribute",
        ],
    ),
];

/// The text of a config with the own part of another; nothing, if one of them is no TOML.
#[must_use]
pub fn with_own_part(text: &str, own: &str) -> Option<String> {
    let mut document: DocumentMut = text.parse().ok()?;
    let own: DocumentMut = own.parse().ok()?;
    for (name, keys) in OWN {
        let theirs = document
            .get_mut(name)
            .and_then(|item| item.as_table_like_mut());
        let ours = own.get(name).and_then(|item| item.as_table_like());
        if let (Some(theirs), Some(ours)) = (theirs, ours) {
            exchange(theirs, ours, keys);
        }
    }
    Some(document.to_string())
}

/// The keys of a text that are each node's own, and those that say of what a config consists: none of them can be given to all.
/// Nothing, if it is no TOML.
#[must_use]
pub fn own_part_of(text: &str) -> Option<Vec<String>> {
    let document: DocumentMut = text.parse().ok()?;
    let mut own: Vec<String> = Vec::new();
    for (name, keys) in OWN {
        let table = document.get(name).and_then(|item| item.as_table_like());
        let present = table.into_iter().flat_map(|table| table.iter());
        let present = present.filter(|(key, _)| keys.is_empty() || keys.contains(key));
        own.extend(present.map(|(key, _)| format!("{name}.{key}")));
    }
    let includes = document.contains_key("include");
    own.extend(includes.then(|| "include".to_owned()));
    Some(own)
}

fn exchange(theirs: &mut dyn TableLike, ours: &dyn TableLike, keys: &[&str]) {
    let is_own = |key: &str| keys.is_empty() || keys.contains(&key);
    let all = theirs.iter().map(|(key, _)| key.to_owned());
    let gone: Vec<String> = all.filter(|key| is_own(key)).collect();
    for key in gone {
        theirs.remove(&key);
    }
    for (key, item) in ours.iter().filter(|(key, _)| is_own(key)) {
        theirs.insert(key, item.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_each_nodes_own_stays_and_all_else_is_new() {
        let new = "\
[server]
listen = [\"192.0.2.1:53\"]
identity = \"fra1\"
workers = 4
[control]
listen = \"127.0.0.1:8053\"
[cluster]
name = \"prod\"
node = \"fra1\"
withdraw = \"isolated\"
beat = \"2s\"
[[cluster.nodes]]
name = \"fra1\"
";
        let own = "\
server = { listen = [\"192.0.2.2:53\"], state = \"state\", workers = 1 }
cluster.node = \"tor1\"
cluster.beat = \"1s\"
cluster.key = \"tor1.key\"
";
        let text = with_own_part(new, own).unwrap();
        let read: toml::Table = text.parse().unwrap();
        let expected: toml::Table = "\
server = { listen = [\"192.0.2.2:53\"], state = \"state\", workers = 4 }
control.listen = \"127.0.0.1:8053\"
cluster = { name = \"prod\", node = \"tor1\", key = \"tor1.key\", beat = \"2s\", nodes = [{ name = \"fra1\" }] }
"
        .parse()
        .unwrap();
        assert_eq!(read, expected, "{text}");
        assert_eq!(with_own_part("[server", own), None);
        let named = own_part_of(&format!("include = []\n{new}")).unwrap();
        let expected = [
            "server.listen",
            "server.identity",
            "control.listen",
            "cluster.node",
            "cluster.withdraw",
            "include",
        ];
        assert_eq!(named, expected);
        assert_eq!(own_part_of("[cluster]\nbeat = \"2s\"\n").unwrap().len(), 0);
        // A table that stands elsewhere is left alone.
        assert_eq!(with_own_part(new, "").as_deref(), Some(new));
    }
}
