//! `[dynamic]` as it is written: zones, keys and tokens by their names.
//!
//! Rules stay apart, as they are there; those of one zone add up when they are compiled. What may not be declared at all is
//! refused where a rule is read.
use super::reader::At;
use crate::base::Span;
use crate::dns::Name;
use crate::plan::{AccessRole, ObjectKind};

/// `[dynamic]`.
#[derive(Debug, Default)]
pub(crate) struct DynamicSpec {
    pub(crate) records: Vec<RecordRuleSpec>,
    pub(crate) objects: Vec<ObjectRuleSpec>,
    pub(crate) max_records: Option<usize>,
    /// The least and the most.
    pub(crate) ttl: [Option<At<Span>>; 2],
}

/// One of `[[dynamic.records]]`.
#[derive(Debug)]
pub(crate) struct RecordRuleSpec {
    /// The apex of one of `[[zones]]`.
    pub(crate) zone: Option<At<Name>>,
    /// Names that may be declared; a first label `*` means all below.
    pub(crate) names: Vec<At<Name>>,
    pub(crate) types: Vec<At<u16>>,
    pub(crate) roles: Vec<At<AccessRole>>,
    /// Names of `[tokens]`.
    pub(crate) tokens: Vec<At<String>>,
    /// Names of `[tsig]`.
    pub(crate) keys: Vec<At<String>>,
}

/// One of `[[dynamic.objects]]`.
#[derive(Debug)]
pub(crate) struct ObjectRuleSpec {
    pub(crate) kinds: Vec<At<ObjectKind>>,
    /// Patterns of names.
    pub(crate) names: Vec<At<String>>,
    /// Hostnames that a service may have; a first label `*` means all below.
    pub(crate) hostnames: Vec<At<Name>>,
    pub(crate) roles: Vec<At<AccessRole>>,
    /// Names of `[tokens]`.
    pub(crate) tokens: Vec<At<String>>,
}
