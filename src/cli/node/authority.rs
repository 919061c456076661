//! The private CA of a cluster: a folder with its certificate and key, its list of revoked certificates, and what it has issued.
//!
//! ```text
//! ca.pem  ca.key (0600)  crl.pem  issued/NAME.pem: all certificates of a node, the newest first
//! ```
//!
//! It vouches for machines, and is trusted for nothing but the cluster. Nobody asks it while nodes run.
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use aws_lc_rs::rand;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, RevocationReason,
    RevokedCertParams, SerialNumber, date_time_ymd,
};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, CertificateRevocationListDer};
use x509_parser::prelude::{CertificateRevocationList, FromDer};

use crate::daemon::Failure;

/// Seconds for which a CA vouches: ten years.
const LONG: u64 = 3653 * 86_400;
/// Seconds by which clocks may differ.
const SKEW: u64 = 3600;

/// A CA that can sign.
pub(super) struct Authority {
    folder: PathBuf,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate with its private key, both in PEM.
pub(super) struct Issued {
    pub(super) certificate: String,
    pub(super) key: String,
}

/// The time for which a certificate is good, in seconds since 1970.
#[derive(Clone, Copy, Debug)]
pub(super) struct Validity {
    pub(super) from: u64,
    pub(super) until: u64,
}

impl Validity {
    /// Of the first certificate of a file; nothing, if there is none.
    pub(super) fn read(path: &Path) -> Option<Self> {
        let certificate = CertificateDer::from_pem_file(path).ok()?;
        let (_, parsed) = x509_parser::parse_x509_certificate(&certificate).ok()?;
        let validity = parsed.validity();
        let seconds = |time: i64| u64::try_from(time).unwrap_or(0);
        Some(Self {
            from: seconds(validity.not_before.timestamp()),
            until: seconds(validity.not_after.timestamp()),
        })
    }
}

impl Authority {
    /// The CA of a folder.
    pub(super) fn open(folder: &Path) -> Result<Self, Failure> {
        let read = |name: &str| {
            let path = folder.join(name);
            fs::read_to_string(&path)
                .map_err(|error| format!("cannot read {}: {error}", path.display()))
        };
        let broken = |error: rcgen::Error| format!("{} is no CA: {error}", folder.display());
        let key = KeyPair::from_pem(&read("ca.key")?).map_err(broken)?;
        let issuer = Issuer::from_ca_cert_pem(&read("ca.pem")?, key).map_err(broken)?;
        Ok(Self {
            folder: folder.to_owned(),
            issuer,
        })
    }

    /// The CA of a folder, made if the folder has none; `now` is seconds since 1970.
    pub(super) fn open_or_make(folder: &Path, now: u64) -> Result<Self, Failure> {
        if !folder.join("ca.pem").exists() {
            make(folder, now)?;
            Self::open(folder)?.publish(&[], now)?;
        }
        Self::open(folder)
    }

    /// The list of revoked certificates.
    pub(super) fn list(folder: &Path) -> PathBuf {
        folder.join("crl.pem")
    }

    /// The certificates of a node.
    pub(super) fn issued(folder: &Path, node: &str) -> PathBuf {
        folder.join("issued").join(format!("{node}.pem"))
    }

    /// Makes a certificate for a node that is reached by these names and addresses, good from a time for so many seconds.
    pub(super) fn issue(
        &self,
        node: &str,
        names: &[String],
        validity: (u64, u64),
    ) -> Result<Issued, Failure> {
        let failed = |error: rcgen::Error| format!("cannot make a certificate for {node}: {error}");
        let key = KeyPair::generate().map_err(failed)?;
        let mut params = CertificateParams::new(names).map_err(failed)?;
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, node);
        params.serial_number = Some(serial()?);
        dated(&mut params, validity);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        params.use_authority_key_identifier_extension = true;
        let certificate = params.signed_by(&key, &self.issuer).map_err(failed)?.pem();
        let kept = Self::issued(&self.folder, node);
        let before = fs::read_to_string(&kept).unwrap_or_default();
        write(&kept, &format!("{certificate}{before}"), 0o644)?;
        Ok(Issued {
            certificate,
            key: key.serialize_pem(),
        })
    }

    /// Takes all certificates of a node back, and says how many were good.
    pub(super) fn revoke(&self, node: &str, now: u64) -> Result<usize, Failure> {
        let issued = Self::issued(&self.folder, node);
        let told = |error: &dyn std::fmt::Display| format!("{}: {error}", issued.display());
        let text = fs::read(&issued).map_err(|error| told(&error))?;
        let mut revoked = self.revoked()?;
        let before = revoked.len();
        for certificate in CertificateDer::pem_slice_iter(&text) {
            let certificate = certificate.map_err(|error| told(&error))?;
            let parsed = x509_parser::parse_x509_certificate(&certificate);
            let (_, parsed) = parsed.map_err(|error| told(&error))?;
            let serial = parsed.raw_serial().to_vec();
            if revoked.iter().all(|(known, _)| *known != serial) {
                revoked.push((serial, now));
            }
        }
        self.publish(&revoked, now)?;
        Ok(revoked.len() - before)
    }

