//! The folder of keys: permissions, errors by file, and rollovers over real files.
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use tempfile::{TempDir, tempdir};

use super::*;
use crate::base::Span;
use crate::dns::Name;
use crate::dns::dnssec::Algorithm;
use crate::dns::dnssec::key::RsaSize;
use crate::keys::{Fellow, Fellows, Policy, Role, Time};

const POLICY: Policy = Policy {
    zsk_lifetime: Some(Span::from_secs(1000)),
    ksk_lifetime: None,
    dnskey_ttl: Span::from_secs(10),
    zone_ttl: Span::from_secs(10),
    ds_ttl: Span::from_secs(10),
    propagation: Span::from_secs(1),
    signing: Span::from_secs(100),
};

fn store() -> (TempDir, Store) {
    let folder = tempdir().unwrap();
    let zone = Name::parse("Example.org").unwrap();
    let store = Store::new(&folder.path().join("keys"), &zone);
    (folder, store)
}

/// Makes the keys of a new zone.
fn begin(store: &Store, roles: &[Role]) {
    let locked = store.lock().unwrap();
    let mut ring = locked.ring().unwrap();
    for role in roles {
        let made = locked.make(*role, Algorithm::EcdsaP256, RsaSize::Bits2048, Time(1000));
        ring.add(made.unwrap());
    }
    locked.save(&ring).unwrap();
}

fn mode(path: &std::path::Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o777
}

#[test]
fn a_folder_is_for_its_owner_alone() {
    let (folder, store) = store();
    begin(&store, &[Role::Csk]);
    let ring = store.ring().unwrap();
    assert_eq!(mode(&folder.path().join("keys")), 0o700);
    assert_eq!(mode(&store.state_path()), 0o600);
    let private = store.key_path(ring.keys[0].id, "private");
    assert_eq!(mode(&private), 0o600);
    store.key(ring.keys[0].id).unwrap();
    for open in [0o640, 0o604, 0o620] {
        fs::set_permissions(&private, fs::Permissions::from_mode(open)).unwrap();
        let error = store.key(ring.keys[0].id).unwrap_err().to_string();
        let reason = format!("is open to others (mode {open:04o}); run `chmod 600` on it");
        assert!(error.contains(&reason), "{error}");
    }
}

#[test]
fn a_rollover_goes_by_itself_and_its_keys_can_be_loaded() {
    let (_folder, store) = store();
    begin(&store, &[Role::Ksk, Role::Zsk]);
    assert!(store.load().unwrap().zone_keys().is_empty());
    let mut keys = Vec::new();
    for now in (1000..4000).step_by(5) {
        store
            .advance(&POLICY, &Fellows::default(), Time(now))
            .unwrap();
        let loaded = store.load().unwrap();
        assert_eq!(loaded.zone_keys().len(), 1);
        assert_eq!(loaded.entry_keys().len(), 1);
        let signer = loaded.zone_keys()[0].public().tag();
        if keys.last() != Some(&signer) {
            keys.push(signer);
        }
        let rdata = loaded.zone_keys()[0].public().rdata();
        assert!(loaded.dnskey().contains(&rdata));
    }
    assert_eq!(keys.len(), 3);
    assert_eq!(store.load().unwrap().cds().len(), 1);
    let done = store
        .advance(&POLICY, &Fellows::default(), Time(3995))
        .unwrap();
    assert_eq!(done, [], "nothing is due twice");
}

#[test]
fn nothing_is_written_over_a_key() {
    let (_folder, store) = store();
    begin(&store, &[Role::Csk]);
    let id = store.ring().unwrap().keys[0].id;
    let key = store.key(id).unwrap();
    let locked = store.lock().unwrap();
    let error = locked.write(&key, Role::Csk, &Default::default(), Time(0));
    let error = error.unwrap_err().to_string();
    assert!(error.ends_with("is there already, and no key is written over another"));
}

#[test]
fn what_is_wrong_is_said_of_its_file() {
    let (_folder, store) = store();
    begin(&store, &[Role::Csk]);
    store
        .advance(&POLICY, &Fellows::default(), Time(1000))
        .unwrap();
    let id = store.ring().unwrap().keys[0].id;
    let (public, private) = (store.key_path(id, "key"), store.key_path(id, "private"));
    let whole = fs::read_to_string(&private).unwrap();
    fs::write(&private, whole.replace("PrivateKey", "Private")).unwrap();
    let error = store.load().unwrap_err();
    assert_eq!(error.path, private);
    assert!(
        error.reason.contains("line 4: `PrivateKey:` is missing"),
        "{error}"
    );
    fs::write(&private, whole).unwrap();
    fs::remove_file(&public).unwrap();
    assert_eq!(store.load().unwrap_err().path, public);
    fs::write(store.state_path(), "{").unwrap();
    let error = store.load().unwrap_err().to_string();
    assert!(error.contains("bring it back from a backup"), "{error}");
}

#[test]
fn a_crash_leaves_strays_and_the_old_state() {
    let (_folder, store) = store();
    begin(&store, &[Role::Csk]);
    let before = store.ring().unwrap();
    let locked = store.lock().unwrap();
    let stray = locked
        .make(Role::Csk, Algorithm::Ed25519, RsaSize::Bits2048, Time(5))
        .unwrap();
    fs::write(format!("{}.new", store.state_path().display()), "torn").unwrap();
    assert_eq!(store.ring().unwrap(), before);
    let strays = store.strays(&before).unwrap();
    assert_eq!(strays, [store.key_path(stray.id, "private")]);
    locked.save(&before).unwrap();
    assert_eq!(store.ring().unwrap(), before);
}

#[test]
fn a_key_of_another_node_is_kept_if_it_is_the_key_that_it_is_said_to_be() {
    let (_one, from) = store();
    let (_two, to) = store();
    begin(&from, &[Role::Csk]);
    from.advance(&POLICY, &Fellows::default(), Time(1000))
        .unwrap();
    let told = from.load().unwrap().told();
    let key = told.ring.keys[0].clone();
    let (id, print) = (key.id, told.prints[&key.id]);
    let secret = from.secret(id).unwrap();
    let wrong = to.keep(&key, print + 1, &secret).unwrap_err();
    assert!(wrong.reason.contains("another key"), "{wrong}");
    assert!(to.held().unwrap().is_empty());
    to.keep(&key, print, &secret).unwrap();
    assert_eq!(mode(&to.key_path(id, "private")), 0o600);
    // A crash before the second file was written.
    fs::remove_file(to.key_path(id, "key")).unwrap();
    to.keep(&key, print, &secret).unwrap();
    let fellows = Fellows {
        others: vec![Fellow::Serves(told)],
        held: to.held().unwrap(),
        is_second: false,
    };
    assert_eq!(to.advance(&POLICY, &fellows, Time(2000)).unwrap(), []);
    let loaded = to.load().unwrap();
    assert_eq!(
        loaded.zone_keys()[0].public(),
        from.load().unwrap().zone_keys()[0].public()
    );
}
