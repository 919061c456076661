//! A real browser on the operator's machine, with a page of another site open in it.
//!
//! The page tries whatever a page can: to ask by script, by a form, by an image. Then its site points its name at the server (DNS
//! rebinding), so that the browser takes both for one origin: what relays the later connections here is what a resolver with
//! another answer would do, and the server sees the same.
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::{audit, config, drained, waypost, write};
use crate::world::World;

/// What a page of another site does.
const FOREIGN: &str = r#"<!doctype html><title>evil</title><p id=told>begun</p>
<img src="http://127.0.0.1:8053/api/v1/orders?action=drain&scope=eu-frankfurt">
<iframe name=sink></iframe>
<form method=post target=sink action="http://127.0.0.1:8053/api/v1/orders?action=drain&scope=eu-frankfurt"></form>
<form method=post target=sink enctype="text/plain" action="http://localhost:8053/api/v1/reload?force=true"></form>
<script>
const told = [];
const drain = "/api/v1/orders?action=drain&scope=eu-frankfurt";
const ask = (url, how) => fetch(url, how).then((r) => told.push(r.type + r.status), (e) => told.push("blocked"));
(async () => {
  for (const form of document.forms) form.submit();
  for (const host of ["127.0.0.1", "localhost", "[::1]"]) {
    await ask(`http://${host}:8053${drain}`, { method: "POST", mode: "no-cors" });
    await ask(`http://${host}:8053${drain}`, { method: "POST", mode: "cors" });
    await ask(`http://${host}:8053/api/v1/acme?name=_acme-challenge.example.org`, { method: "DELETE", mode: "cors" });
    await ask(`http://${host}:8053/api/v1/status`, { mode: "cors" });
  }
  navigator.sendBeacon(`http://127.0.0.1:8053${drain}`, "x");
  document.getElementById("told").textContent = "ended " + told.join(" ");
})();
</script>"#;

/// What a page does whose own name leads to the server now.
const REBOUND: &str = r#"<!doctype html><title>evil</title><p id=told>begun</p>
<script>
const told = [];
const ask = (url, how) => fetch(url, how).then((r) => told.push(r.status), (e) => told.push("blocked"));
(async () => {
  await ask("/api/v1/status");
  await ask("/api/v1/orders?action=drain&scope=eu-frankfurt", { method: "POST" });
  await ask("/api/v1/reload?force=true", { method: "POST" });
  document.getElementById("told").textContent = "ended " + told.join(" ");
})();
</script>"#;

/// Serves a page to the first `pages` connections of an address; later ones are carried to the server.
fn site(address: &str, page: &'static str, pages: usize) -> Arc<AtomicUsize> {
    let listener = TcpListener::bind(address).unwrap();
    let (served, counted) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let carried = Arc::clone(&counted);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let (served, carried) = (Arc::clone(&served), Arc::clone(&carried));
            // The browser opens connections ahead of what it asks: only one that asks for a page is counted.
            thread::spawn(move || {
                let mut head = [0; 8192];
                let Ok(length @ 1..) = stream.read(&mut head) else {
                    return;
                };
                let asks_for_page = head.starts_with(b"GET / ");
                if asks_for_page && served.fetch_add(1, Ordering::SeqCst) < pages {
                    let reply = format!(
                        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{page}",
                        page.len()
                    );
                    let _ = stream.write_all(reply.as_bytes());
                    return;
                }
                if head.starts_with(b"GET /favicon") {
                    return;
                }
                carried.fetch_add(1, Ordering::SeqCst);
                let mut server = TcpStream::connect("127.0.0.1:8053").unwrap();
                server.write_all(&head[..length]).unwrap();
                let mut reply = Vec::new();
                let _ = server.read_to_end(&mut reply);
                let _ = stream.write_all(&reply);
            });
        }
    });
    counted
}

/// The document that the browser has made of a page, once its script has ended.
fn visit(world: &World, url: &str) -> String {
    let profile = format!("--user-data-dir={}", world.path("browser").display());
    let output = Command::new("chromium")
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
            "--disable-dev-shm-usage",
        ])
        .args(["--host-resolver-rules=MAP evil.example 127.0.0.9, MAP rebound.example 127.0.0.66"])
        .args([&profile, "--virtual-time-budget=20000", "--dump-dom", url])
        .env("HOME", world.path("."))
        .output()
        .expect("chromium is installed by tests/run");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        text.contains('<'),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    text
}

#[test]
fn a_page_of_another_origin_drains_nothing() {
    let world = World::new();
    write(&world, &config("", "[acme]"));
    let _waypost = world.waypost();
    let (text, well) = waypost(&world, &["acme", "add", "example.org", "value"]);
    assert!(well, "{text}");
    // The browser works, and the page that is ours shows the server's state.
    let own = visit(&world, "http://127.0.0.1:8053/");
    assert!(
        own.contains("eu-frankfurt") && own.contains("fra-one"),
        "{own}"
    );

    site("127.0.0.9:80", FOREIGN, usize::MAX);
    let page = visit(&world, "http://evil.example/");
    assert!(
        page.contains("ended "),
        "its script did all that it could: {page}"
    );
    assert_eq!(drained(), [""; 0]);
    assert!(
        !page.contains("cors200") && !page.contains("basic200"),
        "nothing could be read: {page}"
    );
    let (text, _) = waypost(&world, &["acme", "list"]);
    assert!(text.contains("value"), "{text}");

    let carried = site("127.0.0.66:8053", REBOUND, 1);
    let page = visit(&world, "http://rebound.example:8053/");
    // 429, once there have been many refusals.
    assert!(page.contains("ended 421 42"), "{page}");
    assert!(!page.contains("200"), "{page}");
    assert!(carried.load(Ordering::SeqCst) >= 3, "it came to the server");
    assert_eq!(drained(), [""; 0]);
    let lines = audit(&world);
    let refused = lines
        .iter()
        .filter(|line| line["outcome"] == "refused")
        .count();
    assert!(refused >= 2, "{lines:?}");
    let made: Vec<_> = lines
        .iter()
        .filter(|line| line["outcome"] == "done")
        .collect();
    assert_eq!(made.len(), 1, "the challenge alone: {made:?}");
}
