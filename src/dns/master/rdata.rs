//! The fields of a record into RDATA.
//!
//! Addresses and single names, which are nearly all of a large zone, are read here; all other
//! types by `domain`'s zone file scanner, one record at a time. It is not given whole files
//! because it stops for good at the first error, does not tell the line of a record, knows no
//! TTL units and lets an empty label inside a name pass; so every name field is read here
//! first. Types without a form of their own in that scanner borrow that of a type with the
//! same layout, or take the generic form of RFC 3597.
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use domain::base::name::ParsedName;
use domain::base::rdata::{ComposeRecordData, ParseRecordData};
use domain::base::{Name as ScannedName, Rtype};
use domain::dep::octseq::Parser;
use domain::rdata::ZoneRecordData;
use domain::zonefile::inplace::{Entry, Zonefile};

use super::Problem;
use super::forms;
use super::help;
use super::lex::Token;
use super::words;
use crate::dns::rr::rtype;

/// In front of the fields of a record given to the scanner.
const OWNER: &[u8] = b". 0 IN TYPE";

/// Reads the fields of records.
#[derive(Debug, Default)]
pub(super) struct Fields {
    /// A record as the scanner gets it.
    line: Vec<u8>,
    /// Where each field starts in it.
    starts: Vec<usize>,
    name: Vec<u8>,
}

impl Fields {
    /// Puts the RDATA of one record into `rdata`. `last` is the token in front of the fields.
    pub(super) fn read(
        &mut self,
        kind: u16,
        (last, fields): (&Token<'_>, &[Token<'_>]),
        origin: &[u8],
        rdata: &mut Vec<u8>,
    ) -> Result<(), Problem> {
        rdata.clear();
        if fields.first().is_some_and(|field| field.text == b"\\#") {
            return generic(kind, fields, rdata);
        }
        if let Some(reader) = forms::reader(kind) {
            let read = forms::read(reader, fields, rdata);
            return read.map_err(|unread| {
                help::bad_form(kind, fields.get(unread.0), fields.last().unwrap_or(last))
            });
        }
        for &index in name_fields(kind) {
            if let Some(field) = fields.get(index) {
                words::name(field.text, origin, &mut self.name)
                    .map_err(|error| help::bad_name(field, error))?;
            }
        }
        match (kind, fields) {
            (rtype::A, [field]) => rdata.extend(address::<Ipv4Addr>(kind, field)?.octets()),
            (rtype::AAAA, [field]) => rdata.extend(address::<Ipv6Addr>(kind, field)?.octets()),
            (rtype::NS | rtype::CNAME | rtype::PTR | rtype::DNAME, [_]) => {
                rdata.extend_from_slice(&self.name);
            }
            _ => self.scan(kind, (last, fields), origin, rdata)?,
        }
        Ok(())
    }

    fn scan(
        &mut self,
        kind: u16,
        (last, fields): (&Token<'_>, &[Token<'_>]),
        origin: &[u8],
        rdata: &mut Vec<u8>,
    ) -> Result<(), Problem> {
        self.compose_line(kind, fields, origin)?;
        let mut file = Zonefile::from(self.line.as_slice());
        if let Ok(origin) = ScannedName::from_octets(origin.to_vec().into()) {
            file.set_origin(origin);
        }
        let problem = |message: &str, column| {
            let pointed = self.starts.partition_point(|start| *start < column);
            let field = fields.get(pointed.wrapping_sub(1)).unwrap_or(last);
            help::bad_field(kind, field, fields.last().unwrap_or(last), message)
        };
        match file.next_entry() {
            Ok(Some(Entry::Record(record))) => {
                let Ok(()) = record.data().compose_rdata(rdata);
                Ok(())
            }
            Ok(_) => Err(problem("unexpected end of entry", usize::MAX)),
            Err(error) => {
                let text = error.to_string();
                let mut parts = text.splitn(3, ':');
                let column = parts.nth(1).and_then(|column| column.parse().ok());
                let message = parts.next().unwrap_or(&text).trim();
                Err(problem(message, column.unwrap_or(usize::MAX)))
            }
        }
    }

    /// Names are written absolute: the scanner does not know that `@` is the origin.
    fn compose_line(
        &mut self,
        kind: u16,
        fields: &[Token<'_>],
        origin: &[u8],
    ) -> Result<(), Problem> {
        self.line.clear();
        self.starts.clear();
        self.line.extend_from_slice(OWNER);
        self.line
            .extend_from_slice(layout(kind).to_string().as_bytes());
        for (index, field) in fields.iter().enumerate() {
            self.line.push(b' ');
            self.starts.push(self.line.len());
            match words::seconds(field.text) {
                _ if is_name(kind, index, fields) => {
                    words::name(field.text, origin, &mut self.name)
                        .map_err(|error| help::bad_name(field, error))?;
                    push_absolute(&self.name, &mut self.line);
                }
                Some(Ok(seconds)) if kind == rtype::SOA && index > 2 => {
                    self.line.extend_from_slice(seconds.to_string().as_bytes());
                }
                _ => push_ascii(field.text, &mut self.line),
            }
        }
        self.line.push(b'\n');
        Ok(())
    }
}

