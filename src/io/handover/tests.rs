//! The part of the program that gives way, against new programs of every kind: shells that say what they are told to.
use std::net::UdpSocket;
use std::os::fd::OwnedFd;
use std::process::Command;
use std::thread;
use std::time::Duration;

use super::channel::Channel;
use super::{FromNew, FromOld, Offer, Predecessor, UpgradeError};

const BRIEFLY: Duration = Duration::from_millis(200);

/// The part that `sh` plays in the place of a new program.
fn upgrade_to(script: &str, patience: Duration) -> Result<(), UpgradeError> {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", script]);
    let offer = Offer {
        sockets: &[],
        secrets: Vec::new(),
        patience,
    };
    let made = offer.make(command, || panic!("nothing is to be released"));
    made.map(drop)
}

#[test]
fn a_program_that_is_no_waypost_takes_nothing_over() {
    let ended = upgrade_to("exit 3", Duration::from_secs(20)).unwrap_err();
    assert!(
        matches!(&ended, UpgradeError::Ended(how) if how.contains('3')),
        "{ended}"
    );
    let killed = upgrade_to("kill -9 $$", Duration::from_secs(20)).unwrap_err();
    assert!(
        matches!(&killed, UpgradeError::Ended(how) if how.contains('9')),
        "{killed}"
    );
    let late = upgrade_to("exec sleep 600", BRIEFLY).unwrap_err();
    assert!(matches!(late, UpgradeError::Late), "{late}");
    let strange =
        upgrade_to("echo hello >&0; exec sleep 600", Duration::from_secs(20)).unwrap_err();
    assert!(matches!(strange, UpgradeError::Strange(_)), "{strange}");
    let missing = Offer {
        sockets: &[],
        secrets: Vec::new(),
        patience: BRIEFLY,
    };
    let missing = missing.make(Command::new("/nonexistent/waypost"), || Ok(()));
    assert!(matches!(missing.unwrap_err(), UpgradeError::Start(..)));
}

/// More sockets than travel beside one message arrive, and are the same ones: what was sent to them before is there.
#[test]
fn sockets_arrive_with_what_waits_in_them() {
    let sockets: Vec<UdpSocket> = (0..150)
        .map(|_| UdpSocket::bind("127.0.0.1:0").unwrap())
        .collect();
    let addresses: Vec<_> = sockets
        .iter()
        .map(|one| one.local_addr().unwrap())
        .collect();
    let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
    sender.send_to(b"query", addresses[149]).unwrap();
    let sockets: Vec<OwnedFd> = sockets.into_iter().map(OwnedFd::from).collect();
    let (old, other) = Channel::pair().unwrap();
    let giving = thread::spawn(move || {
        let offer = Offer {
            sockets: &sockets,
            secrets: vec![7; 32],
            patience: Duration::from_secs(20),
        };
        let (wish, _) = old.receive::<FromNew>(offer.patience).unwrap();
        assert_eq!(
            wish,
            FromNew::Sockets {
                protocol: super::PROTOCOL
            }
        );
        offer.give_sockets(&old).unwrap();
        let (release, _) = old.receive::<FromNew>(offer.patience).unwrap();
        assert_eq!(release, FromNew::Release);
        old.send(&FromOld::Released, &[], offer.patience).unwrap();
    });
    let new = Predecessor::at(other);
    let (mut given, secrets) = new.sockets().unwrap();
    assert_eq!(secrets, [7; 32]);
    for address in &addresses[..149] {
        assert_eq!(given.udp(*address).len(), 1);
    }
    let last = given.udp(addresses[149]).remove(0);
    let mut query = [0; 16];
    let (length, from) = last.recv_from(&mut query).unwrap();
    assert_eq!(
        (&query[..length], from),
        (&b"query"[..], sender.local_addr().unwrap())
    );
    new.release().unwrap();
    giving.join().unwrap();
    assert!(new.answering().is_err(), "the other side is gone");
}
