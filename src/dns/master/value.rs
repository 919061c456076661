//! RDATA alone, as it stands behind the type in a master file: for records that are written elsewhere.
//!
//! Everything is read as in a file, but that there is no origin: a name without its final dot has no meaning.
use super::Problem;
use super::forms;
use super::help;
use super::lex::{At, Entry, Lexer, Token};
use super::rdata::{Fields, names};
use super::words;

/// The place where the text is taken to begin.
const START: At = At { line: 1, column: 1 };

/// Reads the text of one record's data.
pub(super) fn rdata(kind: u16, text: &str) -> Result<Vec<u8>, Problem> {
    let line = format!(" {text}");
    let (mut lexer, mut entry) = (Lexer::new(line.as_bytes()), Entry::default());
    let is_there = lexer.next(&mut entry).map_err(help::fault)?;
    let empty = Token {
        text: b"",
        at: START,
    };
    let mut rdata = Vec::new();
    let fields = match is_there {
        true => forms::fields(kind, &entry, 0),
        false => Vec::new().into(),
    };
    Fields::default().read(kind, (&empty, &fields), b"\0", &mut rdata)?;
    let mut relative = names(kind, &fields).filter(|name| words::is_relative(name.text));
    if let Some(name) = relative.next() {
        let message = format!("`{}` has no final dot", name.shown());
        let help = format!("write the whole name: `{}.`", name.shown());
        return Err(Problem::of(name, &message, Some(&help)));
    }
    let mut second = Entry::default();
    match lexer.next(&mut second) {
        Ok(false) => Ok(rdata),
        Ok(true) | Err(_) => Err(Problem {
            at: START,
            message: "a second line".to_owned(),
            help: Some("write each record as a value of its own".to_owned()),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(kind: u16, text: &str) -> Result<Vec<u8>, String> {
        rdata(kind, text).map_err(|problem| problem.message)
    }

    #[test]
    fn data_is_read_as_in_a_file() {
        assert_eq!(read(16, r#""eu" x"#).unwrap(), b"\x02eu\x01x");
        assert_eq!(
            read(15, "10 mx.z.test.").unwrap(),
            b"\0\x0a\x02mx\x01z\x04test\0"
        );
        let https = read(65, r#"1 . alpn="h2,h3""#).unwrap();
        assert_eq!(https, b"\0\x01\0\0\x01\0\x06\x02h2\x02h3");
        assert_eq!(read(1234, r"\# 2 ABCD").unwrap(), b"\xAB\xCD");
    }

    #[test]
    fn what_is_no_data_is_told() {
        for (kind, text, told) in [
            (15, "10 mx", "`mx` has no final dot"),
            (5, "@", "`@` has no final dot"),
            (16, "a\nb c", "a second line"),
            (16, r#""a"#, "the quoted string does not end on its line"),
            (15, "mx.z.test.", "`mx.z.test.` is not a number"),
        ] {
            let message = read(kind, text).unwrap_err();
            assert!(message.contains(told), "{message}");
        }
        assert!(read(15, "").is_err());
    }
}
