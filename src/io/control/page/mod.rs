//! What a person sees at `/`: a page with its style, script and map of the world, carried in the program as gzip packs them.
//!
//! They are made of `ui/` by `ui/build`, and committed: building the program takes no other tools. The files are open to anybody
//! who reaches the listener, for they say nothing of the server; everything that the page shows it asks the API for. A browser keeps
//! them and asks whether they are still the same (RFC 9110, section 13.1.2). Whoever takes no gzip is given them unpacked.
use std::io::Read;

use axum::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, ETAG, HeaderMap, HeaderValue, IF_NONE_MATCH,
    VARY,
};
use axum::http::{StatusCode, Uri};
use flate2::read::GzDecoder;

use super::replies::{Reply, respond};
use crate::base::sip_hash;

/// The key of the hash that tells versions of a file apart: anything that stays the same.
const KEY: [u8; 16] = *b"waypost's page  ";

/// A file of the page.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PageFile {
    /// The path under which it is asked for.
    pub(super) path: &'static str,
    kind: &'static str,
    packed: &'static [u8],
}

/// All of them.
pub(super) const FILES: [PageFile; 4] = [
    PageFile {
        path: "/",
        kind: "text/html; charset=utf-8",
        packed: include_bytes!("../../../../ui/dist/index.html.gz"),
    },
    PageFile {
        path: "/app.css",
        kind: "text/css; charset=utf-8",
        packed: include_bytes!("../../../../ui/dist/app.css.gz"),
    },
    PageFile {
        path: "/app.js",
        kind: "text/javascript; charset=utf-8",
        packed: include_bytes!("../../../../ui/dist/app.js.gz"),
    },
    PageFile {
        path: "/world.json",
        kind: "application/json",
        packed: include_bytes!("../../../../ui/dist/world.json.gz"),
    },
];

/// Tells whether there is a file of the page at a path.
pub(super) fn has(path: &str) -> bool {
    FILES.iter().any(|file| file.path == path)
}

/// The file at a path, if there is one.
pub(super) async fn serve(uri: Uri, headers: HeaderMap) -> Reply {
    let found = FILES.iter().find(|file| file.path == uri.path());
    found.map_or_else(
        || respond(StatusCode::NOT_FOUND, "text/plain", ""),
        |file| file.reply(&headers),
    )
}

impl PageFile {
    fn reply(&self, headers: &HeaderMap) -> Reply {
        let tag = format!("\"{:016x}\"", sip_hash(&KEY, self.packed));
        let asked = |name| {
            headers
                .get(name)
                .and_then(|own| HeaderValue::to_str(own).ok())
        };
        let known = asked(IF_NONE_MATCH).unwrap_or_default();
        let is_known = known
            .split(',')
            .any(|own| own.trim().trim_start_matches("W/") == tag);
        let packs = asked(ACCEPT_ENCODING).is_some_and(takes_gzip);
        let mut reply = match (is_known, packs) {
            (true, _) => respond(StatusCode::NOT_MODIFIED, self.kind, ""),
            (false, true) => respond(StatusCode::OK, self.kind, self.packed),
            (false, false) => respond(StatusCode::OK, self.kind, self.unpacked()),
        };
        let own = reply.headers_mut();
        if let Ok(tag) = HeaderValue::from_str(&tag) {
            own.insert(ETAG, tag);
        }
        own.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        own.insert(VARY, HeaderValue::from_static("accept-encoding"));
        if packs && !is_known {
            own.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        reply
    }

    fn unpacked(&self) -> Vec<u8> {
        let mut text = Vec::new();
        let read = GzDecoder::new(self.packed).read_to_end(&mut text);
        read.expect("a test reads every file of the page");
        text
    }
}

/// Tells whether gzip may be sent (RFC 9110, section 12.5.3).
fn takes_gzip(accepted: &str) -> bool {
    accepted.split(',').any(|one| {
        let mut parts = one.split(';').map(str::trim);
        let is_gzip = parts
            .next()
            .is_some_and(|name| ["gzip", "*"].contains(&name));
        is_gzip && !parts.any(|part| ["q=0", "q=0.0", "q=0.00", "q=0.000"].contains(&part))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Octets of the whole page, packed.
    const MOST: usize = 100 * 1000;

    #[test]
    fn the_page_is_small_and_can_be_unpacked() {
        let sum: usize = FILES.iter().map(|file| file.packed.len()).sum();
        assert!(sum <= MOST, "{sum} octets");
        for file in FILES {
            let text = String::from_utf8(file.unpacked()).unwrap();
            assert!(text.len() > 100, "{}", file.path);
        }
        let page = String::from_utf8(FILES[0].unpacked()).unwrap();
        for inline in [
            "<style",
            "style=",
            "onclick",
            "javascript:",
            "http://",
            "https://",
        ] {
            assert!(!page.contains(inline), "{inline}");
        }
        assert!(
            !page.replace("<script src=", "").contains("<script"),
            "a script of its own"
        );
    }

    #[test]
    fn a_file_that_is_known_is_not_sent_again() {
        let reply = |headers: &[(axum::http::HeaderName, &str)]| {
            let mut map = HeaderMap::new();
            for (name, value) in headers {
                map.insert(name, HeaderValue::from_str(value).unwrap());
            }
            FILES[0].reply(&map)
        };
        let first = reply(&[(ACCEPT_ENCODING, "br, gzip")]);
        assert_eq!(first.headers()[CONTENT_ENCODING], "gzip");
        let tag = first.headers()[ETAG].to_str().unwrap().to_owned();
        assert_eq!(reply(&[]).headers().get(CONTENT_ENCODING), None);
        assert_eq!(reply(&[(IF_NONE_MATCH, &tag)]).status(), 304);
        assert_eq!(
            reply(&[(IF_NONE_MATCH, &format!("\"x\", W/{tag}"))]).status(),
            304
        );
        assert_eq!(reply(&[(IF_NONE_MATCH, "\"x\"")]).status(), 200);
    }

    #[test]
    fn gzip_is_sent_to_whoever_takes_it() {
        for (accepted, takes) in [
            ("gzip, deflate, br", true),
            ("br;q=1, gzip;q=0.5", true),
            ("*", true),
            ("gzip;q=0", false),
            ("br", false),
            ("", false),
        ] {
            assert_eq!(takes_gzip(accepted), takes, "{accepted}");
        }
    }
}
