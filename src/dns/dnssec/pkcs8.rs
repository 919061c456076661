//! Private keys in PKCS #8 PEM (RFC 5958, RFC 7468): what `openssl genpkey` writes.
//!
//! Only keys that are not encrypted: a server that starts by itself would need the password
//! beside the key.
use domain::utils::base64;

use super::PrivateKey;
use super::bind::KeyTextError;
use super::der;
use super::der::Elements;
use super::material::{Material, RsaNumbers};

const BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const END: &str = "-----END PRIVATE KEY-----";
const HELP: &str = "bring it as `openssl pkcs8 -topk8 -nocrypt` writes it";

/// `rsaEncryption` (RFC 8017, appendix A.1).
const RSA: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x01];
/// `id-ecPublicKey` (RFC 5480, section 2.1.1).
const EC: &[u8] = &[0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01];
/// `secp256r1` (RFC 5480, section 2.1.1.1).
const P256: &[u8] = &[0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07];
/// `id-Ed25519` (RFC 8410, section 3).
const ED25519: &[u8] = &[0x2B, 0x65, 0x70];

/// Whether a text has something in PEM.
#[must_use]
pub fn is_pem(text: &str) -> bool {
    text.lines().any(|line| line.starts_with("-----BEGIN "))
}

/// Reads the first private key of a text.
///
/// # Errors
/// When there is none, or it is none of ours.
pub fn read(text: &str) -> Result<Material, KeyTextError> {
    let wrong = |line: usize, message: &str| KeyTextError {
        line,
        message: message.to_owned(),
        help: HELP,
    };
    let mut lines = text.lines().zip(1..);
    let begin = lines.find(|(line, _)| line.starts_with("-----BEGIN "));
    let Some((begin, number)) = begin else {
        return Err(wrong(1, "there is no key in PEM here"));
    };
    if begin.trim_end() != BEGIN {
        let message = match begin.contains("ENCRYPTED") {
            true => "the key is encrypted",
            false => "this is not a private key in PKCS #8",
        };
        return Err(wrong(number, message));
    }
    let inside = lines.take_while(|(line, _)| line.trim_end() != END);
    let digits: String = inside.map(|(line, _)| line.trim()).collect();
    let octets: Vec<u8> =
        base64::decode(&digits).map_err(|_| wrong(number, "this is not base 64"))?;
    parse(&octets).ok_or_else(|| wrong(number, "this is no key of RSA, P-256 or Ed25519"))
}

fn parse(octets: &[u8]) -> Option<Material> {
    let mut outer = Elements(octets).enter(der::SEQUENCE)?;
    outer.number()?;
    let mut kind = outer.enter(der::SEQUENCE)?;
    let key = outer.take(der::OCTET_STRING)?;
    match kind.take(der::OBJECT)? {
        RSA => RsaNumbers::from_pkcs1(key).map(|numbers| Material::Rsa(Box::new(numbers))),
        ED25519 => {
            let seed = Elements(key).take(der::OCTET_STRING)?;
            seed.try_into().ok().map(Material::Ed25519)
        }
        EC if kind.take(der::OBJECT)? == P256 => {
            let mut inner = Elements(key).enter(der::SEQUENCE)?;
            inner.number()?;
            let scalar = inner.take(der::OCTET_STRING)?;
            scalar.try_into().ok().map(Material::P256)
        }
        _ => None,
    }
}

/// Writes a key so that `read` and `openssl` read it; `None` if the library does not give the
/// secret numbers.
#[must_use]
pub fn write(key: &PrivateKey) -> Option<String> {
    let null = der::element(der::NULL, &[]);
    let version = der::number(&[]);
    let object = |octets: &[u8]| der::element(der::OBJECT, &[octets]);
    let (kind, inner) = match key.material()? {
        Material::Rsa(numbers) => ([object(RSA), null].concat(), numbers.to_pkcs1()),
        Material::Ed25519(seed) => (object(ED25519), der::element(der::OCTET_STRING, &[&seed])),
        Material::P256(scalar) => {
            let point = der::element(der::BIT_STRING, &[&[0, 4], &key.public().octets]);
            let parts = [
                der::number(&[1]),
                der::element(der::OCTET_STRING, &[&scalar]),
                der::element(der::CONTEXT_1, &[&point]),
            ];
            let inner = der::element(der::SEQUENCE, &[&parts.concat()]);
            ([object(EC), object(P256)].concat(), inner)
        }
    };
    let kind = der::element(der::SEQUENCE, &[&kind]);
    let inner = der::element(der::OCTET_STRING, &[&inner]);
    let whole = der::element(der::SEQUENCE, &[&version, &kind, &inner]);
    let digits = base64::encode_string(&whole);
    let lines: Vec<&str> = (0..digits.len())
        .step_by(64)
        .filter_map(|start| digits.get(start..digits.len().min(start + 64)))
        .collect();
    Some(format!("{BEGIN}\n{}\n{END}\n", lines.join("\n")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::dnssec::Algorithm;
    use crate::dns::dnssec::key::FLAGS_ZONE;

    #[test]
    fn keys_are_read_as_they_are_written() {
        for algorithm in Algorithm::ALL {
            let key = PrivateKey::generate(algorithm, FLAGS_ZONE, [9; 32]).unwrap();
            let text = write(&key).unwrap();
            let again = PrivateKey::from_material(FLAGS_ZONE, &read(&text).unwrap()).unwrap();
            assert_eq!(again.public(), key.public());
            for end in 0..text.len() {
                if let Ok(material) = read(&text[..end]) {
                    let _ = PrivateKey::from_material(FLAGS_ZONE, &material);
                }
            }
        }
    }

    #[test]
    fn what_is_no_key_says_so() {
        for (text, line, message) in [
            ("x", 1, "there is no key in PEM here"),
            (
                "x\n-----BEGIN ENCRYPTED PRIVATE KEY-----",
                2,
                "the key is encrypted",
            ),
            (
                "-----BEGIN EC PRIVATE KEY-----",
                1,
                "this is not a private key in PKCS #8",
            ),
            ("-----BEGIN PRIVATE KEY-----\n?", 1, "this is not base 64"),
            (
                "-----BEGIN PRIVATE KEY-----\nMAA=",
                1,
                "this is no key of RSA, P-256 or Ed25519",
            ),
        ] {
            let error = read(text).err().unwrap();
            assert_eq!((error.line, &*error.message), (line, message));
        }
    }
}
