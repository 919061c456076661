//! Callers: who asks is found from the connection, and from what the request proves.
//!
//! A bearer token decides wherever one is sent. Otherwise, over the Unix socket, the kernel's word for who connected does; over
//! TLS, the name in the client's certificate; in the clear, which is loopback alone, everybody may look and nobody may change
//! anything. A token is 32 random octets, so that its hash needs neither salt nor to be slow, and nobody guesses it: the limit on
//! failures saves the disk and the processor, not the token. It never keeps out whoever has a proof.
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest;
use axum::http::header::{AUTHORIZATION, HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use axum::http::{Method, StatusCode};
use nix::unistd::{Gid, Group, Uid, User, geteuid};

use super::replies::Refusal;
use crate::plan::{AccessRole, AccessRules, ApiToken, Permission, RoleGrant};

/// The other end of a connection, as the connection itself tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ControlPeer {
    /// A process of this machine, by the kernel's word.
    Unix {
        /// Its user.
        uid: u32,
        /// Its group.
        gid: u32,
    },
    /// Anybody, in the clear.
    Plain,
    /// Anybody, over TLS; with the names in the certificate that was shown, if one was.
    Tls(Vec<String>),
    /// Anybody, where nothing but metrics and health is served.
    Open,
}

/// Whoever asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Caller {
    /// The identity that was proved: `user root`, `token alice`, `certificate alice`, `anybody`.
    pub(super) identity: String,
    /// The bare name in it.
    pub(super) name: String,
    /// Its rights; absent = none.
    pub(super) grant: Option<RoleGrant>,
    /// The way by which it came, as the audit log says it.
    pub(super) way: &'static str,
}

impl ControlPeer {
    /// The way, as the audit log says it.
    pub(super) fn way(&self) -> &'static str {
        match self {
            Self::Unix { .. } => "unix",
            Self::Plain | Self::Open => "http",
            Self::Tls(_) => "tls",
        }
    }
}

impl Caller {
    /// Finds out who asks; `now` is seconds since 1970.
    pub(super) fn find(
        peer: &ControlPeer,
        headers: &HeaderMap,
        access: &AccessRules,
        now: u64,
    ) -> Result<Self, Refusal> {
        let way = peer.way();
        if let Some(secret) = bearer(headers)? {
            let hash = digest::digest(&digest::SHA256, secret);
            let is_it = |token: &&ApiToken| {
                let own = token.hash.as_ref();
                own.is_some_and(|own| verify_slices_are_equal(own, hash.as_ref()).is_ok())
            };
            let token = access.tokens.iter().find(is_it);
            return Self::by_token("token", token, way, now);
        }
        match peer {
            ControlPeer::Unix { uid, gid } => Ok(Self::by_kernel(*uid, *gid, access)),
            ControlPeer::Plain | ControlPeer::Open => {
                Ok(Self::anybody(Some(AccessRole::Viewer), way))
            }
            ControlPeer::Tls(names) if names.is_empty() => Ok(Self::anybody(None, way)),
            ControlPeer::Tls(names) => {
                let is_it = |token: &&ApiToken| {
                    let own = token.certificate.as_ref();
                    own.is_some_and(|own| names.iter().any(|name| name.eq_ignore_ascii_case(own)))
                };
                let token = access.tokens.iter().find(is_it);
                Self::by_token("certificate", token, way, now)
            }
        }
    }

    fn by_token(
        kind: &str,
        token: Option<&ApiToken>,
        way: &'static str,
        now: u64,
    ) -> Result<Self, Refusal> {
        let Some(token) = token else {
            return Err(unproved(format!("this {kind} is none of the config's")));
        };
        if token.expires.is_some_and(|expires| expires <= now) {
            let name = &token.name;
            return Err(unproved(format!(
                "token {name} has expired: make a new one with `waypost token new`"
            )));
        }
        Ok(Self {
            identity: format!("{kind} {}", token.name),
            name: token.name.clone(),
            grant: Some(token.grant.clone()),
            way,
        })
    }