    /// The serial numbers of revoked certificates, and since when they are.
    fn revoked(&self) -> Result<Vec<(Vec<u8>, u64)>, Failure> {
        let path = Self::list(&self.folder);
        let told = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
        let list = CertificateRevocationListDer::from_pem_file(&path);
        let list = list.map_err(|error| told(&error))?;
        let parsed = CertificateRevocationList::from_der(&list);
        let (_, parsed) = parsed.map_err(|error| told(&error))?;
        let revoked = parsed.iter_revoked_certificates().map(|own| {
            let since = u64::try_from(own.revocation_date.timestamp()).unwrap_or(0);
            (own.raw_serial().to_vec(), since)
        });
        Ok(revoked.collect())
    }

    /// Writes the list of revoked certificates anew.
    fn publish(&self, revoked: &[(Vec<u8>, u64)], now: u64) -> Result<(), Failure> {
        let failed =
            |error: rcgen::Error| format!("cannot make a list of revoked certificates: {error}");
        let time = |seconds| date_time_ymd(1970, 1, 1) + Duration::from_secs(seconds);
        let revoked = revoked.iter().map(|(serial, since)| RevokedCertParams {
            serial_number: SerialNumber::from_slice(serial),
            revocation_time: time(*since),
            reason_code: Some(RevocationReason::CessationOfOperation),
            invalidity_date: None,
        });
        let params = CertificateRevocationListParams {
            this_update: time(now.saturating_sub(SKEW)),
            next_update: time(now.saturating_add(LONG)),
            crl_number: SerialNumber::from(now),
            issuing_distribution_point: None,
            revoked_certs: revoked.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let list = params.signed_by(&self.issuer).map_err(failed)?;
        write(
            &Self::list(&self.folder),
            &list.pem().map_err(failed)?,
            0o644,
        )
    }
}

/// Makes a CA in a folder that has none.
fn make(folder: &Path, now: u64) -> Result<(), Failure> {
    let failed = |error: rcgen::Error| format!("cannot make a CA: {error}");
    let key = KeyPair::generate().map_err(failed)?;
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::CommonName, "Waypost cluster CA");
    params.serial_number = Some(serial()?);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    dated(&mut params, (now, LONG));
    let certificate = params.self_signed(&key).map_err(failed)?.pem();
    write_new(&folder.join("ca.key"), &key.serialize_pem())?;
    write(&folder.join("ca.pem"), &certificate, 0o644)
}

/// A drawn serial number, positive (RFC 5280, section 4.1.2.2).
fn serial() -> Result<SerialNumber, Failure> {
    let mut octets = [0; 16];
    rand::fill(&mut octets).map_err(|_| "the system gives no random numbers".to_owned())?;
    // Neither negative nor with a zero in front, so that it is read as it was written.
    octets[0] = octets[0] & 0x3f | 0x40;
    Ok(SerialNumber::from_slice(&octets))
}

/// Good from an hour ago for so many seconds: clocks differ.
fn dated(params: &mut CertificateParams, (now, lifetime): (u64, u64)) {
    let time = |seconds| date_time_ymd(1970, 1, 1) + Duration::from_secs(seconds);
    params.not_before = time(now.saturating_sub(SKEW));
    params.not_after = time(now.saturating_add(lifetime));
}

/// Writes a secret that was not there, for its owner alone.
pub(super) fn write_new(path: &Path, text: &str) -> Result<(), Failure> {
    let failed = |error: std::io::Error| format!("cannot write {}: {error}", path.display());
    folder_of(path)?;
    let mut options = OpenOptions::new();
    let file = options.write(true).create_new(true).mode(0o600).open(path);
    let mut file = file.map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)?;
    file.sync_all().map_err(failed)
}

/// Writes a file in the place of another, as a whole.
pub(super) fn write(path: &Path, text: &str, mode: u32) -> Result<(), Failure> {
    let failed = |error: std::io::Error| format!("cannot write {}: {error}", path.display());
    folder_of(path)?;
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    // What a write that broke off left there may be readable by others.
    let _ = fs::remove_file(&beside);
    let mut options = OpenOptions::new();
    let file = options
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(&beside);
    let mut file = file.map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)?;
    file.sync_all().map_err(failed)?;
    fs::rename(&beside, path).map_err(failed)
}

fn folder_of(path: &Path) -> Result<(), Failure> {
    let folder = path.parent().unwrap_or(Path::new(""));
    fs::create_dir_all(folder).map_err(|error| format!("cannot make {}: {error}", folder.display()))
}
