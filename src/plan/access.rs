//! Rules of who may ask the control API what, and where it listens: every rule of access in one place, so that two plans can be
//! compared by it.
//!
//! ```text
//! who asks                          known by                        role
//! root, the server's own user       the kernel (SO_PEERCRED)        admin
//! a member of a group of [control]  the kernel                      the group's
//! whoever has a token               a bearer token (RFC 6750)       the token's
//! whoever has a certificate         TLS, a name in the certificate  the role of the token that states it
//! anybody on loopback               nothing                         viewer, and only over plain HTTP
//! ```
//!
//! A **reporter** reports how endpoints in its scope are, and sees nothing. A **viewer** sees everything. An **operator** also orders, for endpoints that lie in its scope whole. **dns** also sets
//! challenges, and orders nothing. An **admin** may do all of that, and reload. Whether a request comes from whom it says is
//! not known here.
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use super::Plan;
use crate::base::EndpointId;

/// Every rule of access.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccessRules {
    /// The Unix socket; absent = none.
    pub socket: Option<Chosen<PathBuf>>,
    /// API, page and metrics over HTTP; absent = none.
    pub listen: Option<SocketAddr>,
    /// The way in which HTTP is spoken there.
    pub carriage: Carriage,
    /// Metrics and health alone, for whoever reaches it; absent = none.
    pub metrics: Option<SocketAddr>,
    /// Names by which the server may be asked, besides addresses and `localhost`.
    pub hosts: Vec<String>,
    /// Roles of the groups of this machine.
    pub groups: Vec<GroupRole>,
    /// Tokens and certificates.
    pub tokens: Vec<ApiToken>,
    /// The file in which every change is recorded; absent = none.
    pub audit: Option<Chosen<PathBuf>>,
}

/// A value that has a default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chosen<T> {
    /// The value.
    pub value: T,
    /// Tells whether the config states it: what nobody asked for may fail with a warning.
    pub stated: bool,
}

/// The way in which HTTP is spoken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Carriage {
    /// In the clear.
    #[default]
    Plain,
    /// Over TLS; clients may prove themselves by certificates that these roots vouch for (DER).
    Tls(Vec<Vec<u8>>),
}

/// A role, as a config grants it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AccessRole {
    /// Reports how endpoints are, within a scope; sees nothing.
    Reporter,
    /// Sees everything.
    Viewer,
    /// Orders, within a scope.
    Operator,
    /// Sets challenges.
    Dns,
    /// Everything.
    Admin,
}

/// Something that a role may allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permission {
    /// To report how an endpoint is.
    Report,
    /// To see.
    Look,
    /// To order.
    Order,
    /// To set challenges.
    Challenge,
    /// To have the config read again, and all else that concerns the server as a whole.
    Govern,
}

/// The role of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupRole {
    /// The group's name on this machine.
    pub group: String,
    /// The role of its members.
    pub grant: RoleGrant,
}

/// A role with its scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleGrant {
    /// The role.
    pub role: AccessRole,
    /// Things that an operator's orders, or reports, may be for; none = everything.
    pub scope: Vec<ScopePattern>,
}

/// One of `[tokens]`.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiToken {
    /// Its name: the identity that is recorded.
    pub name: String,
    /// SHA-256 of the secret; absent where a certificate is the only proof.
    pub hash: Option<[u8; 32]>,
    /// The name that a client's certificate must have; absent where the secret is the only proof.
    pub certificate: Option<String>,
    /// The role that it gives.
    pub grant: RoleGrant,
    /// The end of its life, in seconds since 1970; absent = never.
    pub expires: Option<u64>,
}

/// One pattern of a scope: `eu-*`, `service:www`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScopePattern {
    /// The kind of thing; absent = region, provider or endpoint.
    pub kind: Option<ScopeKind>,
    /// Its name; `*` stands for any characters, `?` for one.
    pub glob: String,
}

/// A kind of thing that a scope names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScopeKind {
    /// A region.
    Region,
    /// A provider.
    Provider,
    /// An endpoint.
    Endpoint,
    /// A service: every service that uses an endpoint must be in the scope.
    Service,
}

