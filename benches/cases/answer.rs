//! What is asked of `answer`: one query of each kind, ready to be answered again and again.
//!
//! The world is the shipped config, so what is measured is what a reader can try. How often a
//! case is run, and whether time or instructions are counted, is for whoever includes this.
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;

use waypost::answer::{Asker, Transport, answer};
use waypost::base::Moment;
use waypost::dns::{Name, ask};
use waypost::engine::Engine;
use waypost::io::files;
use waypost::table::Table;

/// Title, name and type.
const QUESTIONS: [(&str, &str, u16); 7] = [
    ("steered", "api.example.org", 1),
    ("static", "mail.example.org", 1),
    ("mx", "example.org", 15),
    ("nxdomain", "absent.example.org", 1),
    ("nodata", "mail.example.org", 16),
    ("referral", "www.lab.example.org", 1),
    ("alias", "www.example.org", 1),
];

/// A title, and what one run of the case does.
pub(crate) type Case = (&'static str, Box<dyn FnMut()>);

/// Every case; a run of one answers its query once.
pub(crate) fn cases() -> Vec<Case> {
    let table = table();
    let case = |(title, name, rtype): (&'static str, &str, u16)| {
        let run: Box<dyn FnMut()> = Box::new(run(Arc::clone(&table), query(name, rtype)));
        (title, run)
    };
    QUESTIONS.into_iter().map(case).collect()
}

fn run(table: Arc<Table>, query: Vec<u8>) -> impl FnMut() {
    let asker = Asker {
        source: "127.0.0.1".parse().unwrap(),
        transport: Transport::Udp,
        now: Moment::default(),
    };
    let mut reply = vec![0; 1232];
    move || {
        let answered = answer(&table, &asker, black_box(&query), &mut reply);
        black_box(answered);
    }
}

/// The first table of the shipped config.
pub(crate) fn table() -> Arc<Table> {
    let loaded = files::load(Path::new("config.toml")).unwrap();
    let compiled = waypost::config::compile(&loaded.spec, loaded.diagnostics, &loaded.files);
    let (plan, _) = compiled.unwrap();
    let engine = Engine::new(Arc::new(plan), Moment::default(), 1);
    Arc::clone(engine.table())
}

/// A question with a client subnet.
pub(crate) fn query(name: &str, rtype: u16) -> Vec<u8> {
    let question = ask::Question {
        name: Name::parse(name).unwrap(),
        rtype,
        subnet: Some(("193.99.144.0".parse().unwrap(), 24)),
    };
    ask::encode(7, &question).unwrap()
}
