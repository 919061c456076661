//! Resolvers over TLS and HTTPS: Unbound with a certificate of an authority of our own, by its name and only by that.
use crate::identity::{Authority, NAME};
use crate::world::wait_for;

use super::{Cast, STEERED, UNBOUND, config, name_status};

fn cast(records: &str) -> Cast {
    let encrypted = UNBOUND.replace(
        "  port: 53\n",
        "  interface: 127.0.0.30@853\n  interface: 127.0.0.30@443\n  port: 53\n  tls-port: 853\n  https-port: 443\n  \
         http-endpoint: \"/dns-query\"\n  tls-service-key: \"key.pem\"\n  tls-service-pem: \"pair.pem\"\n",
    );
    // The files have to be there before it starts.
    Cast::prepared(records, &encrypted, |world| {
        let authority = Authority::new();
        let issued = authority.issue();
        world.write("key.pem", &issued.key);
        world.write("pair.pem", &issued.certificate);
        world.write("roots.pem", &authority.pem());
    })
}

#[test]
fn names_are_resolved_over_tls_and_https_and_by_nobody_else() {
    let mut cast = cast("www A 127.9.0.1\n");
    let mut last = 1;
    for scheme in ["tls://127.0.0.30", "https://127.0.0.30/dns-query"] {
        let resolver = format!("{scheme}#{NAME}");
        let text =
            config(&resolver, STEERED).replace("private = ", "roots = \"roots.pem\"\nprivate = ");
        cast.world.write("config.toml", &text);
        let waypost = cast.world.waypost();
        last += 1;
        cast.set(&format!("www A 127.9.0.{last}\n"));
        let expected = format!("[\"127.9.0.{last}\"]");
        wait_for(scheme, || {
            let told = name_status("www.cdn.test")["addresses"].to_string();
            told == expected
        });
        assert!(name_status("www.cdn.test")["fault"].is_null());
        let kept =
            || std::fs::read_to_string(cast.world.path("state/names.log")).unwrap_or_default();
        wait_for("the file", || kept().contains(&format!("127.9.0.{last}")));
        drop(waypost);
        // Under another name it is another server.
        let wrong = text.replace(NAME, "other.example.org");
        cast.world.write("config.toml", &wrong);
        let waypost = cast.world.waypost();
        wait_for("the refusal", || {
            name_status("www.cdn.test")["fault"] == "failed"
        });
        assert_eq!(
            name_status("www.cdn.test")["addresses"].to_string(),
            expected
        );
        drop(waypost);
    }
}
