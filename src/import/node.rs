//! Another server's config as a tree whose every part knows its line.
//!
//! YAML, JSON (which YAML 1.2 includes) and gdnsd's own syntax ([`super::vscf`]) become the same tree. A map keeps its
//! entries in the order of the text, and those that come twice: Knot's files rest on both. Numbers, booleans and null stay
//! the text that they were written as, since it is the translator that knows what a value is for: `no` may be Norway.
//!
//! Aliases of YAML are put in where they stand, and `<<` takes in another map, as far as [`NODES`] allows.
//!
//! It does not know what any key means.
use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScanError, Span};

/// Parts of all files that are read. A file of aliases of aliases would have more than any machine holds.
const NODES: usize = 2_000_000;

/// A part of a config, and the line on which it begins.
#[derive(Clone, Debug)]
pub(super) struct ConfigNode {
    pub(super) line: usize,
    pub(super) content: NodeContent,
}

#[derive(Clone, Debug)]
pub(super) enum NodeContent {
    Text(String),
    List(Vec<ConfigNode>),
    Map(Vec<NodeEntry>),
}

/// A key and its value.
#[derive(Clone, Debug)]
pub(super) struct NodeEntry {
    pub(super) key: String,
    /// The line of the key.
    pub(super) line: usize,
    pub(super) value: ConfigNode,
}

/// Why a text is no tree.
#[derive(Debug)]
pub(super) struct SyntaxFault {
    pub(super) line: usize,
    pub(super) reason: String,
}

impl ConfigNode {
    /// The text of a value that is one, and is not null.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.content {
            NodeContent::Text(text) => {
                (!matches!(text.as_str(), "" | "~" | "null")).then_some(text)
            }
            NodeContent::List(_) | NodeContent::Map(_) => None,
        }
    }

    /// The items of a list; a value that is no list is a list of itself.
    pub(super) fn items(&self) -> &[ConfigNode] {
        match &self.content {
            NodeContent::List(items) => items,
            NodeContent::Text(_) | NodeContent::Map(_) => std::slice::from_ref(self),
        }
    }

    /// The entries of a map; of anything else none.
    pub(super) fn entries(&self) -> &[NodeEntry] {
        match &self.content {
            NodeContent::Map(entries) => entries,
            NodeContent::Text(_) | NodeContent::List(_) => &[],
        }
    }

    pub(super) fn is_map(&self) -> bool {
        matches!(self.content, NodeContent::Map(_))
    }

    pub(super) fn is_list(&self) -> bool {
        matches!(self.content, NodeContent::List(_))
    }

    /// The value of a key, whatever its case is.
    pub(super) fn get(&self, key: &str) -> Option<&ConfigNode> {
        let mut entries = self.entries().iter();
        let found = entries.find(|entry| entry.key.eq_ignore_ascii_case(key));
        found.map(|entry| &entry.value)
    }

    /// The value at the end of a path of keys.
    pub(super) fn at(&self, path: &[&str]) -> Option<&ConfigNode> {
        path.iter().try_fold(self, |node, key| node.get(key))
    }

    /// The text of a key.
    pub(super) fn text_of(&self, key: &str) -> Option<&str> {
        self.get(key).and_then(Self::text)
    }

    /// The number of a key.
    pub(super) fn number_of(&self, key: &str) -> Option<u64> {
        self.text_of(key).and_then(|text| text.parse().ok())
    }

    /// The texts of a key that has a list, or one.
    pub(super) fn texts_of(&self, key: &str) -> Vec<&str> {
        let items = self.get(key).map_or(&[][..], Self::items);
        items.iter().filter_map(Self::text).collect()
    }
}

/// Reads YAML or JSON: the documents of the file, in order.
pub(super) fn read_yaml(text: &str) -> Result<Vec<ConfigNode>, SyntaxFault> {
    let mut builder = YamlBuilder::default();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| fault(&error))?;
        builder.take(event, span)?;
    }
    Ok(builder.documents)
}

fn fault(error: &ScanError) -> SyntaxFault {
    SyntaxFault {
        line: error.marker().line(),
        reason: error.info().to_owned(),
    }
}

/// The tree as it grows.
#[derive(Default)]
struct YamlBuilder {
    open: Vec<OpenNode>,
    documents: Vec<ConfigNode>,
    anchors: HashMap<usize, ConfigNode>,
    count: usize,
}

/// A list or map that is not ended yet.
struct OpenNode {
    line: usize,
    anchor: usize,
    content: NodeContent,
    /// The key whose value comes next.
    key: Option<(String, usize)>,
    /// Entries that `<<` takes in, unless the map has its own.
    merged: Vec<NodeEntry>,
}

