//! The fields of a record into RDATA.
//!
//! Every type is read by its own form, see [`forms`]; or in the generic form of RFC 3597
//! (section 5), which types without a form of their own are written in. A known type has to be
//! well formed in the generic form as well.
use super::Problem;
use super::forms::{self, Words};
use super::help;
use super::lex::Token;
use crate::dns::text::type_name;

/// Reads the fields of records.
#[derive(Debug, Default)]
pub(super) struct Fields {
    /// Room for a name.
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
        let last = fields.last().unwrap_or(last);
        let Some(form) = forms::form(kind) else {
            return Err(help::no_form(kind, fields.first().unwrap_or(last)));
        };
        let read = form.read(Words::new(fields, origin, &mut self.name), rdata);
        read.map_err(|(unfit, index)| match fields.get(index) {
            Some(field) => help::unfit(form, &unfit, field),
            None => help::missing(form, last),
        })
    }
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
    if !forms::is_well_formed(kind, rdata) {
        let message = format!("the data is not well formed for {}", type_name(kind));
        return Err(problem(&fields[0], message));
    }
    Ok(())
}

/// The names among the fields of a record.
pub(super) fn names<'f, 't>(
    kind: u16,
    fields: &'f [Token<'t>],
) -> impl Iterator<Item = &'f Token<'t>> {
    let names = forms::form(kind).into_iter().flat_map(forms::Form::names);
    names.filter_map(|index| fields.get(index))
}
