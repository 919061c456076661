//! Signatures of ECDSA on P-256 whose nonces are made of key and message (RFC 6979, section 3.2).
//!
//! ```text
//! secret, SHA-256(message) --HMAC--> k --aws-lc--> (x, y) = k·G       r = x mod n
//!                                     '------------ p256 ----------->  s = (z + r·secret) / k mod n
//! ```
//!
//! The multiplication of the base point is nearly all of the work. `aws-lc-rs` has the fastest, but draws
//! its nonces at random; `p256` alone takes five times as long. A public key is a multiple of the base point
//! too: so k is handed to `aws-lc-rs` as if it were a private key, and what is left, arithmetic
//! modulo the order n, is done by `p256`. Both take the same time for all secrets.
//!
//! **Faults.** Two signatures over one message, of which the processor has computed one wrongly, give the secret
//! away, because their nonces are the same or nearly so. So none leaves here that is not checked:
//! the nonce is computed twice, k·G as well (inside `aws-lc-rs`), the point has to lie on the curve, and
//! (r, s) has to satisfy s·k = z + r·secret with everything read again from where it came. With the point known to
//! be k·G that equation is the same as a verification, for a thirtieth of its cost.
//!
//! It knows neither records nor keys' files. Secrets are wiped where they are kept here; the tags of HMAC
//! on the stack are not, the library gives no way.
use aws_lc_rs::agreement::{self, ECDH_P256};
use aws_lc_rs::{digest, hmac};
use p256::elliptic_curve::ops::Reduce;
use p256::elliptic_curve::zeroize::Zeroizing;
use p256::elliptic_curve::{Field, PrimeField};
use p256::{FieldBytes, PublicKey, Scalar};

/// Octets of a number modulo the order or of a coordinate.
const SIZE: usize = 32;
/// Attempts at one message before the processor is given up.
const ATTEMPTS: usize = 4;
/// The octet before the coordinates of a point that is written whole (SEC 1, section 2.3.3).
const UNCOMPRESSED: u8 = 4;

/// A number modulo the order of the base point, big endian.
type Number = [u8; SIZE];
/// A point: x and y, or a signature: r and s (RFC 6605, section 4).
pub(super) type TwoNumbers = [u8; 2 * SIZE];

/// A key that signs.
pub(super) struct Ecdsa {
    secret: Zeroizing<Number>,
}

impl Ecdsa {
    /// The key of a secret number, with the public point; `None` if it is not between 0 and the order.
    pub(super) fn new(secret: &Number) -> Option<(Self, TwoNumbers)> {
        let point = base_times(secret)?;
        let secret = Zeroizing::new(*secret);
        Some((Self { secret }, point))
    }

    /// The secret number.
    pub(super) fn secret(&self) -> Number {
        *self.secret
    }

    /// The signature over a message.
    ///
    /// # Panics
    /// When the processor computes wrongly time after time, or there is no memory left.
    pub(super) fn sign(&self, message: &[u8]) -> TwoNumbers {
        let mut attempts = (0..ATTEMPTS).filter_map(|_| self.attempt(message));
        attempts
            .next()
            .expect("what is computed rightly is a signature that holds")
    }

    /// The signature over a message, if all has been computed rightly.
    ///
    /// Also `None` where r or s is zero, for which RFC 6979 takes another nonce: among 2^255 messages there is
    /// one.
    fn attempt(&self, message: &[u8]) -> Option<TwoNumbers> {
        let z = digest_of(message);
        let nonce = Nonces::new(&self.secret, &z).next()?;
        // Read before the point is made of the same octets, which are read again afterwards.
        let k = Zeroizing::new(scalar(&nonce)?);
        let point = base_times(&nonce)?;
        let (x, _) = halves(&point);
        let r = reduced(x);
        let inverse: Scalar = Option::from(k.invert())?;
        let inverse = Zeroizing::new(inverse);
        let s = *inverse * (z + r * *Zeroizing::new(scalar(&self.secret)?));
        let signature = pair(r.to_repr().into(), s.to_repr().into());
        self.is_sound(message, &nonce, &point, &signature)
            .then_some(signature)
    }

    /// Checks a signature that was made with a nonce, given that `point` is the multiple of it, or is not on the curve.
    fn is_sound(
        &self,
        message: &[u8],
        nonce: &Number,
        point: &TwoNumbers,
        signature: &TwoNumbers,
    ) -> bool {
        let (x, _) = halves(point);
        let (r, s) = halves(signature);
        let numbers = [&*self.secret, nonce, &r, &s].map(scalar);
        let [Some(secret), Some(k), Some(r), Some(s)] = numbers else {
            return false;
        };
        let is_consistent =
            s * *Zeroizing::new(k) == digest_of(message) + r * *Zeroizing::new(secret);
        is_consistent
            && r == reduced(x)
            && !bool::from(r.is_zero() | s.is_zero())
            && PublicKey::from_sec1_bytes(&whole(point)).is_ok()
    }
}

