//! Consul's HTTP API, as its documentation has it: `/v1/health/service/NAME` with blocking queries. Consul itself is not packaged where these tests run, so a
//! small server speaks it: it answers a question with the present index when that is another one, or when the wait is over.
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use serde_json::json;

use super::*;

/// The catalog: its index, the addresses of its instances, and the questions that were asked of it.
#[derive(Default)]
struct Catalog {
    state: Mutex<(u64, Vec<String>, Vec<String>)>,
    changed: Condvar,
}

impl Catalog {
    fn set(&self, index: u64, addresses: &[&str]) {
        let mut state = self.state.lock().unwrap();
        state.0 = index;
        state.1 = addresses.iter().map(|own| (*own).to_owned()).collect();
        self.changed.notify_all();
    }

    fn questions(&self) -> Vec<String> {
        self.state.lock().unwrap().2.clone()
    }

    /// Answers as many questions as come over connections of one question each.
    fn serve(self: &Arc<Self>, listener: TcpListener) {
        let own = Arc::clone(self);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let own = Arc::clone(&own);
                std::thread::spawn(move || own.answer(&stream.unwrap()));
            }
        });
    }

    fn answer(&self, mut stream: &TcpStream) {
        let lines = BufReader::new(stream).lines();
        let head: Vec<String> = lines
            .map_while(Result::ok)
            .take_while(|line| !line.is_empty())
            .collect();
        let Some(first) = head.first() else { return };
        let token = head
            .iter()
            .find(|line| line.to_ascii_lowercase().starts_with("x-consul-token: "));
        let path = first.split(' ').nth(1).unwrap().to_owned();
        let value = |key: &str| {
            let query = path.split_once('?')?.1;
            let mut pairs = query.split('&');
            pairs
                .find_map(|pair| pair.strip_prefix(key)?.strip_prefix('='))
                .map(str::to_owned)
        };
        let asked: u64 = value("index").map_or(0, |own| own.parse().unwrap());
        let wait = value("wait").map_or(0, |own| own.strip_suffix("ms").unwrap().parse().unwrap());
        let mut state = self.state.lock().unwrap();
        state
            .2
            .push(format!("{path} {}", token.map_or("", |own| own.as_str())));
        if asked > 0 {
            let waited =
                self.changed
                    .wait_timeout_while(state, Duration::from_millis(wait), |own| own.0 == asked);
            state = waited.unwrap().0;
        }
        let instances = state.1.iter().map(|address| {
            json!({ "Node": { "Node": "n", "Address": "127.9.0.250" },
                "Service": { "ID": address, "Service": "web", "Tags": ["v2"], "Address": address, "Port": 8080, "Weights": { "Passing": 7, "Warning": 1 } },
                "Checks": [{ "CheckID": "serfHealth", "Status": "passing" }] })
        });
        let body = instances.collect::<Value>().to_string();
        let (index, length) = (state.0, body.len());
        drop(state);
        let text = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Consul-Index: {index}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        );
        // Whoever asked may have gone.
        let _ = stream.write_all(text.as_bytes());
    }
}

#[test]
fn a_service_of_consul_is_followed_by_blocking_queries() {
    let world = World::new();
    let catalog = Arc::new(Catalog::default());
    catalog.set(41, &["127.9.0.1", "127.9.0.2"]);
    catalog.serve(TcpListener::bind("127.0.0.1:8500").unwrap());
    let text = "token = \"s3cret\"\nservice = \"api\"\n[discovery.web.consul]\nurl = \"http://127.0.0.1:8500/\"\nservice = \"web\"\ntags = [\"v2\"]";
    configure(&world, text);
    // The endpoints are a service's own, beside the one that the config states.
    let own = "[[services.api.endpoints]]\nname = \"web-127.9.0.8-8080\"\nregion = \"eu\"\nprovider = \"other\"\ntier = 2\naddresses = [\"127.9.0.98\"]\n[discovery.web]\n";
    let config = fs::read_to_string(world.path("config.toml")).unwrap();
    let config = config
        .replace("[discovery.web]\n", own)
        .replace("every = \"1s\"", "every = \"60s\"");
    world.write("config.toml", &config);
    let up = world.waypost();
    wait_for_answers(&["127.9.0.1", "127.9.0.2"]);
    // The answer waits for the change, not for the next question.
    wait_for("a question that waits", || catalog.questions().len() >= 2);
    catalog.set(42, &["127.9.0.1", "127.9.0.2", "127.9.0.3"]);
    wait_for_answers(&["127.9.0.1", "127.9.0.2", "127.9.0.3"]);
    let questions = catalog.questions();
    assert!(
        questions.iter().all(
            |own| own.starts_with("/v1/health/service/web?passing=true&tag=v2")
                && own.to_ascii_lowercase().ends_with("x-consul-token: s3cret")
        ),
        "{questions:?}"
    );
    assert!(
        !questions[0].contains("index=") && questions[1].contains("index=41&wait=60000ms"),
        "{questions:?}"
    );
    wait_for("the next question", || {
        catalog
            .questions()
            .iter()
            .any(|own| own.contains("index=42"))
    });
    // An index that goes back is of a catalog that was restored: it is asked from the beginning.
    let before = catalog.questions().len();
    catalog.set(7, &["127.9.0.1", "127.9.0.3"]);
    wait_for_answers(&["127.9.0.1", "127.9.0.3"]);
    wait_for("a question from the beginning", || {
        catalog.questions()[before..]
            .iter()
            .any(|own| !own.contains("index="))
    });
    // What does not go with the config is refused whole, and well when it is gone.
    let both = ["127.9.0.1", "127.9.0.3"];
    catalog.set(8, &["127.9.0.1", "127.9.0.3", "127.9.0.4", "127.9.0.8"]);
    wait_for_fault(Some("unfit"), &both);
    let why = status()["reason"].to_string();
    assert!(
        why.contains("a second endpoint `web-127.9.0.8-8080`"),
        "{why}"
    );
    catalog.set(9, &both);
    wait_for_fault(None, &both);
    drop(up);
}
