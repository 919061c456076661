//! A document on the web, as nginx serves it over TLS to whoever has the token.
use std::net::TcpStream;
use std::process::Command;

use crate::identity::Authority;

use super::*;

const ADDRESS: &str = "127.9.0.200";

/// nginx as one process, so that nothing of it outlives the test.
fn nginx(world: &World) -> Process {
    let folder = world.path("");
    let folder = folder.display();
    let text = format!(
        "daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/error.log;\n\
         events {{ worker_connections 64; }}\n\
         http {{ access_log off; client_body_temp_path {folder}; proxy_temp_path {folder};\n\
         fastcgi_temp_path {folder}; uwsgi_temp_path {folder}; scgi_temp_path {folder};\n\
         server {{ listen {ADDRESS}:443 ssl; ssl_certificate {folder}/pair.pem; ssl_certificate_key {folder}/key.pem;\n\
         location / {{ root {folder}; if ($http_authorization != \"Bearer s3cret\") {{ return 403; }} }} }} }}\n"
    );
    let path = world.write("nginx.conf", &text);
    let mut command = Command::new("nginx");
    command.arg("-c").arg(path).arg("-p").arg(world.path(""));
    let process = world.start("nginx", &mut command);
    wait_for("nginx", || TcpStream::connect((ADDRESS, 443)).is_ok());
    process
}

#[test]
fn a_document_is_asked_for_with_its_token_and_trusted_by_its_roots_alone() {
    let world = World::new();
    let authority = Authority::new();
    let issued = authority.issue();
    world.write("key.pem", &issued.key);
    world.write("pair.pem", &issued.certificate);
    world.write("roots.pem", &authority.pem());
    world.write("other.pem", &Authority::new().pem());
    let token = world.write("token", "s3cret\n");
    fs::set_permissions(&token, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    list(&world, &json(&["127.9.0.1", "127.9.0.2"]));
    let server = nginx(&world);
    let source = format!(
        "url = \"https://{ADDRESS}/nodes.json\"\nroots = \"roots.pem\"\ntoken_file = \"token\""
    );
    configure(&world, &source);
    let up = world.waypost();
    wait_for_answers(&["127.9.0.1", "127.9.0.2"]);
    list(&world, &json(&["127.9.0.1", "127.9.0.2", "127.9.0.3"]));
    let all = ["127.9.0.1", "127.9.0.2", "127.9.0.3"];
    wait_for_answers(&all);
    drop(server);
    wait_for_fault(Some("failing"), &all);
    let _server = nginx(&world);
    wait_for_fault(None, &all);
    // Another authority, then another token: nobody to be believed, and nothing to be had.
    for (changed, reason) in [
        (source.replace("roots.pem", "other.pem"), "reached"),
        (
            source.replace("token_file = \"token\"", "token = \"other\""),
            "403",
        ),
    ] {
        configure(&world, &changed);
        let (said, is_well) = waypost(&world, &["reload"]);
        assert!(is_well, "{said}");
        wait_for(reason, || {
            status()["reason"]
                .as_str()
                .is_some_and(|own| own.contains(reason))
        });
        assert_eq!(asked("api.example.org", "A"), all);
    }
    let (said, is_well) = waypost(&world, &["check"]);
    assert!(is_well, "{said}");
    drop(up);
}
