//! Why a reply is what it is.
use serde::Serialize;
use utoipa::ToSchema;

/// Why a reply is what it is: the label of the query counters, and a line of `explain`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Steered: the best tier of the most preferred region.
    Preferred,
    /// Steered: the preferred region, but a lower tier.
    Backup,
    /// Steered: another region than the most preferred one.
    Failover,
    /// Steered: only partial shares are left, and this client falls in none of them; the
    /// largest partial share serves it.
    Overflow,
    /// Steered: what the client prefers more is full; this place has room.
    Full,
    /// Steered: there is no room anywhere; the service's `overload` says who serves all the same.
    Overloaded,
    /// Steered: nothing is healthy; configured endpoints serve all the same.
    FailOpen,
    /// Steered: nothing is healthy, and the service asks for SERVFAIL or NODATA then.
    AllDown,
    /// Data of the zone file.
    Static,
    /// A referral to a delegated zone.
    Referral,
    /// The name exists, the type does not.
    Nodata,
    /// The name does not exist.
    Nxdomain,
    /// Not a name of ours.
    Refused,
    /// The query is malformed.
    Formerr,
    /// An opcode that is not served.
    Notimp,
    /// An EDNS version that is not known.
    Badvers,
    /// A DNAME makes the name too long.
    Yxdomain,
    /// The server's own words in class CH.
    Chaos,
    /// The signatures of the zone are about to expire, or have.
    Expired,
    /// The zone has not come from its primary yet, came too long ago, or is still being signed.
    NotLoaded,
    /// The zone was signed and cannot be signed now: an answer without signatures would be bogus.
    Withheld,
    /// Nothing was asked for but a cookie.
    Cookie,
    /// No answer: the client's network has had enough of them.
    Limited,
}

impl Reason {
    /// All of them, in index order.
    pub const ALL: [Self; 23] = [
        Self::Preferred,
        Self::Backup,
        Self::Failover,
        Self::Overflow,
        Self::Full,
        Self::Overloaded,
        Self::FailOpen,
        Self::AllDown,
        Self::Static,
        Self::Referral,
        Self::Nodata,
        Self::Nxdomain,
        Self::Refused,
        Self::Formerr,
        Self::Notimp,
        Self::Badvers,
        Self::Yxdomain,
        Self::Chaos,
        Self::Expired,
        Self::NotLoaded,
        Self::Withheld,
        Self::Cookie,
        Self::Limited,
    ];

    /// The position in [`Reason::ALL`].
    #[must_use]
    pub fn index(self) -> usize {
        self as usize
    }

    /// The reason as one word, for metric labels.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Preferred => "preferred",
            Self::Backup => "backup",
            Self::Failover => "failover",
            Self::Overflow => "overflow",
            Self::Full => "full",
            Self::Overloaded => "overloaded",
            Self::FailOpen => "fail_open",
            Self::AllDown => "all_down",
            Self::Static => "static",
            Self::Referral => "referral",
            Self::Nodata => "nodata",
            Self::Nxdomain => "nxdomain",
            Self::Refused => "refused",
            Self::Formerr => "formerr",
            Self::Notimp => "notimp",
            Self::Badvers => "badvers",
            Self::Yxdomain => "yxdomain",
            Self::Chaos => "chaos",
            Self::Expired => "expired",
            Self::NotLoaded => "not_loaded",
            Self::Withheld => "withheld",
            Self::Cookie => "cookie",
            Self::Limited => "limited",
        }
    }
}
