//! The packets of MySQL's protocol, as far as a login and a ping go.
//!
//! Numbers have their lowest octet first; texts end in a zero. What is longer or shorter than it must be is no packet.
use crate::base::Cause;
use crate::monitor::mysql::MysqlCheck;

/// Abilities of a client (flags of the handshake).
mod can {
    pub(super) const LONG_PASSWORD: u32 = 1;
    pub(super) const CONNECT_WITH_DB: u32 = 1 << 3;
    pub(super) const PROTOCOL_41: u32 = 1 << 9;
    pub(super) const SSL: u32 = 1 << 11;
    pub(super) const TRANSACTIONS: u32 = 1 << 13;
    pub(super) const SECURE_CONNECTION: u32 = 1 << 15;
    pub(super) const PLUGIN_AUTH: u32 = 1 << 19;
}

/// The version of the protocol that every server of this century speaks.
const PROTOCOL: u8 = 10;
/// Longest packet that is taken.
const PACKET_MOST: u32 = 1 << 16;
/// `utf8mb4_general_ci`.
const COLLATION: u8 = 45;
/// Octets of a challenge; a zero follows.
const CHALLENGE: usize = 20;

/// The greeting of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Greeting {
    /// Octets that the proof of a password is made with.
    pub(super) challenge: Vec<u8>,
    /// The method of proof that the server begins with.
    pub(super) method: Vec<u8>,
    capabilities: u32,
}

/// An answer of a server to a login or a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum MysqlAnswer {
    /// It is done.
    Done,
    /// The method of proof has more to say.
    More(Vec<u8>),
    /// Another method is wanted.
    Another {
        /// Its name.
        method: Vec<u8>,
        /// Octets that the proof is to be made with.
        data: Vec<u8>,
    },
}

impl Greeting {
    /// Reads a greeting.
    ///
    /// # Errors
    /// What a refusal says; [`Cause::Protocol`] for what is no greeting.
    pub(super) fn read(packet: &[u8]) -> Result<Self, Cause> {
        match packet.split_first() {
            Some((&PROTOCOL, rest)) => Self::read_rest(rest).ok_or(Cause::Protocol),
            Some((0xFF, error)) => Err(of_error(error)),
            Some(_) | None => Err(Cause::Protocol),
        }
    }

    fn read_rest(rest: &[u8]) -> Option<Self> {
        let (_version, rest) = text(rest)?;
        let (_connection, rest) = rest.split_at_checked(4)?;
        let (first, rest) = rest.split_at_checked(8)?;
        let (&[_, low_0, low_1], rest) = rest.split_first_chunk()?;
        let (&[_collation, _, _, high_0, high_1], rest) = rest.split_first_chunk()?;
        let capabilities = u32::from_le_bytes([low_0, low_1, high_0, high_1]);
        if capabilities & (can::PROTOCOL_41 | can::SECURE_CONNECTION)
            != can::PROTOCOL_41 | can::SECURE_CONNECTION
        {
            return None;
        }
        let (_lengths, rest) = rest.split_at_checked(11)?;
        let (second, rest) = rest.split_at_checked(CHALLENGE - first.len())?;
        let method = match capabilities & can::PLUGIN_AUTH {
            0 => &b"mysql_native_password"[..],
            _ => text(rest.get(1..)?)?.0,
        };
        Some(Self {
            challenge: [first, second].concat(),
            method: method.to_vec(),
            capabilities,
        })
    }

    /// Tells whether the server can speak TLS.
    pub(super) fn offers_tls(&self) -> bool {
        self.capabilities & can::SSL != 0
    }
}

impl MysqlAnswer {
    /// Reads an answer.
    ///
    /// # Errors
    /// What a refusal says; [`Cause::Protocol`] for what is no answer.
    pub(super) fn read(packet: &[u8]) -> Result<Self, Cause> {
        match packet.split_first() {
            Some((0x00, _)) => Ok(Self::Done),
            Some((0x01, more)) => Ok(Self::More(more.to_vec())),
            Some((0xFE, rest)) => {
                let (method, data) = text(rest).ok_or(Cause::Protocol)?;
                let data = data.strip_suffix(&[0]).unwrap_or(data);
                Ok(Self::Another {
                    method: method.to_vec(),
                    data: data.to_vec(),
                })
            }
            Some((0xFF, error)) => Err(of_error(error)),
            Some(_) | None => Err(Cause::Protocol),
        }
    }
}

/// A packet: its length, its number, its content, which is short.
pub(super) fn packet(number: u8, content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).expect("a config bounds what is sent");
    let [length @ .., _] = length.to_le_bytes();
    [&length[..], &[number], content].concat()
}

/// The request for TLS: the beginning of a login.
pub(super) fn tls_request() -> Vec<u8> {
    head(can::SSL)
}

