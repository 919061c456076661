//! Configs of other servers: what they translate to, and that it is a good config.
//!
//! `UPDATE_SNAPSHOTS=1` writes what they translate to now.
use std::fs;
use std::net::IpAddr;

use waypost::import::{self, ImportedFile, Maker, RemarkKind, Translation};

use crate::imported::{FOLDERS, Imported, clients, compile, folder, translate};

/// The files of a translation and its remarks, as they are kept.
fn kept(translation: &Translation) -> Vec<(String, String)> {
    let remarks = translation
        .remarks
        .iter()
        .map(|remark| format!("{remark}\n"));
    let mut files = translation.files.clone();
    files.push(("remarks.txt".to_owned(), remarks.collect()));
    files
}

#[test]
fn each_folder_translates_as_before() {
    let is_update = std::env::var_os("UPDATE_SNAPSHOTS").is_some();
    for (name, _) in FOLDERS {
        let out = folder(name).join("out");
        for (file, text) in kept(&translate(name)) {
            let path = out.join(file);
            if is_update {
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(&path, &text).unwrap();
            }
            let before = fs::read_to_string(&path).unwrap_or_default();
            assert_eq!(before, text, "{}", path.display());
        }
    }
}

#[test]
fn each_translation_passes_the_check() {
    for (name, _) in FOLDERS {
        let (_, found) = compile(&translate(name))
            .unwrap_or_else(|found| panic!("{name}: {}", found.render(false)));
        assert!(
            !found.has_errors() && !found.has_unsettled(),
            "{name}: {}",
            found.render(false)
        );
    }
}

#[test]
fn whatever_a_peer_answers_alike_is_lossless() {
    for name in [
        "gdnsd",
        "powerdns-geoip",
        "knot-geodb",
        "knot-subnet",
        "knot-weighted",
    ] {
        let translation = translate(name);
        let mut remarks = translation.remarks.iter();
        let lost = remarks.find(|remark| remark.kind == RemarkKind::Lost);
        assert_eq!(lost, None, "{name}");
    }
    assert!(translate("gdnsd-rest").has_losses());
}

/// The addresses of a question, for a client at the beginning of a network.
fn told(name: &str, question: &str, client: &str) -> Vec<String> {
    let imported = Imported::of(&translate(name));
    let address: IpAddr = client.parse().unwrap();
    let prefix = if address.is_ipv4() { 24 } else { 48 };
    let found = imported.addresses(question, (address, prefix));
    found.iter().map(ToString::to_string).collect()
}

#[test]
fn route53_is_answered_by_place_weight_and_tier() {
    // Sweden, Germany, Brazil.
    assert_eq!(
        told("route53", "geo.example.test A", "20.2.0.0"),
        ["192.0.2.40"]
    );
    assert_eq!(
        told("route53", "geo.example.test A", "20.0.0.0"),
        ["192.0.2.41"]
    );
    assert_eq!(
        told("route53", "geo.example.test A", "20.17.0.0"),
        ["192.0.2.43"]
    );
    assert_eq!(
        told("route53", "multi.example.test A", "20.0.0.0"),
        ["192.0.2.30", "192.0.2.31"]
    );
    assert_eq!(
        told("route53", "failover.example.test A", "20.0.0.0"),
        ["192.0.2.20"]
    );
    assert_eq!(
        told("route53", "near.example.test A", "20.6.0.0"),
        ["192.0.2.50"]
    );
    let imported = Imported::of(&translate("route53"));
    let clients = clients(2000);
    let blue: IpAddr = "192.0.2.10".parse().unwrap();
    for name in ["weighted", "www"] {
        let share = clients.iter().filter(|client| {
            imported
                .addresses(&format!("{name}.example.test A"), **client)
                .contains(&blue)
        });
        let share = share.count();
        assert!((1700..1900).contains(&share), "{share}");
    }
}

#[test]
fn octodns_and_k8gb_fall_back_in_their_order() {
    assert_eq!(
        told("octodns", "www.example.test A", "20.10.0.0"),
        ["192.0.2.1"]
    );
    assert_eq!(
        told("octodns", "www.example.test AAAA", "20.0.0.0"),
        ["2001:db8::11"]
    );
    assert_eq!(
        told("octodns", "www.example.test A", "20.17.0.0"),
        ["192.0.2.21"]
    );
    let mut imported = Imported::of(&translate("octodns"));
    imported.take_down("www-example-test", "apac");
    let japan = ("20.10.0.0".parse().unwrap(), 24);
    assert_eq!(
        imported.addresses("www.example.test A", japan),
        ["192.0.2.21".parse().unwrap()].into()
    );
    assert_eq!(
        told("k8gb", "app.cloud.example.test A", "20.0.0.0"),
        ["192.0.2.11"]
    );
}

#[test]
fn what_is_no_config_of_the_maker_is_refused() {
    let read = |maker: Maker, text: &str| {
        let file = ImportedFile {
            name: "f".to_owned(),
            text: text.to_owned(),
        };
        import::translate(maker, &[file])
            .map(|_| ())
            .map_err(|error| error.to_string())
    };
    assert!(
        read(Maker::Gdnsd, "plugins => {\n")
            .unwrap_err()
            .starts_with("f:2: ")
    );
    assert!(
        read(Maker::Route53, "{\"a\": [1,\n")
            .unwrap_err()
            .starts_with("f:2: ")
    );
    for maker in [Maker::PowerDns, Maker::Route53, Maker::K8gb] {
        assert!(read(maker, "a: 1\n").unwrap_err().contains("nothing in it"));
    }
}
