//! A standby and its primary that are asked over TLS, and a certificate that nobody trusts.
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;
use std::sync::Arc;

use nix::unistd::User;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use waypost::base::{Cause, Span};
use waypost::health::ProbeResult;
use waypost::monitor::certificate::CertificatePolicy;
use waypost::monitor::encryption::{Encryption, EncryptionStart};
use waypost::monitor::postgres::PostgresCheck;

use super::cluster::{Cluster, Server};
use crate::probing::{LONG, check, fail, probe, probe_within};

/// Gives a server a certificate for both addresses, by reloading it.
fn encrypt(server: &Server, folder: &Path, issuer: &CertifiedIssuer<'_, KeyPair>) {
    let key = KeyPair::generate().unwrap();
    let names = ["127.0.0.1", "127.0.0.2"].map(str::to_owned);
    let certificate = CertificateParams::new(names).unwrap();
    let certificate = certificate.signed_by(&key, issuer).unwrap();
    let owner = User::from_name("postgres").unwrap().unwrap();
    let port = server.address;
    for (setting, text) in [
        ("ssl_cert_file", certificate.pem()),
        ("ssl_key_file", key.serialize_pem()),
    ] {
        let path = folder.join(format!("{port}-{setting}"));
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        chown(&path, Some(owner.uid.as_raw()), Some(owner.gid.as_raw())).unwrap();
        server.set(setting, &path.display().to_string());
    }
    server.set("ssl", "on");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_and_its_primary_are_asked_over_tls() {
    let cluster = Cluster::start();
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let roots: Arc<[u8]> = Arc::from(issuer.pem().as_bytes());
    let primary = cluster.primary.address;
    let over_tls = PostgresCheck {
        primary: Some((primary.ip().to_string(), primary.port())),
        max_lag: Some(LONG),
        max_lag_bytes: None,
        encryption: Encryption {
            begins: EncryptionStart::OnRequest,
            host: None,
            certificate: CertificatePolicy {
                roots: Some(("roots.pem".to_owned(), roots)),
                ..CertificatePolicy::default()
            },
        },
        ..check()
    };
    let standby = cluster.standby.address;
    assert_eq!(
        probe(standby, over_tls.clone()).await,
        fail(Cause::Tls),
        "it offers none yet"
    );
    encrypt(&cluster.standby, folder.path(), &issuer);
    let waited = tokio::time::Instant::now();
    // The reload takes a moment. Its primary still offers none: nothing shows that it has caught up.
    while probe(standby, over_tls.clone()).await != fail(Cause::Behind) {
        assert!(
            waited.elapsed() < crate::probing::PATIENCE,
            "it never offers TLS"
        );
    }
    encrypt(&cluster.primary, folder.path(), &issuer);
    let waited = tokio::time::Instant::now();
    loop {
        let report = probe_within(LONG, standby, over_tls.clone()).await;
        if report.outcome == ProbeResult::Pass {
            assert!(report.timing.tls_us > 0 && report.certificate_expires.is_some());
            break;
        }
        assert!(waited.elapsed() < crate::probing::PATIENCE, "{report:?}");
    }
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let stranger = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let strangers: Arc<[u8]> = Arc::from(stranger.pem().as_bytes());
    let trusting_others = PostgresCheck {
        encryption: Encryption {
            certificate: CertificatePolicy {
                roots: Some(("roots.pem".to_owned(), strangers)),
                ..CertificatePolicy::default()
            },
            ..over_tls.encryption.clone()
        },
        max_lag: Some(Span(1000)),
        ..over_tls.clone()
    };
    assert_eq!(
        probe(standby, trusting_others).await,
        fail(Cause::CertificateIssuer)
    );
}
