//! Tells what goes into the engine and what comes out, for whoever looks at one seed.
use waypost::dns::transfer::Received;
use waypost::zones::{Input, Output};

use super::data::mark_of;

/// What goes in.
pub(super) fn input(now: u64, input: &Input) {
    let text = match input {
        Input::Tick | Input::Published(_) => return,
        Input::Config(ticket, _) => format!("Config {ticket:?}"),
        Input::Names(ticket, ..) => format!("Names {ticket:?}"),
        Input::Filed {
            ticket,
            apex,
            filed,
        } => format!("Filed {ticket:?} {apex} {:?}", mark_of(&filed.zone)),
        Input::Fetched(number, Ok(Received::Whole(packed))) => {
            format!("Fetched {number} whole {}", packed.serial())
        }
        Input::Fetched(number, Ok(Received::Changes(changes))) => {
            format!("Fetched {number} {} changes", changes.steps())
        }
        Input::Made(number, _) => format!("Made {number}"),
        Input::Recalled(number, recalled) => {
            let (is_there, damage) = (recalled.kept.is_some(), &recalled.damage);
            format!("Recalled {number} {is_there} {damage:?}")
        }
        Input::Notified(_)
        | Input::SignaturesKept(..)
        | Input::Ending
        | Input::Fetched(..)
        | Input::Keys { .. }
        | Input::Nodes(_)
        | Input::Remembered(..)
        | Input::Recorded(..)
        | Input::Copied { .. }
        | Input::Order(..)
        | Input::Agreed(_)
        | Input::Declared(..)
        | Input::Update(..) => format!("{input:?}"),
    };
    eprintln!("{now} <- {text}");
}

/// What comes out.
pub(super) fn output(now: u64, output: &Output) {
    let text = match output {
        Output::Work(number, _) => format!("Work {number}"),
        Output::KeepSignatures(to_keep) => {
            let (apex, is_part) = (&to_keep.apex, to_keep.since.is_some());
            format!("KeepSignatures {apex} {is_part}")
        }
        Output::Fetch(number, request) => {
            let (apex, primary) = (&request.apex, request.primary);
            format!("Fetch {number} {apex} {primary} {:?}", request.want)
        }
        Output::Copy { zone, .. } => format!("Copy {} {:?}", zone.apex(), mark_of(zone)),
        Output::Offer(apex, journal) => {
            let serial = journal.as_ref().map(|own| own.present().serial());
            format!("Offer {apex} {serial:?}")
        }
        Output::Tell { soa, .. } => format!("Tell {} {}", soa.owner, soa.serial()),
        Output::Configured(..) => "Configured".to_owned(),
        Output::Publish(_) => "Publish".to_owned(),
        Output::Notice(notice) => format!("{} {:?}: {}", notice.event, notice.zone, notice.text),
        Output::Advance { apex, at, .. } => format!("Advance {apex} {at:?}"),
        Output::Recall(..)
        | Output::RetainSignatures(_)
        | Output::Remember(..)
        | Output::Told(..)
        | Output::Declared(_)
        | Output::Record(..)
        | Output::Reply(..) => format!("{output:?}"),
    };
    eprintln!("{now} -> {text}");
}