/// The nonces of a message, one after the other: HMAC_DRBG of RFC 6979, section 3.2.
struct Nonces {
    /// K.
    key: hmac::Key,
    /// V.
    value: Zeroizing<Number>,
}

impl Nonces {
    /// Steps a to g.
    fn new(secret: &Number, z: &Scalar) -> Self {
        let mut nonces = Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, &[0; SIZE]),
            value: Zeroizing::new([1; SIZE]),
        };
        for step in [0, 1] {
            nonces.stir(&[&[step], secret, &z.to_repr()]);
        }
        nonces
    }

    /// Step h, until there is one between 0 and the order; `None` if it comes out different a second time.
    fn next(&mut self) -> Option<Zeroizing<Number>> {
        loop {
            let first = self.mac(&[]);
            let second = self.mac(&[]);
            if first != second {
                return None;
            }
            self.value = first;
            match scalar(&self.value) {
                Some(nonce) if !bool::from(nonce.is_zero()) => return Some(second),
                Some(_) | None => self.stir(&[&[0]]),
            }
        }
    }

    /// K = HMAC_K(V, more), V = HMAC_K(V).
    fn stir(&mut self, more: &[&[u8]]) {
        self.key = hmac::Key::new(hmac::HMAC_SHA256, &*self.mac(more));
        self.value = self.mac(&[]);
    }

    /// HMAC_K(V, more).
    fn mac(&self, more: &[&[u8]]) -> Zeroizing<Number> {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(&*self.value);
        more.iter().for_each(|octets| context.update(octets));
        let mut number = Zeroizing::new([0; SIZE]);
        number.copy_from_slice(context.sign().as_ref());
        number
    }
}

/// A multiple of the base point, computed twice; `None` if the number is not between 0 and the order.
fn base_times(number: &Number) -> Option<TwoNumbers> {
    let key = agreement::PrivateKey::from_private_key(&ECDH_P256, number).ok()?;
    let point = key.compute_public_key().ok()?;
    point
        .as_ref()
        .strip_prefix(&[UNCOMPRESSED])?
        .try_into()
        .ok()
}

/// The number that is signed in place of a message: its digest, modulo the order.
fn digest_of(message: &[u8]) -> Scalar {
    let mut octets = [0; SIZE];
    octets.copy_from_slice(digest::digest(&digest::SHA256, message).as_ref());
    reduced(octets)
}

/// A number below the order.
fn scalar(number: &Number) -> Option<Scalar> {
    Scalar::from_repr((*number).into()).into()
}

/// A number modulo the order.
fn reduced(number: Number) -> Scalar {
    Scalar::reduce(&FieldBytes::from(number))
}

fn halves(pair: &TwoNumbers) -> (Number, Number) {
    let (mut first, mut second) = ([0; SIZE], [0; SIZE]);
    first.copy_from_slice(&pair[..SIZE]);
    second.copy_from_slice(&pair[SIZE..]);
    (first, second)
}

fn pair(first: Number, second: Number) -> TwoNumbers {
    let mut pair = [0; 2 * SIZE];
    pair[..SIZE].copy_from_slice(&first);
    pair[SIZE..].copy_from_slice(&second);
    pair
}

/// A point as SEC 1 writes it whole.
fn whole(point: &TwoNumbers) -> [u8; 1 + 2 * SIZE] {
    let mut octets = [UNCOMPRESSED; 1 + 2 * SIZE];
    octets[1..].copy_from_slice(point);
    octets
}

#[cfg(test)]
mod tests {
    use p256::ecdsa::signature::Signer;
    use p256::ecdsa::{Signature, SigningKey};

    use super::*;

    /// The order of the base point (RFC 6979, appendix A.2.5: q).
    const ORDER: &str = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
    const SECRET: &str = "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721";

    fn octets<const COUNT: usize>(text: &str) -> [u8; COUNT] {
        std::array::from_fn(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap())
    }

    fn key() -> Ecdsa {
        Ecdsa::new(&octets(SECRET)).unwrap().0
    }

    /// RFC 6979, appendix A.2.5: the public key, and both messages with SHA-256.
    #[test]
    fn the_vectors_of_rfc_6979_come_out() {
        let (key, point) = Ecdsa::new(&octets(SECRET)).unwrap();
        let public = "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6\
                      7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299";
        assert_eq!(point, octets(public));
        let sample = "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716\
                      f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8";
        assert_eq!(key.sign(b"sample"), octets(sample));
        let test = "f1abb023518351cd71d881567b1ea663ed3efcf6c5132b354f28d3b0b7d38367\
                    019f4113742a2b14bd25926b49c649155f267e60d3814b4c0cc84250e46f0083";
        assert_eq!(key.sign(b"test"), octets(test));
    }

