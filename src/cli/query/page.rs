//! A reply as a person reads it: what was asked, then one fact a line with its head before it.
//!
//! Records are written as a master file has them, so that they can be copied into one; within a
//! section they stand in columns. What a server did not say has no line, but a question that
//! was put and left without reply says so: an absent scope matters to whoever asked with a subnet.
use std::fmt;

use serde_json::{Value, json};

use super::exchange::{Exchanged, Way};
use super::reason::Reasons;
use crate::daemon::Failure;
use crate::dns::Name;
use crate::dns::ask::{Edns, Question, Record, Told, Want, hexadecimal};
use crate::dns::text;
use crate::geo::Network;

/// Columns before a fact.
const HEAD: usize = 12;

/// Everything that is shown.
pub(super) struct Page<'a> {
    pub(super) question: &'a Question,
    pub(super) way: &'a Way,
    pub(super) exchanged: &'a Exchanged,
    pub(super) reasons: Option<&'a Reasons>,
    pub(super) notes: &'a [String],
}

impl Page<'_> {
    /// For a program.
    pub(super) fn to_json(&self) -> Result<String, Failure> {
        let reply = &self.exchanged.reply;
        let value = json!({
            "server": self.way.server.to_string(),
            "transport": self.exchanged.transport,
            "secured": self.exchanged.secured,
            "name": self.question.name,
            "type": text::type_name(self.question.rtype),
            "id": reply.id,
            "rcode": reply.rcode_name(),
            "flags": reply.flag_names().collect::<Vec<_>>(),
            "answer": reply.answer,
            "authority": reply.authority,
            "additional": reply.additional,
            "edns": reply.edns,
            "took_us": u64::try_from(self.exchanged.took.as_micros()).unwrap_or(u64::MAX),
            "size_bytes": self.exchanged.octets,
            "notes": self.notes,
            "reasons": self.reasons.map_or(Value::Null, |found| json!(found.explained)),
            "reason_missing": self.reasons.and_then(|found| found.missing.clone()),
        });
        serde_json::to_string_pretty(&value).map_err(|error| error.to_string())
    }

    fn asked(&self) -> String {
        let (name, qtype) = (
            absolute(&self.question.name),
            text::type_name(self.question.rtype),
        );
        format!("{name} {qtype} of {}{}", self.way.server, self.subnet())
    }

    fn subnet(&self) -> String {
        let subnet = self.question.wants.iter().find_map(|want| match want {
            Want::Subnet(address, prefix) => Some(format!(" for {address}/{prefix}")),
            Want::Dnssec | Want::Identity | Want::Cookie(_) | Want::Padding => None,
        });
        subnet.unwrap_or_default()
    }

    /// What was wanted and not given.
    fn silences(&self) -> Vec<(&'static str, &'static str)> {
        let told = self.exchanged.reply.told();
        let silent = |want: &Want| match want {
            Want::Subnet(..) if !told.iter().any(|told| matches!(told, Told::Subnet { .. })) => {
                Some(("subnet", "the server said nothing of it"))
            }
            Want::Identity
                if !told
                    .iter()
                    .any(|told| matches!(told, Told::Identity { .. })) =>
            {
                Some(("nsid", "the server did not say who it is"))
            }
            Want::Cookie(_) if !told.iter().any(|told| matches!(told, Told::Cookie { .. })) => {
                Some(("cookie", "the server has none"))
            }
            Want::Subnet(..) | Want::Identity | Want::Cookie(_) | Want::Dnssec | Want::Padding => {
                None
            }
        };
        self.question.wants.iter().filter_map(silent).collect()
    }

    fn took(&self) -> String {
        let Exchanged {
            took,
            transport,
            octets,
            ..
        } = self.exchanged;
        let took = took.as_micros();
        let secured = self.exchanged.secured.as_ref();
        let secured = secured.map_or_else(String::new, |agreed| format!(" ({agreed})"));
        let (millis, tenths) = (took / 1000, took % 1000 / 100);
        format!(
            "{millis}.{tenths} ms over {}{secured}; {octets} octets",
            transport.word()
        )
    }
}