impl YamlBuilder {
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), SyntaxFault> {
        let line = span.start.line();
        match event {
            Event::Scalar(text, _, anchor, _) => {
                let content = NodeContent::Text(text.into_owned());
                self.add(ConfigNode { line, content }, anchor)
            }
            Event::Alias(anchor) => {
                let node = self.anchors.get(&anchor).cloned();
                let node = node.ok_or_else(|| SyntaxFault {
                    line,
                    reason: "this alias stands inside what it names".to_owned(),
                })?;
                self.add(node, 0)
            }
            Event::SequenceStart(anchor, _) => {
                self.begin(line, anchor, NodeContent::List(Vec::new()));
                Ok(())
            }
            Event::MappingStart(anchor, _) => {
                self.begin(line, anchor, NodeContent::Map(Vec::new()));
                Ok(())
            }
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(open) => {
                    let anchor = open.anchor;
                    self.add(open.into_node(), anchor)
                }
                None => Ok(()),
            },
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => Ok(()),
        }
    }

    fn begin(&mut self, line: usize, anchor: usize, content: NodeContent) {
        self.open.push(OpenNode {
            line,
            anchor,
            content,
            key: None,
            merged: Vec::new(),
        });
    }

    /// Puts a whole node where it belongs.
    fn add(&mut self, node: ConfigNode, anchor: usize) -> Result<(), SyntaxFault> {
        self.count += size(&node);
        if self.count > NODES {
            return Err(SyntaxFault {
                line: node.line,
                reason: format!("more than {NODES} values, aliases counted where they stand"),
            });
        }
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        let Some(open) = self.open.last_mut() else {
            self.documents.push(node);
            return Ok(());
        };
        match (&mut open.content, open.key.take()) {
            (NodeContent::List(items), _) => items.push(node),
            (NodeContent::Map(_), Some((key, _))) if key == "<<" => {
                let maps = node.items().iter().flat_map(ConfigNode::entries);
                open.merged.extend(maps.cloned());
            }
            (NodeContent::Map(entries), Some((key, line))) => entries.push(NodeEntry {
                key,
                line,
                value: node,
            }),
            (NodeContent::Map(_), None) => {
                let key = node.text().unwrap_or_default().to_owned();
                open.key = Some((key, node.line));
            }
            (NodeContent::Text(_), _) => {}
        }
        Ok(())
    }
}

impl OpenNode {
    /// The whole node, with what it takes in and has not itself.
    fn into_node(self) -> ConfigNode {
        let mut content = self.content;
        if let NodeContent::Map(entries) = &mut content {
            for entry in self.merged {
                if !entries.iter().any(|own| own.key == entry.key) {
                    entries.push(entry);
                }
            }
        }
        ConfigNode {
            line: self.line,
            content,
        }
    }
}

/// The nodes that an alias brings in; what was built in place is counted part by part.
fn size(node: &ConfigNode) -> usize {
    match &node.content {
        NodeContent::Text(_) => 1,
        NodeContent::List(items) => items.iter().map(size).sum::<usize>() + 1,
        NodeContent::Map(entries) => entries.iter().map(|one| size(&one.value)).sum::<usize>() + 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_order_stay() {
        let text = "b: 1\na:\n  - x\n  - {k: [1, 2]}\nb: no\n";
        let documents = read_yaml(text).unwrap();
        let root = &documents[0];
        let keys: Vec<_> = root
            .entries()
            .iter()
            .map(|one| (&*one.key, one.line))
            .collect();
        assert_eq!(keys, [("b", 1), ("a", 2), ("b", 5)]);
        let list = root.get("a").unwrap();
        assert_eq!(list.items()[1].line, 4);
        assert_eq!(list.items()[1].texts_of("k"), ["1", "2"]);
        assert_eq!(
            root.entries()[2].value.text(),
            Some("no"),
            "it may be Norway"
        );
    }

    #[test]
    fn json_is_yaml() {
        let text = "{\n    \"A\": [\n        {\"Name\": \"x.example.\", \"TTL\": 60}\n    ]\n}\n";
        let documents = read_yaml(text).unwrap();
        let item = &documents[0].get("A").unwrap().items()[0];
        assert_eq!((item.line, item.number_of("TTL")), (3, Some(60)));
    }

    #[test]
    fn aliases_and_merges_are_put_in() {
        let text = "base: &b {x: 1, y: 2}\nown:\n  <<: *b\n  x: 3\n  z: *b\n";
        let documents = read_yaml(text).unwrap();
        let own = documents[0].get("own").unwrap();
        assert_eq!(own.text_of("x"), Some("3"));
        assert_eq!(own.text_of("y"), Some("2"));
        assert_eq!(own.at(&["z", "y"]).and_then(ConfigNode::text), Some("2"));
    }

    #[test]
    fn aliases_of_aliases_end() {
        let mut text = "a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n".to_owned();
        for level in 1..9 {
            let own = format!("*a{}, ", level - 1).repeat(10);
            text += &format!("a{level}: &a{level} [{}]\n", own.trim_end_matches(", "));
        }
        assert!(read_yaml(&text).unwrap_err().reason.contains("more than"));
    }

    #[test]
    fn broken_text_has_its_line() {
        assert_eq!(read_yaml("a: 1\nb: [1,\n").unwrap_err().line, 3);
    }
}