    /// The first is k of appendix A.2.5; the second, which no message is known to need, was
    /// computed from the text of the RFC with another library.
    #[test]
    fn a_nonce_that_is_refused_has_a_successor() {
        let mut nonces = Nonces::new(&octets(SECRET), &digest_of(b"sample"));
        let first = "a6e3c57dd01abe90086538398355dd4c3b17aa873382b0f24d6129493d8aad60";
        assert_eq!(*nonces.next().unwrap(), octets(first));
        nonces.stir(&[&[0]]);
        let second = "8e83dc490bc5fc4d5992bd63cd87f254adffcb930f8a8011702a88870f638fdb";
        assert_eq!(*nonces.next().unwrap(), octets(second));
    }

    /// Octet for octet what the library makes that does all of it by itself: s may be in either half.
    #[test]
    fn signatures_are_those_of_another_library() {
        let mut is_high = [false; 2];
        for number in 0..200_u32 {
            let secret = digest::digest(&digest::SHA256, &number.to_be_bytes());
            let secret: Number = secret.as_ref().try_into().unwrap();
            let (own, point) = Ecdsa::new(&secret).unwrap();
            let other = SigningKey::from_slice(&secret).unwrap();
            assert_eq!(
                whole(&point)[..],
                *other.verifying_key().to_sec1_point(false).as_bytes()
            );
            for length in 0..10 {
                let message = vec![length as u8; length * number as usize];
                let signature: Signature = other.sign(&message);
                let made = own.sign(&message);
                assert_eq!(made[..], *signature.to_bytes(), "{number} {length}");
                is_high[usize::from(made[SIZE] >> 7)] = true;
            }
        }
        assert_eq!(is_high, [true; 2]);
    }

    #[test]
    fn no_key_is_zero_or_the_order_or_above() {
        let order: Number = octets(ORDER);
        let mut last = order;
        last[SIZE - 1] -= 1;
        assert!(Ecdsa::new(&[0; SIZE]).is_none());
        assert!(Ecdsa::new(&order).is_none());
        assert!(Ecdsa::new(&[0xFF; SIZE]).is_none());
        let (key, _) = Ecdsa::new(&last).unwrap();
        assert_eq!(key.secret(), last);
    }

    /// Each bit of what a signature is made of, turned over in one place only, is noticed.
    #[test]
    fn a_signature_that_was_computed_wrongly_is_not_sound() {
        let key = key();
        let message = *b"sample";
        let nonce = Nonces::new(&key.secret, &digest_of(&message))
            .next()
            .unwrap();
        let point = base_times(&nonce).unwrap();
        let signature = key.sign(&message);
        assert!(key.is_sound(&message, &nonce, &point, &signature));
        for bit in 0..512 {
            let flip = 1 << (bit % 8);
            let (mut other_message, mut other_nonce) = (message, nonce.clone());
            let (mut other_point, mut other_signature) = (point, signature);
            other_point[bit / 8] ^= flip;
            assert!(!key.is_sound(&message, &nonce, &other_point, &signature));
            other_signature[bit / 8] ^= flip;
            assert!(!key.is_sound(&message, &nonce, &point, &other_signature));
            if let Some(octet) = other_nonce.get_mut(bit / 8) {
                *octet ^= flip;
                assert!(!key.is_sound(&message, &other_nonce, &point, &signature));
            }
            if let Some(octet) = other_message.get_mut(bit / 8) {
                *octet ^= flip;
                assert!(!key.is_sound(&other_message, &nonce, &point, &signature));
            }
        }
        let other = Ecdsa::new(&[7; SIZE]).unwrap().0;
        assert!(!other.is_sound(&message, &nonce, &point, &signature));
    }

    /// A wrong x whose r fits it satisfies the equation; only the curve tells.
    #[test]
    fn a_wrong_point_with_a_signature_that_fits_it_is_not_sound() {
        let key = key();
        let nonce = Nonces::new(&key.secret, &digest_of(b"sample"))
            .next()
            .unwrap();
        let mut point = base_times(&nonce).unwrap();
        point[SIZE - 1] ^= 1;
        let r = reduced(halves(&point).0);
        let inverse = scalar(&nonce).unwrap().invert().unwrap();
        let s = inverse * (digest_of(b"sample") + r * scalar(&key.secret).unwrap());
        let signature = pair(r.to_repr().into(), s.to_repr().into());
        assert!(!key.is_sound(b"sample", &nonce, &point, &signature));
    }
}
