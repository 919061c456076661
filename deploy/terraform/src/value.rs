//! Values of the configuration language, and MessagePack and JSON of them.
//!
//! A number of whole digits is an integer, any other number is text as it was sent: nothing here calculates with those.
//! An unknown value, which comes to be known by an apply, is the extension type of the protocol, however it is refined.
use std::collections::BTreeMap;

use rmpv::Value as Packed;

/// A value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    /// None.
    Null,
    /// Known after an apply only.
    Unknown,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Text.
    Text(String),
    /// A list or a set.
    List(Vec<Value>),
    /// An object or a map.
    Object(Object),
}

/// Attributes by name.
pub(crate) type Object = BTreeMap<String, Value>;

impl Value {
    /// A text, or null.
    pub(crate) fn text_or_null(text: Option<&str>) -> Self {
        text.map_or(Self::Null, |text| Self::Text(text.to_owned()))
    }

    /// Texts.
    pub(crate) fn texts<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> Self {
        let texts = texts.into_iter();
        Self::List(
            texts
                .map(|text| Self::Text(text.as_ref().to_owned()))
                .collect(),
        )
    }

    /// The text that it is.
    pub(crate) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Null
            | Self::Unknown
            | Self::Bool(_)
            | Self::Int(_)
            | Self::List(_)
            | Self::Object(_) => None,
        }
    }

    /// The texts that it is, in alphabetical order, for the order in a set means nothing.
    pub(crate) fn as_set(&self) -> Option<Vec<String>> {
        let Self::List(list) = self else {
            return None;
        };
        let texts = list.iter().map(|value| value.as_text().map(str::to_owned));
        let mut texts: Vec<String> = texts.collect::<Option<_>>()?;
        texts.sort();
        Some(texts)
    }

    /// Tells a value that is known in all its parts.
    pub(crate) fn is_known(&self) -> bool {
        match self {
            Self::Unknown => false,
            Self::List(list) => list.iter().all(Self::is_known),
            Self::Object(object) => object.values().all(Self::is_known),
            Self::Null | Self::Bool(_) | Self::Int(_) | Self::Text(_) => true,
        }
    }

    /// Reads MessagePack; nothing at all is null.
    pub(crate) fn unpack(mut bytes: &[u8]) -> Result<Self, String> {
        if bytes.is_empty() {
            return Ok(Self::Null);
        }
        let packed = rmpv::decode::read_value(&mut bytes);
        Self::from_packed(packed.map_err(|error| format!("no MessagePack: {error}"))?)
    }

    /// MessagePack of it.
    pub(crate) fn pack(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        // Nothing can fail that writes into memory.
        let _ = rmpv::encode::write_value(&mut bytes, &self.to_packed());
        bytes
    }

    fn from_packed(packed: Packed) -> Result<Self, String> {
        Ok(match packed {
            Packed::Nil => Self::Null,
            Packed::Ext(..) => Self::Unknown,
            Packed::Boolean(truth) => Self::Bool(truth),
            Packed::Integer(number) => match number.as_i64() {
                Some(number) => Self::Int(number),
                None => Self::Text(number.to_string()),
            },
            Packed::F32(number) => Self::Text(number.to_string()),
            Packed::F64(number) => Self::Text(number.to_string()),
            Packed::String(text) => Self::Text(text.into_str().ok_or("text that is no UTF-8")?),
            Packed::Binary(_) => return Err("octets where no value has any".to_owned()),
            Packed::Array(list) => {
                let list: Result<_, _> = list.into_iter().map(Self::from_packed).collect();
                Self::List(list?)
            }
            Packed::Map(pairs) => {
                let pairs = pairs.into_iter().map(|(name, value)| {
                    let name = name.as_str().ok_or("an attribute without a name")?;
                    Ok((name.to_owned(), Self::from_packed(value)?))
                });
                let object: Result<_, String> = pairs.collect();
                Self::Object(object?)
            }
        })
    }

    fn to_packed(&self) -> Packed {
        match self {
            Self::Null => Packed::Nil,
            Self::Unknown => Packed::Ext(0, vec![0]),
            Self::Bool(truth) => Packed::Boolean(*truth),
            Self::Int(number) => Packed::from(*number),
            Self::Text(text) => Packed::from(text.as_str()),
            Self::List(list) => Packed::Array(list.iter().map(Self::to_packed).collect()),
            Self::Object(object) => {
                let pairs = object.iter();
                let pairs = pairs.map(|(name, value)| (name.as_str().into(), value.to_packed()));
                Packed::Map(pairs.collect())
            }
        }
    }
}

impl From<serde_json::Value> for Value {
    fn from(json: serde_json::Value) -> Self {
        match json {
            serde_json::Value::Null => Self::Null,
            serde_json::Value::Bool(truth) => Self::Bool(truth),
            serde_json::Value::Number(number) => match number.as_i64() {
                Some(number) => Self::Int(number),
                None => Self::Text(number.to_string()),
            },
            serde_json::Value::String(text) => Self::Text(text),
            serde_json::Value::Array(list) => {
                Self::List(list.into_iter().map(Self::from).collect())
            }
            serde_json::Value::Object(object) => Self::Object(
                object
                    .into_iter()
                    .map(|(name, value)| (name, Self::from(value)))
                    .collect(),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_is_unpacked() {
        let object = Value::Object(Object::from([
            ("a".to_owned(), Value::Null),
            ("b".to_owned(), Value::Unknown),
            ("c".to_owned(), Value::texts(["x", "y"])),
            ("d".to_owned(), Value::Int(-3)),
            ("e".to_owned(), Value::Bool(true)),
        ]));
        assert_eq!(Value::unpack(&object.pack()), Ok(object.clone()));
        assert!(!object.is_known());
        assert_eq!(Value::unpack(&[]), Ok(Value::Null));
        assert!(Value::unpack(&[0x81]).is_err());
    }

    #[test]
    fn an_unknown_value_is_so_however_it_is_refined() {
        // Extension 12, a refinement: it is not null.
        assert_eq!(
            Value::unpack(&[0xc7, 3, 12, 0x81, 1, 0xc2]),
            Ok(Value::Unknown)
        );
        assert_eq!(Value::Unknown.pack(), [0xd4, 0, 0]);
    }

    #[test]
    fn a_set_has_no_order() {
        assert_eq!(
            Value::texts(["b", "a"]).as_set(),
            Value::texts(["a", "b"]).as_set()
        );
        assert_eq!(Value::List(vec![Value::Unknown]).as_set(), None);
    }
}
