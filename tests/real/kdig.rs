//! `kdig` over every transport: what a stock client makes of what is said.
use std::fs;
use std::process::Command;

use waypost::answer::Transport;

use crate::identity::NAME;
use crate::stage::Stage;

/// What `kdig` prints, if all went well.
fn kdig(stage: &Stage, transport: Transport, arguments: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let roots = folder.path().join("roots.pem");
    fs::write(&roots, stage.authority.pem()).unwrap();
    let at = stage.at(transport);
    let mut command = Command::new("kdig");
    command.args([&format!("@{}", at.ip()), "-p", &at.port().to_string()]);
    command.args(["+time=5", "+retry=0"]);
    if transport.is_encrypted() {
        command.arg(format!("+tls-ca={}", roots.display()));
        command.arg(format!("+tls-hostname={NAME}"));
    }
    let output = command.args(arguments).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {text}{errors}");
    assert!(!text.contains("WARNING"), "{arguments:?}: {text}");
    text
}

#[test]
fn kdig_gets_its_answer_over_every_transport() {
    let stage = Stage::open();
    for (transport, options) in [
        (Transport::Tcp, &["+tcp"][..]),
        (Transport::Tls, &["+tls"]),
        (Transport::Https, &["+https"]),
        (Transport::Https, &["+https-get"]),
        (Transport::Quic, &["+quic"]),
    ] {
        let arguments = [options, &["mail.example.org", "A"]].concat();
        let text = kdig(&stage, transport, &arguments);
        assert!(text.contains("status: NOERROR"), "{text}");
        assert!(text.contains("Flags: qr aa"), "{text}");
        assert!(text.contains("\nmail.example.org."), "{text}");
        let line = format!(
            "waypost_queries_total{{service=\"\",region=\"\",reason=\"static\",rcode=\"NOERROR\",transport=\"{}\"}} ",
            transport.word()
        );
        assert!(stage.metric(&line) >= 1, "{line}");
    }
}

/// Not over QUIC: kdig 3.2 fails to open a second stream there (`same` asks thousands on one).
#[test]
fn kdig_asks_many_questions_on_one_connection() {
    let stage = Stage::open();
    for (transport, option) in [
        (Transport::Tcp, "+tcp"),
        (Transport::Tls, "+tls"),
        (Transport::Https, "+https"),
    ] {
        let names = ["mail.example.org", "api.example.org", "nowhere.example.org"];
        let mut arguments = vec![option, "+keepopen"];
        arguments.extend(names);
        let text = kdig(&stage, transport, &arguments);
        let replies = text.matches("->>HEADER<<-").count();
        assert_eq!(replies, names.len(), "{option}: {text}");
    }
}

#[test]
fn kdig_sees_that_encrypted_replies_are_padded_to_a_block() {
    let stage = Stage::open();
    for (transport, option) in [
        (Transport::Tls, "+tls"),
        (Transport::Https, "+https"),
        (Transport::Quic, "+quic"),
    ] {
        let text = kdig(
            &stage,
            transport,
            &[option, "+padding=128", "api.example.org", "A"],
        );
        assert!(text.contains("PADDING"), "{text}");
        let size = text.split(";; Received ").nth(1).unwrap();
        let size: usize = size.split(' ').next().unwrap().parse().unwrap();
        assert_eq!(size % 468, 0, "{option}: {text}");
        let bare = kdig(
            &stage,
            transport,
            &[option, "+nopadding", "api.example.org", "A"],
        );
        assert!(!bare.contains("PADDING"), "{bare}");
    }
}
