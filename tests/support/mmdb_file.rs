//! Octets of a MaxMind-format file (MaxMind DB format specification, version 2.0) of a tree and records that are there.
//!
//! Numbers become the narrowest of the format's types that fit: whole ones uint32, uint64 or int32, others double. Null
//! cannot be written, as the format has none. There are no pointers.
//!
//! It does not know which networks there are.
use serde_json::{Value, json};

/// How a file is laid out.
#[derive(Clone, Copy)]
pub(crate) struct Options<'a> {
    /// The `database_type` of the metadata.
    pub(crate) database_type: &'a str,
    /// Bits of a record: 24, 28 or 32.
    pub(crate) record_size: u16,
    /// 4, or 6 with IPv4 at `::/96`.
    pub(crate) ip_version: u16,
    /// IPv6 blocks that lead to the IPv4 subtree too.
    pub(crate) aliases: &'a [&'a str],
    /// Seconds since 1970.
    pub(crate) build_epoch: u64,
}

impl Default for Options<'_> {
    fn default() -> Self {
        Self {
            database_type: "Test-City",
            record_size: 28,
            ip_version: 6,
            aliases: &[],
            build_epoch: 1_750_000_000,
        }
    }
}

/// A file of a search tree, the first node its root, and of a data section.
pub(crate) fn assemble(tree: &[[Child; 2]], data: &[u8], options: &Options<'_>) -> Vec<u8> {
    let mut file = to_bytes(tree, options.record_size);
    file.extend([0; 16]);
    file.extend(data);
    file.extend(b"\xAB\xCD\xEFMaxMind.com");
    write_metadata(&mut file, tree.len(), options);
    file
}

/// Readers want each number in the type that the specification gives it.
fn write_metadata(out: &mut Vec<u8>, node_count: usize, options: &Options<'_>) {
    write_control(out, MAP, 9);
    let node_count = u32::try_from(node_count).expect("a small file");
    let numbers = [
        (
            "binary_format_major_version",
            UINT16,
            &2_u16.to_be_bytes()[..],
        ),
        ("binary_format_minor_version", UINT16, &0_u16.to_be_bytes()),
        ("build_epoch", UINT64, &options.build_epoch.to_be_bytes()),
        ("ip_version", UINT16, &options.ip_version.to_be_bytes()),
        ("node_count", UINT32, &node_count.to_be_bytes()),
        ("record_size", UINT16, &options.record_size.to_be_bytes()),
    ];
    for (key, kind, bytes) in numbers {
        write_bytes(out, STRING, key.as_bytes());
        write_bytes(out, kind, bytes);
    }
    let texts = [
        ("database_type", json!(options.database_type)),
        ("description", json!({ "en": "made by a test" })),
        ("languages", json!(["en"])),
    ];
    for (key, value) in texts {
        write_bytes(out, STRING, key.as_bytes());
        write_value(out, &value);
    }
}

/// Where a branch of the tree leads.
#[derive(Clone, Copy)]
pub(crate) enum Child {
    /// To no record.
    Nothing,
    /// To a node, by its place.
    Node(usize),
    /// Offset in the data section.
    Data(usize),
}

fn to_bytes(tree: &[[Child; 2]], record_size: u16) -> Vec<u8> {
    let record = |child| match child {
        Child::Nothing => tree.len(),
        Child::Node(node) => node,
        Child::Data(offset) => tree.len() + 16 + offset,
    };
    let write_node = |children: &[Child; 2]| {
        let [left, right] = children.map(|child| u32::try_from(record(child)).unwrap());
        let ([l0, l1, l2, l3], [r0, r1, r2, r3]) = (left.to_be_bytes(), right.to_be_bytes());
        match record_size {
            24 => vec![l1, l2, l3, r1, r2, r3],
            28 => vec![l1, l2, l3, l0 << 4 | r0, r1, r2, r3],
            _ => vec![l0, l1, l2, l3, r0, r1, r2, r3],
        }
    };
    tree.iter().flat_map(write_node).collect()
}

const STRING: usize = 2;
const DOUBLE: usize = 3;
const UINT16: usize = 5;
const UINT32: usize = 6;
const MAP: usize = 7;
const INT32: usize = 8;
const UINT64: usize = 9;
const ARRAY: usize = 11;
const BOOLEAN: usize = 14;

/// Writes a value into a data section.
pub(crate) fn write_value(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Null => panic!("the format has no null"),
        Value::Bool(bit) => write_control(out, BOOLEAN, usize::from(*bit)),
        Value::Number(number) => write_number(out, number),
        Value::String(text) => write_bytes(out, STRING, text.as_bytes()),
        Value::Array(list) => {
            write_control(out, ARRAY, list.len());
            list.iter().for_each(|item| write_value(out, item));
        }
        Value::Object(map) => {
            write_control(out, MAP, map.len());
            for (key, value) in map {
                write_bytes(out, STRING, key.as_bytes());
                write_value(out, value);
            }
        }
    }
}

fn write_number(out: &mut Vec<u8>, number: &serde_json::Number) {
    if let Some(whole) = number.as_u64() {
        let small = u32::try_from(whole);
        match small {
            Ok(small) => write_bytes(out, UINT32, &small.to_be_bytes()),
            Err(_) => write_bytes(out, UINT64, &whole.to_be_bytes()),
        }
    } else if let Some(negative) = number.as_i64() {
        let negative = i32::try_from(negative).expect("the format has no negative 64-bit numbers");
        write_bytes(out, INT32, &negative.to_be_bytes());
    } else {
        let double = number.as_f64().expect("a number is whole or a float");
        write_bytes(out, DOUBLE, &double.to_be_bytes());
    }
}

fn write_bytes(out: &mut Vec<u8>, kind: usize, bytes: &[u8]) {
    write_control(out, kind, bytes.len());
    out.extend(bytes);
}

/// The control byte: three bits of type (or, if zero, one more byte) and five of size.
fn write_control(out: &mut Vec<u8>, kind: usize, size: usize) {
    assert!(size < 285, "longer values would need a longer size field");
    let byte = |number: usize| u8::try_from(number).unwrap();
    let (type_bits, type_byte) = if kind < 8 {
        (kind, None)
    } else {
        (0, Some(byte(kind - 7)))
    };
    let (size_bits, size_byte) = if size < 29 {
        (size, None)
    } else {
        (29, Some(byte(size - 29)))
    };
    out.push(byte(type_bits << 5 | size_bits));
    out.extend(type_byte);
    out.extend(size_byte);
}