impl AccessRole {
    /// All, with their words.
    pub const WORDS: [(&'static str, Self); 5] = [
        ("reporter", Self::Reporter),
        ("viewer", Self::Viewer),
        ("operator", Self::Operator),
        ("dns", Self::Dns),
        ("admin", Self::Admin),
    ];

    /// The word of the config.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Reporter => "reporter",
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Dns => "dns",
            Self::Admin => "admin",
        }
    }

    /// Tells whether the role allows something, its scope apart.
    #[must_use]
    pub fn allows(self, permission: Permission) -> bool {
        match permission {
            Permission::Report => [Self::Reporter, Self::Operator, Self::Admin].contains(&self),
            Permission::Look => self != Self::Reporter,
            Permission::Order => [Self::Operator, Self::Admin].contains(&self),
            Permission::Challenge => [Self::Dns, Self::Admin].contains(&self),
            Permission::Govern => self == Self::Admin,
        }
    }

    /// Tells whether a scope bounds what the role may do.
    #[must_use]
    pub fn takes_scope(self) -> bool {
        [Self::Reporter, Self::Operator].contains(&self)
    }
}

impl ApiToken {
    /// The beginning of every secret, so that it is known as one wherever it is found.
    pub const SECRET_PREFIX: &'static str = "wpt_";
}

impl RoleGrant {
    /// A role without a scope.
    #[must_use]
    pub fn of(role: AccessRole) -> Self {
        Self {
            role,
            scope: Vec::new(),
        }
    }
}

impl ScopeKind {
    const WORDS: [(&'static str, Self); 4] = [
        ("region:", Self::Region),
        ("provider:", Self::Provider),
        ("endpoint:", Self::Endpoint),
        ("service:", Self::Service),
    ];
}

impl ScopePattern {
    /// Reads a pattern; `None` if it names nothing, or a kind that there is not.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let kinds = ScopeKind::WORDS.iter();
        let kind = kinds
            .filter_map(|(word, kind)| Some((*kind, text.strip_prefix(word)?)))
            .next();
        let (kind, glob) = match kind {
            Some((kind, glob)) => (Some(kind), glob),
            None => (None, text),
        };
        let is_name = !glob.is_empty() && !glob.contains([':', ' ']);
        is_name.then(|| Self {
            kind,
            glob: glob.to_owned(),
        })
    }

    /// Tells whether it stands for a thing of this kind and name.
    pub(super) fn is(&self, kind: ScopeKind, name: &str) -> bool {
        let is_kind = match self.kind {
            None => kind != ScopeKind::Service,
            Some(own) => own == kind,
        };
        is_kind && matches(self.glob.as_bytes(), name.as_bytes())
    }
}

/// As the config has it.
impl std::fmt::Display for ScopePattern {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind = ScopeKind::WORDS
            .iter()
            .find(|(_, kind)| Some(*kind) == self.kind);
        write!(out, "{}{}", kind.map_or("", |(word, _)| word), self.glob)
    }
}

/// Tells whether a name is one of those that a pattern stands for.
fn matches(glob: &[u8], name: &[u8]) -> bool {
    // Where the last `*` stands, and up to where it has been tried.
    let (mut at, mut from, mut star) = (0, 0, None);
    while from < name.len() {
        match glob.get(at) {
            Some(b'*') => {
                star = Some((at, from));
                at += 1;
            }
            Some(letter) if *letter == b'?' || *letter == name[from] => {
                (at, from) = (at + 1, from + 1);
            }
            _ => match star {
                Some((place, tried)) => {
                    star = Some((place, tried + 1));
                    (at, from) = (place + 1, tried + 1);
                }
                None => return false,
            },
        }
    }
    glob[at..].iter().all(|letter| *letter == b'*')
}

impl AccessRules {
    /// Tells whether anybody can prove who they are over HTTP.
    #[must_use]
    pub fn has_proofs(&self) -> bool {
        let takes_certificates = match &self.carriage {
            Carriage::Plain => false,
            Carriage::Tls(roots) => !roots.is_empty(),
        };
        let mut tokens = self.tokens.iter();
        tokens.any(|token| token.hash.is_some() || takes_certificates)
    }

