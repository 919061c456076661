//! Territories of a jurisdiction, in one list for those who ask whose law holds somewhere.
//!
//! A part of a country may be under another law than the rest: where both are named, the part decides. Who is where is not known
//! here.
use super::Jurisdiction;
use crate::geo::Territory;

impl Jurisdiction {
    /// All that is its: countries, then parts of countries.
    pub fn territories(&self) -> impl Iterator<Item = Territory> + '_ {
        let whole = self.countries.iter().map(|own| Territory::from(*own));
        whole.chain(self.subdivisions.iter().copied())
    }
}
