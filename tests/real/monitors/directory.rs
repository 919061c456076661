//! `ldap`, and certificates behind its StartTLS, against slapd.
use std::net::TcpStream;
use std::process::Command;

use waypost::base::Cause;
use waypost::health::ProbeResult::Pass;

use super::{Authority, expect, fail, probe};
use crate::world::{Process, World, run, wait_for};

const LDIF: &str = "dn: dc=example,dc=org\nobjectClass: dcObject\nobjectClass: organization\ndc: example\no: example\n";

fn slapd(world: &World) -> Process {
    let folder = world.path("");
    let folder = folder.display();
    std::fs::create_dir(world.path("data")).unwrap();
    let text = format!(
        "include /etc/ldap/schema/core.schema\nmodulepath /usr/lib/ldap\nmoduleload back_mdb\n\
         pidfile {folder}/slapd.pid\n\
         TLSCACertificateFile {folder}/roots.pem\nTLSCertificateFile {folder}/server.pem\n\
         TLSCertificateKeyFile {folder}/server.key\n\
         database mdb\nsuffix \"dc=example,dc=org\"\nrootdn \"cn=waypost,dc=example,dc=org\"\nrootpw right\n\
         directory {folder}/data\naccess to * by anonymous auth by * read\n"
    );
    let config = world.write("slapd.conf", &text);
    let ldif = world.write("all.ldif", LDIF);
    let (config, ldif) = (config.display().to_string(), ldif.display().to_string());
    let (said, is_well) = run("/usr/sbin/slapadd", &["-f", &config, "-l", &ldif]);
    assert!(is_well, "{said}");
    let mut command = Command::new("/usr/sbin/slapd");
    command.args([
        "-d",
        "256",
        "-f",
        &config,
        "-h",
        "ldap://127.1.0.1:389 ldaps://127.1.0.1:636",
    ]);
    let process = world.start("slapd", &mut command);
    wait_for("slapd", || TcpStream::connect(("127.1.0.1", 636)).is_ok());
    process
}

#[test]
fn a_directory_is_bound_to_in_clear_and_over_tls_of_both_kinds() {
    let world = World::new();
    let authority = Authority::new(&world);
    authority.issue("server", super::HOST);
    world.write("right.password", "right\n");
    world.write("wrong.password", "wrong");
    let slapd = slapd(&world);
    let (clear, tls) = (
        "127.1.0.1:389".parse().unwrap(),
        "127.1.0.1:636".parse().unwrap(),
    );
    let ldap = |keys: &str| format!("type = \"ldap\"\n{keys}");
    expect(&world, clear, &ldap(""), Pass);
    expect(&world, clear, &ldap("base = \"\""), Pass);
    let said = slapd.log();
    assert!(!said.contains("connection lost"), "{said}");
    // What is there, anonymous eyes may not see.
    let entry = ldap("base = \"dc=example,dc=org\"");
    expect(&world, clear, &entry, fail(Cause::Login));
    let roots = "roots = \"roots.pem\"\n";
    let who = "bind_dn = \"cn=waypost,dc=example,dc=org\"\n";
    let (right, wrong) = (
        "password_file = \"right.password\"\n",
        "password_file = \"wrong.password\"\n",
    );
    for (at, how) in [(clear, "tls = \"starttls\"\n"), (tls, "tls = true\n")] {
        let bound = |more: &str| ldap(&format!("{how}{roots}{who}{right}{more}"));
        let report = probe(&world, at, &bound("base = \"dc=example,dc=org\""));
        assert_eq!(report.outcome, Pass, "{how}\n{}", slapd.log());
        assert!(report.certificate_expires.is_some());
        expect(
            &world,
            at,
            &bound("base = \"ou=absent,dc=example,dc=org\""),
            fail(Cause::Answer),
        );
        let refused = ldap(&format!("{how}{roots}{who}{wrong}"));
        expect(&world, at, &refused, fail(Cause::Login));
    }
    let watched = format!("type = \"tls\"\nstarttls = \"ldap\"\n{roots}min_validity = \"7d\"");
    let report = probe(&world, clear, &watched);
    assert_eq!(report.outcome, Pass);
    assert!(report.certificate_expires.is_some());
}
