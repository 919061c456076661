//! What several nodes did, written down as it happens: `judge.py` says what the lines mean.
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::site::{self, CLIENTS, Line, NODES};

/// Time between two looks at a node.
const LOOK: Duration = Duration::from_millis(500);
/// Time in which a query is answered.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
/// Time between two queries of a client.
const ASK: Duration = Duration::from_millis(25);

/// The book, shared by all who write in it.
#[derive(Clone)]
pub(super) struct History {
    began: Instant,
    file: Arc<Mutex<BufWriter<File>>>,
    pub(super) path: PathBuf,
}

impl History {
    pub(super) fn begin(path: PathBuf) -> Self {
        let file = File::create(&path).unwrap();
        Self {
            began: Instant::now(),
            file: Arc::new(Mutex::new(BufWriter::new(file))),
            path,
        }
    }

    /// Milliseconds since it began.
    pub(super) fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap()
    }

    /// Writes a line of the present, or of a time that it names.
    pub(super) fn write(&self, what: &str, mut fields: Value) {
        let mut file = self.file.lock().unwrap();
        fields["what"] = json!(what);
        if fields.get("t").is_none() {
            fields["t"] = json!(self.now());
        }
        writeln!(file, "{fields}").unwrap();
    }

    /// Closes it with a last line.
    pub(super) fn end(&self) {
        self.write("end", json!({}));
        self.file.lock().unwrap().flush().unwrap();
    }

    /// A time that a node told in civil time, as one of this book.
    pub(super) fn of_civil(&self, text: &str) -> Option<i64> {
        let told: jiff::Timestamp = text.parse().ok()?;
        let ahead = told.as_millisecond() - jiff::Timestamp::now().as_millisecond();
        Some(i64::try_from(self.now()).unwrap() + ahead)
    }
}

/// The orders that a node has in force.
pub(super) fn orders(folder: &Path, node: usize) -> Option<Vec<Value>> {
    let (_, list) = site::call(folder, node, "GET", "/api/v1/orders")?;
    let in_force = |one: &&Value| one["state"] == "in_force" && one["action"] == "drain";
    let orders = list["orders"].as_array()?.iter().filter(in_force);
    Some(orders.cloned().collect())
}

/// Threads that look at the nodes and ask them, until they are told to stop.
pub(super) struct Watch {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Watch {
    pub(super) fn start(history: &History, folder: &Path) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let mut threads = Vec::new();
        for node in 0..NODES.len() {
            let (book, folder) = (history.clone(), folder.to_owned());
            let is_over = Arc::clone(&stop);
            threads.push(thread::spawn(move || {
                while !is_over.load(Ordering::Relaxed) {
                    if let Some(sample) = look(&book, &folder, node) {
                        book.write("sample", sample);
                    }
                    thread::sleep(LOOK);
                }
            }));
            let (book, is_over) = (history.clone(), Arc::clone(&stop));
            threads.push(thread::spawn(move || ask_on(&book, node, &is_over)));
        }
        Self { stop, threads }
    }

    pub(super) fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads {
            thread.join().unwrap();
        }
    }
}

/// What a node believes.
fn look(book: &History, folder: &Path, node: usize) -> Option<Value> {
    let asked = book.now();
    let (_, cluster) = site::call(folder, node, "GET", "/api/v1/cluster")?;
    let (_, status) = site::call(folder, node, "GET", "/api/v1/status")?;
    let regions = status["regions"].as_array()?.iter();
    let endpoints = regions.flat_map(|region| region["endpoints"].as_array().unwrap());
    let out = endpoints.filter(|one| one["targets"][0]["state"] == "down");
    let out: Vec<&Value> = out.map(|one| &one["name"]).collect();
    let orders = orders(folder, node)?.into_iter().map(|one| {
        let until = one["until"].as_str();
        json!({ "id": one["reason"], "until": until.and_then(|until| book.of_civil(until)) })
    });
    let summary = &cluster["summary"];
    Some(json!({
        "node": NODES[node], "asked": asked, "footing": summary["footing"], "digest": summary["orders"],
        "twin": summary["twin"], "out": out, "orders": orders.collect::<Vec<_>>(),
    }))
}

/// A client that asks one node on and on; equal answers in a row are one line.
fn ask_on(book: &History, node: usize, is_over: &AtomicBool) {
    let mut line = Line::new(node);
    let mut open: Vec<Option<(u64, u64, Value)>> = vec![None; CLIENTS.len()];
    let mut turn = 0;
    while !is_over.load(Ordering::Relaxed) {
        thread::sleep(ASK);
        let own = turn % CLIENTS.len();
        turn += 1;
        let (name, client) = CLIENTS[own];
        let sent = book.now();
        let answer = line.ask(name, client);
        let last = &mut open[own];
        match (answer, &mut *last) {
            (Some(answer), Some((since, count, before)))
                if *before == answer && sent - *since < 1000 =>
            {
                *count += 1;
            }
            (answer, _) => {
                close(book, node, own, last.take());
                match answer {
                    Some(answer) => *last = Some((sent, 1, answer)),
                    None => {
                        let fields = json!({ "t": sent, "node": NODES[node], "name": name, "client": client });
                        book.write("lost", fields);
                        thread::sleep(4 * ASK);
                    }
                }
            }
        }
    }
    for (own, last) in open.into_iter().enumerate() {
        close(book, node, own, last);
    }
}

fn close(book: &History, node: usize, own: usize, last: Option<(u64, u64, Value)>) {
    let Some((since, count, mut answer)) = last else {
        return;
    };
    let (name, client) = CLIENTS[own];
    for (key, value) in [
        ("node", json!(NODES[node])),
        ("name", json!(name)),
        ("client", json!(client)),
        ("since", json!(since)),
        ("count", json!(count)),
    ] {
        answer[key] = value;
    }
    book.write("answers", answer);
}

/// The place where histories are kept that somebody should look at.
pub(super) fn keep(history: &Path, seed: u64) -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| crate::world::repository("target"), PathBuf::from);
    let folder = target.join("cluster-histories");
    fs::create_dir_all(&folder).unwrap();
    let kept = folder.join(format!("{seed}.jsonl"));
    fs::copy(history, &kept).unwrap();
    kept
}