/// A login with the proof of a password by a method.
pub(super) fn login(
    check: &MysqlCheck,
    is_encrypted: bool,
    (method, proof): (&[u8], &[u8]),
) -> Vec<u8> {
    let tls = if is_encrypted { can::SSL } else { 0 };
    let database = check.database.as_ref().map_or(0, |_| can::CONNECT_WITH_DB);
    let mut login = head(tls | database);
    login.extend_from_slice(check.user.as_bytes());
    login.push(0);
    login.push(u8::try_from(proof.len()).expect("a proof is a hash"));
    login.extend_from_slice(proof);
    if let Some(database) = &check.database {
        login.extend_from_slice(database.as_bytes());
        login.push(0);
    }
    login.extend_from_slice(method);
    login.push(0);
    login
}

fn head(more: u32) -> Vec<u8> {
    let capabilities = can::LONG_PASSWORD
        | can::PROTOCOL_41
        | can::TRANSACTIONS
        | can::SECURE_CONNECTION
        | can::PLUGIN_AUTH
        | more;
    let mut head = Vec::new();
    head.extend(capabilities.to_le_bytes());
    head.extend(PACKET_MOST.to_le_bytes());
    head.push(COLLATION);
    head.extend([0; 23]);
    head
}

/// A text up to its zero, and what follows.
fn text(octets: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = octets.iter().position(|octet| *octet == 0)?;
    Some((&octets[..end], &octets[end + 1..]))
}

/// The cause that an error of the server stands for, by its number (appendix "Server Error Message Reference").
fn of_error(error: &[u8]) -> Cause {
    let Some((number, _)) = error.split_first_chunk() else {
        return Cause::Protocol;
    };
    match u16::from_le_bytes(*number) {
        // Too many connections, shut down, of the host or of the user.
        1040 | 1053 | 1203 | 1226 => Cause::Refused,
        // A password, a database, a host that is not allowed or has been shut out, a method, an account that is locked.
        1044 | 1045 | 1049 | 1129 | 1130 | 1251 | 1524 | 1698 | 1820 | 1862 | 3118 | 3159
        | 3955 | 4151 => Cause::Login,
        _ => Cause::Protocol,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first words of MariaDB 10.11.
    fn greeting() -> Vec<u8> {
        [
            &b"\x0a5.5.5-10.11.6-MariaDB\0"[..],
            &[7, 0, 0, 0],
            b"abcdefgh\0",
            &[0xFE, 0xFF, 45, 2, 0, 0xFF, 0x81, 21],
            &[0; 10],
            b"ijklmnopqrst\0",
            b"mysql_native_password\0",
        ]
        .concat()
    }

    #[test]
    fn greetings_bring_a_challenge_and_a_method() {
        let found = Greeting::read(&greeting()).unwrap();
        assert_eq!(found.challenge, b"abcdefghijklmnopqrst");
        assert_eq!(found.method, b"mysql_native_password");
        assert!(found.offers_tls());
        for end in 0..greeting().len() {
            assert_eq!(
                Greeting::read(&greeting()[..end]),
                Err(Cause::Protocol),
                "{end}"
            );
        }
        let full = [
            &[0xFF][..],
            &1040_u16.to_le_bytes(),
            b"#08004Too many connections",
        ]
        .concat();
        assert_eq!(Greeting::read(&full), Err(Cause::Refused));
        let shut_out = [&[0xFF][..], &1129_u16.to_le_bytes(), b"Host is blocked"].concat();
        assert_eq!(Greeting::read(&shut_out), Err(Cause::Login));
    }

    #[test]
    fn answers_are_read_or_refused() {
        for (packet, found) in [
            (&[0, 0, 0, 2, 0, 0, 0][..], Ok(MysqlAnswer::Done)),
            (&[1, 3], Ok(MysqlAnswer::More(vec![3]))),
            (
                b"\xFEcaching_sha2_password\0abc\0",
                Ok(MysqlAnswer::Another {
                    method: b"caching_sha2_password".to_vec(),
                    data: b"abc".to_vec(),
                }),
            ),
            (&[0xFF, 0x15, 0x04], Err(Cause::Login)),
            (&[0xFF, 0x15], Err(Cause::Protocol)),
            (b"\xFE", Err(Cause::Protocol)),
            (&[], Err(Cause::Protocol)),
            (&[5], Err(Cause::Protocol)),
        ] {
            assert_eq!(MysqlAnswer::read(packet), found, "{packet:?}");
        }
    }

    #[test]
    fn whatever_comes_is_read_or_refused() {
        let sound = greeting();
        for place in 0..sound.len() {
            for octet in 0..=255 {
                let mut bent = sound.clone();
                bent[place] = octet;
                if let Ok(found) = Greeting::read(&bent) {
                    assert_eq!(found.challenge.len(), CHALLENGE);
                }
            }
        }
    }
}
