//! Clients by place, as the words of `places` and `serves`, and the point where a region lies that nobody has located.
//!
//! A region is put where its clients are: at the middle of the first country that prefers it, otherwise of its continent. It
//! does not know which places a geo database has.
use crate::geo::{Continent, Country, Network, country};

/// Clients of one place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum ClientPlace {
    Continent(Continent),
    Country(Country),
    /// ISO 3166-2, such as `US-CA`.
    Subdivision(String),
    /// Country and name, such as `US/San Diego`.
    City(String),
    Asn(u32),
    Network(Network),
}

impl ClientPlace {
    /// Continents, in the order in which they are written.
    pub(super) const CONTINENTS: [Continent; 7] = [
        Continent::Af,
        Continent::An,
        Continent::As,
        Continent::Eu,
        Continent::Na,
        Continent::Oc,
        Continent::Sa,
    ];

    /// A continent by its two letters, of any case.
    pub(super) fn continent(text: &str) -> Option<Self> {
        Continent::parse(&text.to_ascii_uppercase()).map(Self::Continent)
    }

    /// A country by its two letters, of any case; `UK` is the United Kingdom.
    pub(super) fn country(text: &str) -> Option<Self> {
        let text = if text.eq_ignore_ascii_case("UK") {
            "GB"
        } else {
            text
        };
        let own = Country::parse(text)?;
        country::find(own).map(|_| Self::Country(own))
    }

    /// A subdivision of a country.
    pub(super) fn subdivision(country: &str, code: &str) -> Option<Self> {
        let fits = |text: &str| {
            (1..=3).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
        };
        let Self::Country(Country(letters)) = Self::country(country)? else {
            return None;
        };
        let country = String::from_utf8_lossy(&letters).into_owned();
        let code = code.to_ascii_uppercase();
        fits(&code).then(|| Self::Subdivision(format!("{country}-{code}")))
    }

    /// A city of a country or of a part of one; of any, where that is not said.
    pub(super) fn city(within: Option<Self>, name: &str) -> Self {
        let within = match within {
            Some(Self::Country(own)) => own.to_string(),
            Some(Self::Subdivision(code)) => code,
            Some(Self::Continent(_) | Self::City(_) | Self::Asn(_) | Self::Network(_)) | None => {
                "*".to_owned()
            }
        };
        Self::City(format!("{within}/{name}"))
    }

    /// Tells whether it is a city of which nobody says in which country.
    pub(super) fn is_anywhere(&self) -> bool {
        matches!(self, Self::City(name) if name.starts_with('*'))
    }

    /// A network in CIDR notation, or an address.
    pub(super) fn network(text: &str) -> Option<Self> {
        if let Some(exact) = Network::parse(text) {
            return Some(Self::Network(exact));
        }
        // Host bits that are set mean the network around them, in every server that is read here.
        let (address, prefix) = text.split_once('/')?;
        let around = Network::around(address.parse().ok()?, prefix.parse().ok()?);
        Some(Self::Network(around))
    }

    /// The word of the config.
    pub(super) fn word(&self) -> String {
        match self {
            Self::Continent(own) => continent_word(*own).to_owned(),
            Self::Country(Country(letters)) => {
                let letters = String::from_utf8_lossy(letters).into_owned();
                match Continent::parse(&letters) {
                    Some(_) => format!("country:{letters}"),
                    None => letters,
                }
            }
            Self::Subdivision(code) => code.clone(),
            Self::City(name) => name.clone(),
            Self::Asn(number) => format!("AS{number}"),
            Self::Network(network) => network.to_string(),
        }
    }

    /// A point among these clients, in degrees.
    pub(super) fn middle(&self) -> Option<(f64, f64)> {
        let country = match self {
            Self::Continent(own) => return Some(continent_middle(*own)),
            Self::Country(own) => *own,
            Self::Subdivision(code) | Self::City(code) => Country::parse(code.get(..2)?)?,
            Self::Asn(_) | Self::Network(_) => return None,
        };
        let location = country::find(country)?.location;
        Some((
            f64::from(location.latitude) / 1000.0,
            f64::from(location.longitude) / 1000.0,
        ))
    }
}

fn continent_word(own: Continent) -> &'static str {
    match own {
        Continent::Af => "AF",
        Continent::An => "AN",
        Continent::As => "AS",
        Continent::Eu => "EU",
        Continent::Na => "NA",
        Continent::Oc => "OC",
        Continent::Sa => "SA",
    }
}

/// A large city rather than a middle: Lagos, McMurdo, Singapore, Frankfurt, Chicago, Sydney, São Paulo.
fn continent_middle(own: Continent) -> (f64, f64) {
    match own {
        Continent::Af => (6.45, 3.4),
        Continent::An => (-77.85, 166.67),
        Continent::As => (1.35, 103.82),
        Continent::Eu => (50.11, 8.68),
        Continent::Na => (41.88, -87.63),
        Continent::Oc => (-33.87, 151.21),
        Continent::Sa => (-23.55, -46.63),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_the_config() {
        let place = |own: Option<ClientPlace>| own.map(|own| own.word());
        let words = [
            (place(ClientPlace::continent("na")), "NA"),
            (place(ClientPlace::country("na")), "country:NA"),
            (place(ClientPlace::country("uk")), "GB"),
            (place(ClientPlace::subdivision("us", "ca")), "US-CA"),
            (
                place(ClientPlace::network("198.51.100.0/24")),
                "198.51.100.0/24",
            ),
        ];
        for (found, word) in words {
            assert_eq!(found.as_deref(), Some(word));
        }
        for (within, word) in [
            (ClientPlace::country("uk"), "GB/York"),
            (ClientPlace::subdivision("us", "ne"), "US-NE/York"),
            (ClientPlace::country("xx"), "*/York"),
        ] {
            let city = ClientPlace::city(within, "York");
            assert_eq!(city.is_anywhere(), word.starts_with('*'));
            assert_eq!(city.word(), word);
        }
        assert_eq!(ClientPlace::country("xx"), None);
        assert_eq!(ClientPlace::subdivision("us", "Oregon"), None);
    }
}
