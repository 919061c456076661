//! What is signed is believed, what was touched is not. Other programs: `tests/real/transfer`.
use super::*;
use crate::dns::message::{self, opcode};

const NOW: u64 = 1_800_000_000;

fn key(name: &str, algorithm: Algorithm, secret: &[u8]) -> Key {
    Key::new(Name::parse(name).unwrap(), algorithm, secret)
}

fn own() -> Key {
    key("Transfer.example", Algorithm::Sha256, b"a secret of theirs")
}

fn query() -> Vec<u8> {
    let head = message::header(0x1234, opcode::QUERY, None, [1, 0, 0, 0]);
    [&head[..], b"\x07example\x03org\x00\x00\xFC\x00\x01"].concat()
}

fn signed(key: &Key) -> (Vec<u8>, Verifier) {
    let (mut request, mut signer) = (query(), Signer::request(key));
    let bare = request.len();
    signer.sign(&mut request, NOW);
    assert_eq!(request.len() - bare, key.record_bytes());
    (request, signer.into_verifier())
}

fn accept(request: &[u8]) -> Signer {
    match check([&own()], request, NOW) {
        Ok(Checked::Signed(signer)) => signer,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_stream_of_messages_is_signed_one_after_the_other() {
    for algorithm in Algorithm::ALL {
        let key = key("k.example", algorithm, b"x");
        let (request, mut verifier) = signed(&key);
        let Ok(Checked::Signed(mut signer)) = check([&own(), &key], &request, NOW) else {
            panic!("{algorithm:?}");
        };
        for number in 0..5 {
            let mut reply = message::reply(&query(), 0).unwrap();
            reply[3] = number;
            let bare = reply.clone();
            signer.sign(&mut reply, NOW + 1);
            assert!(is_signed(&reply) && !is_signed(&bare));
            assert_eq!(verifier.verify(&reply, NOW + 1), Ok(bare));
            assert!(verifier.is_settled());
        }
    }
}

/// A vector of another program: `dig` 9.20 asking with `hmac-sha256:k:c2VjcmV0` would make the
/// same MAC as this digest, put together by hand from sections 4.3.1 to 4.3.3.
#[test]
fn the_digest_is_what_the_rfc_says() {
    let key = key("K", Algorithm::Sha256, b"secret");
    let (request, _) = signed(&key);
    let mut covered = query();
    covered.extend(b"\x01k\x00\x00\xFF\x00\x00\x00\x00\x0Bhmac-sha256\x00");
    covered.extend(&NOW.to_be_bytes()[2..]);
    covered.extend([0x01, 0x2C, 0, 0, 0, 0]);
    let mac = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, b"secret"), &covered);
    assert!(request.windows(32).any(|window| window == mac.as_ref()));
}

#[test]
fn whatever_is_touched_is_noticed() {
    let (request, _) = signed(&own());
    accept(&request);
    for at in 0..request.len() {
        let mut touched = request.clone();
        touched[at] ^= 0x01;
        let found = check([&own()], &touched, NOW);
        // The id is not covered: the original one stands in the record. Nor is the case of names.
        if at > 1 {
            assert!(!matches!(found, Ok(Checked::Signed(_))), "octet {at}");
        }
    }
    for length in 0..request.len() {
        let _ = check([&own()], &request[..length], NOW);
    }
}

#[test]
fn faults_are_told_apart() {
    let stranger = key("other.example", Algorithm::Sha256, b"x");
    let other_algorithm = key("transfer.example", Algorithm::Sha512, b"a secret of theirs");
    let other_secret = key("transfer.example", Algorithm::Sha256, b"a secret of ours");
    for (key, word, error) in [
        (&stranger, "BADKEY", 17),
        (&other_algorithm, "BADKEY", 17),
        (&other_secret, "BADSIG", 16),
    ] {
        let (request, mut verifier) = signed(key);
        let fault = check([&own()], &request, NOW).unwrap_err();
        assert_eq!((fault.word(), fault.rcode()), (word, rcode::NOTAUTH));
        let mut reply = message::reply(&query(), fault.rcode()).unwrap();
        fault.sign(&mut reply, NOW);
        assert_eq!(verifier.verify(&reply, NOW), Err(Doubt::Refused(error)));
    }
}