    /// Tells whether an address is this machine's own.
    #[must_use]
    pub fn is_loopback(address: SocketAddr) -> bool {
        match address.ip() {
            IpAddr::V4(own) => own.is_loopback(),
            IpAddr::V6(own) => own
                .to_ipv4_mapped()
                .map_or(own.is_loopback(), |own| own.is_loopback()),
        }
    }
}

impl Plan {
    /// The first of these endpoints that a scope does not cover; every endpoint that an order is for must be.
    #[must_use]
    pub fn outside(&self, scope: &[ScopePattern], endpoints: &[EndpointId]) -> Option<EndpointId> {
        if scope.is_empty() {
            return None;
        }
        let mut endpoints = endpoints.iter().copied();
        endpoints.find(|endpoint| !self.is_within(scope, *endpoint))
    }

    fn is_within(&self, scope: &[ScopePattern], id: EndpointId) -> bool {
        let endpoint = &self.endpoints[id.index()];
        let region = &self.regions[endpoint.region.index()];
        let names = [
            (ScopeKind::Region, &region.name),
            (ScopeKind::Provider, &endpoint.provider),
            (ScopeKind::Endpoint, &endpoint.name),
        ];
        let mut own = names.iter();
        if own.any(|(kind, name)| scope.iter().any(|one| one.is(*kind, name))) {
            return true;
        }
        let mut services = self.services_of(id).peekable();
        services.peek().is_some()
            && services.all(|name| scope.iter().any(|one| one.is(ScopeKind::Service, name)))
    }

    fn services_of(&self, id: EndpointId) -> impl Iterator<Item = &str> {
        let users = self.services.iter().filter(move |service| {
            let tiers = service.pools.iter().flatten().flat_map(|pool| &pool.tiers);
            let mut members = tiers.flat_map(|tier| &tier.members);
            members.any(|member| member.endpoint == id)
        });
        users.map(|service| service.name.as_str())
    }
}

/// The hash is not shown: it tells nothing, and people take it for a secret.
impl std::fmt::Debug for ApiToken {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            name,
            hash: _,
            certificate,
            grant,
            expires,
        } = self;
        out.debug_struct("ApiToken")
            .field("name", name)
            .field("certificate", certificate)
            .field("grant", grant)
            .field("expires", expires)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_stands_for_names_and_no_others() {
        for (glob, name, expected) in [
            ("eu-*", "eu-frankfurt", true),
            ("eu-*", "eu-", true),
            ("eu-*", "neu-frankfurt", false),
            ("*", "", true),
            ("*-a", "x-a-a", true),
            ("*-a", "x-a-b", false),
            ("a*b*c", "a-b-b-c", true),
            ("e?", "eu", true),
            ("e?", "e", false),
            ("eu", "eu-1", false),
        ] {
            assert_eq!(
                matches(glob.as_bytes(), name.as_bytes()),
                expected,
                "{glob} {name}"
            );
        }
    }

    #[test]
    fn a_pattern_without_a_kind_means_places_and_no_services() {
        let plain = ScopePattern::parse("w*").unwrap();
        assert!(plain.is(ScopeKind::Region, "west") && plain.is(ScopeKind::Endpoint, "w"));
        assert!(!plain.is(ScopeKind::Service, "www"));
        let service = ScopePattern::parse("service:w*").unwrap();
        assert!(service.is(ScopeKind::Service, "www") && !service.is(ScopeKind::Region, "west"));
        for wrong in ["", "service:", "pool:x", "a b"] {
            assert_eq!(ScopePattern::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_role_allows_what_it_is_for() {
        use Permission::{Challenge, Govern, Look, Order, Report};
        for (role, expected) in [
            (AccessRole::Reporter, [false, false, false, false, true]),
            (AccessRole::Viewer, [true, false, false, false, false]),
            (AccessRole::Operator, [true, true, false, false, true]),
            (AccessRole::Dns, [true, false, true, false, false]),
            (AccessRole::Admin, [true; 5]),
        ] {
            let found = [Look, Order, Challenge, Govern, Report].map(|one| role.allows(one));
            assert_eq!(found, expected, "{role:?}");
        }
    }
}