    fn by_kernel(uid: u32, gid: u32, access: &AccessRules) -> Self {
        let user = User::from_uid(Uid::from_raw(uid)).ok().flatten();
        let name = user
            .as_ref()
            .map_or_else(|| format!("uid {uid}"), |user| user.name.clone());
        let is_own = uid == 0 || uid == geteuid().as_raw();
        let grant = match is_own {
            true => Some(RoleGrant::of(AccessRole::Admin)),
            false => by_group(user.as_ref(), gid, access),
        };
        Self {
            identity: format!("user {name}"),
            name,
            grant,
            way: "unix",
        }
    }

    fn anybody(role: Option<AccessRole>, way: &'static str) -> Self {
        Self {
            identity: "anybody".to_owned(),
            name: String::new(),
            grant: role.map(RoleGrant::of),
            way,
        }
    }

    /// The word of the role, if there is one.
    pub(super) fn role(&self) -> Option<&'static str> {
        self.grant.as_ref().map(|grant| grant.role.word())
    }

    /// Refuses what the caller may not do; scopes are asked elsewhere.
    pub(super) fn may(&self, permission: Permission) -> Result<(), Refusal> {
        let role = self.grant.as_ref().map(|grant| grant.role);
        if role.is_some_and(|role| role.allows(permission)) {
            return Ok(());
        }
        let wanted = match permission {
            Permission::Report => "reporter",
            Permission::Look => "viewer",
            Permission::Order => "operator",
            Permission::Challenge => "dns",
            Permission::Govern => "admin",
        };
        let identity = &self.identity;
        if self.name.is_empty() {
            return Err(unproved(format!(
                "this takes role {wanted}: use the server's socket, or a token (`waypost token new`)"
            )));
        }
        let own = match self.role() {
            None => {
                "has no role: `[control] groups` gives one to a group of this machine".to_owned()
            }
            Some(own) => format!("has role {own}"),
        };
        Err(Refusal::new(
            StatusCode::FORBIDDEN,
            format!("{identity} {own}; this takes role {wanted}"),
        ))
    }

    /// The author of an order: the name that was given, and who it really was.
    pub(super) fn author(&self, given: &str) -> String {
        match given {
            "" => self.identity.clone(),
            own if own == self.name || own == self.identity => own.to_owned(),
            other => format!("{other} ({})", self.identity),
        }
    }
}

/// The role of the first group of the config that the user is in; roles do not add up, the strongest counts.
fn by_group(user: Option<&User>, gid: u32, access: &AccessRules) -> Option<RoleGrant> {
    let own = access.groups.iter().filter(|own| {
        let group = Group::from_name(&own.group).ok().flatten();
        group.is_some_and(|group| is_member(&group, user, Gid::from_raw(gid)))
    });
    let best = own.max_by_key(|own| (own.grant.role, own.grant.scope.is_empty()));
    best.map(|own| own.grant.clone())
}

fn is_member(group: &Group, user: Option<&User>, gid: Gid) -> bool {
    group.gid == gid
        || user.is_some_and(|user| user.gid == group.gid || group.mem.contains(&user.name))
}

/// The bearer token of a request (RFC 6750, section 2.1).
fn bearer(headers: &HeaderMap) -> Result<Option<&[u8]>, Refusal> {
    let mut all = headers
        .get_all(AUTHORIZATION)
        .iter()
        .map(HeaderValue::as_bytes);
    let Some(first) = all.next() else {
        return Ok(None);
    };
    let (scheme, secret) = first.split_at(first.len().min(7));
    match scheme.eq_ignore_ascii_case(b"bearer ") && all.next().is_none() {
        true => Ok(Some(secret.trim_ascii())),
        false => Err(unproved("send one header: `Authorization: Bearer TOKEN`")),
    }
}

/// A refusal of somebody who is not known.
pub(super) fn unproved(message: impl Into<String>) -> Refusal {
    Refusal {
        header: Some((WWW_AUTHENTICATE, "Bearer")),
        ..Refusal::new(StatusCode::UNAUTHORIZED, message)
    }
}