/// Octets outside ASCII as `\ddd`, which is what they mean in a string.
fn push_ascii(text: &[u8], line: &mut Vec<u8>) {
    for &byte in text {
        match byte {
            0x20..=0x7E => line.push(byte),
            _ => line.extend_from_slice(format!("\\{byte:03}").as_bytes()),
        }
    }
}

/// A name in wire format as text that means the same everywhere.
fn push_absolute(mut name: &[u8], line: &mut Vec<u8>) {
    while let Some((&length, rest)) = name.split_first() {
        let (label, rest) = rest.split_at(usize::from(length));
        for byte in label {
            line.extend_from_slice(format!("\\{byte:03}").as_bytes());
        }
        if length > 0 || line.last() == Some(&b' ') {
            line.push(b'.');
        }
        name = rest;
    }
}

fn address<T: FromStr>(kind: u16, field: &Token<'_>) -> Result<T, Problem> {
    let text = std::str::from_utf8(field.text).unwrap_or_default();
    text.parse().map_err(|_| help::bad_address(kind, field))
}

/// `\# length hex` (RFC 3597, section 5). A known type must still be well formed.
fn generic(kind: u16, fields: &[Token<'_>], rdata: &mut Vec<u8>) -> Result<(), Problem> {
    const FORM: &str = "write `\\#`, the length in octets, and as many pairs of hex digits";
    let problem = |field: &Token<'_>, message: String| Problem {
        at: field.at,
        message,
        help: Some(FORM.to_owned()),
    };
    let Some(length) = fields.get(1) else {
        return Err(problem(&fields[0], "`\\#` without a length".to_owned()));
    };
    let octets = std::str::from_utf8(length.text).unwrap_or_default();
    let Ok(octets) = octets.parse::<u16>() else {
        let message = format!("`{}` is not a length", length.shown());
        return Err(problem(length, message));
    };
    let mut high = None;
    for field in &fields[2..] {
        for &byte in field.text {
            let Some(digit) = char::from(byte)
                .to_digit(16)
                .and_then(|d| u8::try_from(d).ok())
            else {
                let message = format!("`{}` is not hexadecimal", field.shown());
                return Err(problem(field, message));
            };
            match high.take() {
                None => high = Some(digit),
                Some(high) => rdata.push(high << 4 | digit),
            }
        }
    }
    if high.is_some() || rdata.len() != usize::from(octets) {
        let message = format!("the data is not {octets} octets long");
        return Err(problem(length, message));
    }
    if !is_well_formed(kind, rdata) {
        let message = format!("the data is not well formed for {}", Rtype::from_int(kind));
        return Err(problem(&fields[0], message));
    }
    Ok(())
}

/// Whether a known type can be read back from its wire form, to the same octets.
fn is_well_formed(kind: u16, rdata: &[u8]) -> bool {
    type Parsed<'p> = ZoneRecordData<&'p [u8], ParsedName<&'p [u8]>>;
    let mut parser = Parser::from_ref(rdata);
    match Parsed::parse_rdata(Rtype::from_int(layout(kind)), &mut parser) {
        Ok(Some(data)) if parser.remaining() == 0 => {
            let mut again = Vec::new();
            let Ok(()) = data.compose_rdata(&mut again);
            again == rdata
        }
        Ok(None) => true,
        Ok(_) | Err(_) => false,
    }
}

/// A type that the scanner knows and that has the same fields.
fn layout(kind: u16) -> u16 {
    const TLSA: u16 = 52;
    const OPENPGPKEY: u16 = 61;
    match kind {
        // AFSDB, RT, KX, LP: a number and a name.
        18 | 21 | 36 | 107 => rtype::MX,
        // NINFO, SPF, AVC, RESINFO, WALLET: strings.
        56 | 99 | 258 | 261 | 262 => rtype::TXT,
        // SMIMEA.
        53 => TLSA,
        // DHCID: base64.
        49 => OPENPGPKEY,
        // TA, DLV.
        32_768 | 32_769 => rtype::DS,
        _ => kind,
    }
}

/// Which fields are names, so that they are read with care.
fn name_fields(kind: u16) -> &'static [usize] {
    match kind {
        // MD, MF, MB, MG, MR, NSEC too.
        rtype::NS | rtype::CNAME | rtype::PTR | rtype::DNAME | 3 | 4 | 7 | 8 | 9 | 47 => &[0],
        // SOA, MINFO, RP.
        rtype::SOA | 14 | 17 => &[0, 1],
        // MX, AFSDB, RT, KX, SVCB, HTTPS, LP.
        rtype::MX | 18 | 21 | 36 | 64 | 65 | 107 => &[1],
        rtype::SRV => &[3],
        // NAPTR.
        35 => &[5],
        // RRSIG.
        46 => &[7],
        _ => &[],
    }
}

/// Whether a field is a name. The gateway of IPSECKEY is one where its type says so.
fn is_name(kind: u16, index: usize, fields: &[Token<'_>]) -> bool {
    const IPSECKEY: u16 = 45;
    let gateway = kind == IPSECKEY && fields.get(1).is_some_and(|gateway| gateway.text == b"3");
    name_fields(kind).contains(&index) || (gateway && index == 3)
}

/// The names among the fields of a record.
pub(super) fn names<'f, 't>(
    kind: u16,
    fields: &'f [Token<'t>],
) -> impl Iterator<Item = &'f Token<'t>> {
    name_fields(kind)
        .iter()
        .filter_map(|index| fields.get(*index))
}