#[test]
fn another_time_is_told_with_ours_signed() {
    let (request, mut verifier) = signed(&own());
    for late in [NOW + 301, NOW - 301] {
        let fault = check([&own()], &request, late).unwrap_err();
        assert_eq!(fault.word(), "BADTIME");
        let mut reply = message::reply(&query(), fault.rcode()).unwrap();
        fault.sign(&mut reply, late);
        assert!(reply.ends_with(&late.to_be_bytes()[2..]));
        assert_eq!(verifier.verify(&reply, NOW), Err(Doubt::Refused(18)));
    }
    assert!(check([&own()], &request, NOW + 300).is_ok());
}

#[test]
fn a_short_mac_is_not_enough() {
    let (request, _) = signed(&own());
    let cut = |octets: usize| {
        let mut cut = request.clone();
        let mac = cut.len() - 6 - 32;
        cut.drain(mac + octets..mac + 32);
        let length = u8::try_from(octets).unwrap();
        cut[mac - 1] = length;
        // RDLENGTH stands in front of algorithm, time, fudge and MAC length.
        let rdlength = mac - 10 - 13 - 1;
        cut[rdlength] -= 32 - length;
        check([&own()], &cut, NOW).unwrap_err()
    };
    assert_eq!(cut(16).word(), "BADTRUNC");
    assert_eq!(cut(31).word(), "BADTRUNC");
    assert_eq!(cut(15).word(), "FORMERR");
}

#[test]
fn a_tsig_stands_last_and_alone() {
    let (request, _) = signed(&own());
    let mut twice = request.clone();
    Signer::request(&own()).sign(&mut twice, NOW);
    assert_eq!(check([&own()], &twice, NOW).unwrap_err().word(), "FORMERR");
    let mut followed = request;
    followed.extend([0, 0, 41, 4, 0xD0, 0, 0, 0, 0, 0, 0]);
    followed[11] += 1;
    assert_eq!(
        check([&own()], &followed, NOW).unwrap_err().word(),
        "FORMERR"
    );
    assert!(matches!(
        check([&own()], &query(), NOW),
        Ok(Checked::Unsigned)
    ));
}

#[test]
fn a_peer_may_leave_messages_bare_but_not_the_last() {
    let (request, mut verifier) = signed(&own());
    let signer = accept(&request);
    let bare = message::reply(&query(), 0).unwrap();
    assert_eq!(
        verifier.verify(&bare, NOW),
        Err(Doubt::Unsigned),
        "the first"
    );

    let (mut before, mut first) = (signer, bare.clone());
    before.sign(&mut first, NOW);
    assert!(verifier.verify(&first, NOW).is_ok());
    for _ in 0..2 {
        assert_eq!(verifier.verify(&bare, NOW), Ok(bare.clone()));
    }
    assert!(!verifier.is_settled());
    // The next MAC covers the bare messages as well.
    let timers = [&NOW.to_be_bytes()[2..], &FUDGE.to_be_bytes()].concat();
    let covered = [&[0, 32][..], &before.before, &bare, &bare, &bare, &timers].concat();
    let mac = before.key.sign(&[&covered]);
    let mut last = bare.clone();
    Found {
        name: before.key.name.clone(),
        algorithm: Algorithm::Sha256.name(),
        time: NOW,
        fudge: FUDGE,
        mac: &mac,
        id: 0x1234,
        error: 0,
        other: &[],
        start: 0,
    }
    .put(&mut last);
    assert_eq!(verifier.verify(&last, NOW), Ok(bare.clone()));
    assert!(verifier.is_settled());
    for _ in 0..99 {
        assert!(verifier.verify(&bare, NOW).is_ok());
    }
    assert_eq!(verifier.verify(&bare, NOW), Err(Doubt::Unsigned));
}

#[test]
fn secrets_are_base64_and_not_shown() {
    assert_eq!(secret("c2VjcmV0\n"), Some(b"secret".to_vec()));
    assert_eq!(secret("c2Vjcm0*"), None);
    assert_eq!(secret(""), None);
    let shown = format!("{:?}", key("k", Algorithm::Sha256, b"secret"));
    assert_eq!(shown, "k (hmac-sha256, secret)");
}