impl fmt::Display for Page<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reply = &self.exchanged.reply;
        writeln!(out, "{}\n", self.asked())?;
        for note in self.notes {
            line(out, "note", note)?;
        }
        let flags: Vec<&str> = reply.flag_names().collect();
        let status = format!(
            "{}; flags {}; id {}",
            reply.rcode_name(),
            flags.join(" "),
            reply.id
        );
        line(out, "status", &status)?;
        if reply.answer.is_empty() {
            line(out, "answer", "empty")?;
        }
        let sections = [
            ("answer", &reply.answer),
            ("authority", &reply.authority),
            ("additional", &reply.additional),
        ];
        for (head, records) in sections {
            block(out, head, &columns(records))?;
        }
        for told in reply.told() {
            let (head, words) = words(told);
            line(out, head, &words)?;
        }
        for (head, words) in self.silences() {
            line(out, head, words)?;
        }
        line(out, "edns", &edns(reply.edns.as_ref()))?;
        if let Some(reasons) = self.reasons {
            block(out, "reason", &reasons.lines)?;
            if let Some(why) = &reasons.missing {
                line(out, "reason", &format!("not known: {why}"))?;
            }
        }
        line(out, "took", &self.took())
    }
}

fn line(out: &mut fmt::Formatter<'_>, head: &str, words: &str) -> fmt::Result {
    writeln!(out, "{head:<HEAD$}{words}")
}

/// Lines under one head.
fn block(out: &mut fmt::Formatter<'_>, head: &str, lines: &[String]) -> fmt::Result {
    for (index, words) in lines.iter().enumerate() {
        line(out, if index == 0 { head } else { "" }, words)?;
    }
    Ok(())
}

fn absolute(name: &Name) -> String {
    match *name == Name::root() {
        true => ".".to_owned(),
        false => format!("{name}."),
    }
}

/// Owner, TTL, class and type in columns, then the data.
fn columns(records: &[Record]) -> Vec<String> {
    let rows: Vec<[String; 4]> = records
        .iter()
        .map(|one| {
            let ttl = one.ttl.to_string();
            [
                absolute(&one.name),
                ttl,
                one.class.clone(),
                one.rtype.clone(),
            ]
        })
        .collect();
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let widths = [0, 1, 2, 3].map(width);
    let line = |(row, one): (&[String; 4], &Record)| {
        let cells = row.iter().zip(widths);
        let cells: String = cells
            .map(|(cell, width)| format!("{cell:<width$} "))
            .collect();
        cells + &one.data
    };
    rows.iter().zip(records).map(line).collect()
}

/// Head and words of an option.
fn words(told: &Told) -> (&'static str, String) {
    match told {
        Told::Identity { name } => ("nsid", name.clone()),
        Told::Subnet {
            address,
            prefix,
            scope,
        } => {
            let holds = match scope {
                0 => "the answer holds for everybody (scope /0)".to_owned(),
                scope if scope > prefix => format!("answers differ there, by its /{scope}"),
                scope => format!("the answer holds for {}", Network::around(*address, *scope)),
            };
            ("subnet", format!("{address}/{prefix}; {holds}"))
        }
        Told::Cookie { client, server } => {
            let server = match server.is_empty() {
                true => "none of the server's".to_owned(),
                false => format!("server's {}", hexadecimal(server)),
            };
            ("cookie", format!("{}, {server}", hexadecimal(client)))
        }
        Told::Keepalive { tenths: None } => ("keepalive", "no time said".to_owned()),
        Told::Keepalive {
            tenths: Some(tenths),
        } => ("keepalive", format!("{}.{} s", tenths / 10, tenths % 10)),
        Told::Padding { octets } => ("padding", format!("{octets} octets")),
        Told::Error { code, name, text } => {
            let name = name.as_deref().unwrap_or("not registered");
            let text = match text.is_empty() {
                true => String::new(),
                false => format!(": {text}"),
            };
            ("error", format!("{code} ({name}){text}"))
        }
        Told::Other { code, data } => ("option", format!("{code}, data {data}")),
    }
}

fn edns(edns: Option<&Edns>) -> String {
    let Some(edns) = edns else {
        return "none".to_owned();
    };
    let dnssec = if edns.dnssec_ok { ", DO" } else { "" };
    format!(
        "version {}, takes {} octets over UDP{dnssec}",
        edns.version, edns.payload
    )
}
