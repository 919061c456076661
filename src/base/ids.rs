//! Dense indexes handed out when a plan is compiled.
//!
//! An id means something only together with the plan it came from; across a reload things
//! are recognised by name.
use serde::Serialize;
use utoipa::ToSchema;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, ToSchema)]
        pub struct $name(pub $inner);

        impl $name {
            /// The index into the plan's list.
            #[must_use]
            pub fn index(self) -> usize {
                self.0 as usize
            }

            /// The id of the `index`-th thing of its plan.
            ///
            /// # Panics
            /// When the plan holds more of them than [`crate::base::limits`] allows; the
            /// compiler of the config refuses such a plan first.
            #[must_use]
            pub fn from_index(index: usize) -> Self {
                Self(<$inner>::try_from(index).expect("limits.rs bounds every list of a plan"))
            }
        }
    };
}

id! {
    /// A region of the plan.
    RegionId(u16)
}
id! {
    /// An endpoint of the plan: one target of a region at a provider.
    EndpointId(u32)
}
id! {
    /// A service: what is steered.
    ServiceId(u16)
}
id! {
    /// A monitor: how an endpoint is checked.
    MonitorId(u16)
}
id! {
    /// A recovery policy: steps, pace and gate of a ramp.
    RecoveryId(u16)
}
id! {
    /// A probe slot: one address watched in one way. Probes and policies meet here.
    SlotId(u32)
}
id! {
    /// A target: the addresses of one family of one endpoint, under one set of monitors and
    /// one recovery. Health and steering meet here.
    TargetId(u32)
}
id! {
    /// A network class within its map.
    ClassId(u16)
}
id! {
    /// A map from client networks to classes; services with the same regions and fence
    /// share one.
    MapId(u16)
}
id! {
    /// A view of the plan: clients that are answered from zones of their own.
    ViewId(u16)
}
id! {
    /// A jurisdiction of the plan.
    JurisdictionId(u8)
}

/// The address family of a target, and the record type that carries it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// IPv4, type A.
    V4,
    /// IPv6, type AAAA.
    V6,
}

impl Family {
    /// Both, in index order.
    pub const ALL: [Self; 2] = [Self::V4, Self::V6];

    /// 0 for IPv4, 1 for IPv6.
    #[must_use]
    pub fn index(self) -> usize {
        match self {
            Self::V4 => 0,
            Self::V6 => 1,
        }
    }

    /// `v4` or `v6`: the same in metrics, API and logs.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::V4 => "v4",
            Self::V6 => "v6",
        }
    }

    /// The family of an address.
    #[must_use]
    pub fn of(address: std::net::IpAddr) -> Self {
        match address {
            std::net::IpAddr::V4(_) => Self::V4,
            std::net::IpAddr::V6(_) => Self::V6,
        }
    }
}

/// A set of jurisdictions; bit 63 stands for "no jurisdiction".
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize)]
pub struct JurisdictionSet(pub u64);

impl JurisdictionSet {
    /// Every jurisdiction, and regions that state none.
    pub const EVERYWHERE: Self = Self(u64::MAX);
    /// Nothing at all.
    pub const EMPTY: Self = Self(0);

    /// The set with one more member; `None` means regions without a jurisdiction.
    #[must_use]
    pub fn with(self, member: Option<JurisdictionId>) -> Self {
        Self(self.0 | Self::bit(member))
    }

    /// Whether a region of this jurisdiction lies inside.
    #[must_use]
    pub fn contains(self, member: Option<JurisdictionId>) -> bool {
        self.0 & Self::bit(member) != 0
    }

    fn bit(member: Option<JurisdictionId>) -> u64 {
        1 << member.map_or(63, |id| id.0.min(62))
    }
}