/// Tells whether a request can change something.
pub(super) fn changes(method: &Method) -> bool {
    ![Method::GET, Method::HEAD].contains(method)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "wpt_secret";

    fn access() -> AccessRules {
        let hash = digest::digest(&digest::SHA256, SECRET.as_bytes());
        AccessRules {
            tokens: vec![
                ApiToken {
                    name: "alice".to_owned(),
                    hash: Some(hash.as_ref().try_into().unwrap()),
                    certificate: Some("alice.ops.example".to_owned()),
                    grant: RoleGrant::of(AccessRole::Operator),
                    expires: Some(1000),
                },
                ApiToken {
                    name: "paper".to_owned(),
                    hash: None,
                    certificate: Some("paper.ops.example".to_owned()),
                    grant: RoleGrant::of(AccessRole::Dns),
                    expires: None,
                },
            ],
            ..AccessRules::default()
        }
    }

    fn found(
        peer: &ControlPeer,
        authorization: &[&str],
    ) -> Result<(String, Option<&'static str>), u16> {
        let mut headers = HeaderMap::new();
        for value in authorization {
            headers.append(AUTHORIZATION, HeaderValue::from_str(value).unwrap());
        }
        let caller = Caller::find(peer, &headers, &access(), 999);
        caller
            .map(|caller| (caller.identity.clone(), caller.role()))
            .map_err(|refusal| refusal.status.as_u16())
    }

    #[test]
    fn a_token_is_known_by_its_secret_and_no_other_way() {
        let alice = Ok(("token alice".to_owned(), Some("operator")));
        let bearer = format!("Bearer {SECRET}");
        for peer in [
            ControlPeer::Plain,
            ControlPeer::Tls(Vec::new()),
            ControlPeer::Unix { uid: 0, gid: 0 },
        ] {
            assert_eq!(found(&peer, &[&bearer]), alice, "{peer:?}");
        }
        assert_eq!(found(&ControlPeer::Plain, &[&bearer.to_lowercase()]), alice);
        for wrong in ["Bearer wpt_secres", "Bearer ", "Basic YTpi", "Bearer"] {
            assert_eq!(found(&ControlPeer::Plain, &[wrong]), Err(401), "{wrong}");
        }
        assert_eq!(
            found(&ControlPeer::Plain, &[&bearer, &bearer]),
            Err(401),
            "two are no proof"
        );
        // A wrong one is not made good by where it comes from.
        assert_eq!(
            found(&ControlPeer::Unix { uid: 0, gid: 0 }, &["Bearer x"]),
            Err(401)
        );
        let late = Caller::find(
            &ControlPeer::Plain,
            &HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_str(&bearer).unwrap())]),
            &access(),
            1000,
        );
        assert!(late.unwrap_err().message.contains("has expired"));
    }

    #[test]
    fn a_certificate_is_known_by_its_name() {
        let names = |name: &str| ControlPeer::Tls(vec!["x".to_owned(), name.to_owned()]);
        let paper = Ok(("certificate paper".to_owned(), Some("dns")));
        assert_eq!(found(&names("Paper.ops.example"), &[]), paper);
        assert_eq!(found(&names("mallory.ops.example"), &[]), Err(401));
        assert_eq!(
            found(&ControlPeer::Tls(Vec::new()), &[]),
            Ok(("anybody".to_owned(), None))
        );
    }

    #[test]
    fn the_kernel_tells_who_is_an_admin() {
        let root = ControlPeer::Unix { uid: 0, gid: 0 };
        assert_eq!(
            found(&root, &[]),
            Ok(("user root".to_owned(), Some("admin")))
        );
        let stranger = ControlPeer::Unix {
            uid: 4_000_000_001,
            gid: 4_000_000_001,
        };
        assert_eq!(
            found(&stranger, &[]),
            Ok(("user uid 4000000001".to_owned(), None))
        );
    }

    #[test]
    fn anybody_on_loopback_may_look_and_change_nothing() {
        let caller = Caller::find(&ControlPeer::Plain, &HeaderMap::new(), &access(), 0).unwrap();
        assert_eq!(caller.may(Permission::Look), Ok(()));
        for permission in [Permission::Order, Permission::Challenge, Permission::Govern] {
            assert_eq!(caller.may(permission).unwrap_err().status.as_u16(), 401);
        }
    }

    #[test]
    fn the_author_is_never_only_what_somebody_says() {
        let caller = Caller {
            identity: "token ops".to_owned(),
            name: "ops".to_owned(),
            grant: None,
            way: "http",
        };
        for (given, expected) in [
            ("", "token ops"),
            ("ops", "ops"),
            ("ada", "ada (token ops)"),
        ] {
            assert_eq!(caller.author(given), expected);
        }
    }
}
