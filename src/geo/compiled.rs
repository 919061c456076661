//! The embedded database as it lies in memory, so that a start need not read a MaxMind-format file.
//!
//! Walking the tree of such a file and sorting what hangs there costs more than all the rest of a start. Here the
//! result of that stands in a file of its own (`iptoasn-country.steps`), which the program carries in place of the
//! database: a few counts, the country codes, and for each family the starts of its ranges and then their codes. Taking
//! it up is copying two lists.
//!
//! ```text
//! built_at u64 | networks u64 | codes u32 | IPv4 ranges u32 | IPv6 ranges u32
//! codes x 2 octets | IPv4 starts x 4 | IPv4 codes x 1 | IPv6 starts x 16 | IPv6 codes x 1
//! ```
//!
//! All numbers are in network order. Codes are as the database writes them: what a code means is read at the
//! start, by the same rules as a record of a file. Two octets of zero are a record without a code.
//!
//! A test holds the two files together: it makes this one of the database again, and fails if a single octet
//! differs. It does not know other databases: one with cities or autonomous systems is read as it comes.
use super::database::Database;
use super::place::Place;
use super::record::Record;
use super::steps::Steps;

/// The compiled form of [`super::EMBEDDED`].
static COMPILED: &[u8] = include_bytes!("iptoasn-country.steps");

/// Stands for a record that names no country.
const NO_CODE: [u8; 2] = [0, 0];

impl Database {
    /// The database that the program carries: what [`Database::read`] makes of [`super::EMBEDDED`], without its work.
    #[must_use]
    pub fn embedded() -> Self {
        let found = decode(&mut Octets(COMPILED));
        found.expect("the compiled file is whole: a test makes it again and compares")
    }
}

/// Takes a compiled file apart; nothing if it ends too early.
fn decode(octets: &mut Octets<'static>) -> Option<Database> {
    let built_at = u64::from_be_bytes(octets.array()?);
    let networks = usize::try_from(u64::from_be_bytes(octets.array()?)).ok()?;
    let [codes, v4, v6] = [octets.count()?, octets.count()?, octets.count()?];
    let codes = octets.list::<2>(codes)?;
    Some(Database {
        places: codes.iter().map(place).collect(),
        v4: Steps::from_parts(
            octets
                .list(v4)?
                .iter()
                .map(|start| u32::from_be_bytes(*start)),
            octets.list(v4)?.iter().map(|[code]| u32::from(*code)),
        ),
        v6: Steps::from_parts(
            octets
                .list(v6)?
                .iter()
                .map(|start| u128::from_be_bytes(*start)),
            octets.list(v6)?.iter().map(|[code]| u32::from(*code)),
        ),
        built_at,
        networks,
    })
}

/// The meaning of a code.
fn place(code: &[u8; 2]) -> Place {
    let code = Some(code).filter(|code| **code != NO_CODE);
    let text = code.and_then(|code| std::str::from_utf8(code).ok());
    text.map(Record::of_country).unwrap_or_default().place()
}

/// Octets that are not read yet.
struct Octets<'o>(&'o [u8]);

impl<'o> Octets<'o> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*array)
    }

    fn count(&mut self) -> Option<usize> {
        usize::try_from(u32::from_be_bytes(self.array()?)).ok()
    }

    fn list<const N: usize>(&mut self, count: usize) -> Option<&'o [[u8; N]]> {
        let (list, rest) = self.0.split_at_checked(count.checked_mul(N)?)?;
        self.0 = rest;
        Some(list.as_chunks().0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geo::{Continent, EMBEDDED};

    /// The environment variable that has the compiled file written anew.
    const UPDATE: &str = "UPDATE_GEO";

    #[test]
    fn the_compiled_file_is_what_the_database_compiles_to() {
        let read = Database::read(EMBEDDED).unwrap();
        let made = encode(&read);
        if std::env::var_os(UPDATE).is_some() {
            let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/geo/iptoasn-country.steps");
            std::fs::write(path, &made).unwrap();
        }
        assert!(
            made == COMPILED,
            "iptoasn-country.mmdb has changed, or what is made of it: say `{UPDATE}=1 cargo test --lib geo::compiled`"
        );
        assert_eq!(Database::embedded(), read);
    }

    #[test]
    fn a_file_that_ends_early_is_told_from_a_whole_one() {
        for length in [0, 27, 28, 1000, COMPILED.len() - 1] {
            assert!(
                decode(&mut Octets(&COMPILED[..length])).is_none(),
                "{length}"
            );
        }
        let mut whole = Octets(COMPILED);
        assert!(decode(&mut whole).is_some());
        assert_eq!(whole.0, b"", "nothing is left over");
    }

    fn encode(database: &Database) -> Vec<u8> {
        let count = |count: usize| u32::try_from(count).unwrap().to_be_bytes();
        let code = |index: u32| u8::try_from(index).expect("there are fewer than 256 countries");
        let mut made = database.built_at.to_be_bytes().to_vec();
        made.extend((database.networks as u64).to_be_bytes());
        made.extend(count(database.places.len()));
        made.extend(count(database.v4.len()));
        made.extend(count(database.v6.len()));
        made.extend(database.places.iter().flat_map(code_of));
        let (v4, v6) = (
            database.v4.clone().into_pairs(),
            database.v6.clone().into_pairs(),
        );
        made.extend(v4.iter().flat_map(|(start, _)| start.to_be_bytes()));
        made.extend(v4.iter().map(|(_, index)| code(*index)));
        made.extend(v6.iter().flat_map(|(start, _)| start.to_be_bytes()));
        made.extend(v6.iter().map(|(_, index)| code(*index)));
        made
    }

    fn code_of(place: &Place) -> [u8; 2] {
        match (place.country, place.continent) {
            (Some(country), _) => country.0,
            (None, Some(Continent::Eu)) => *b"EU",
            (None, Some(Continent::As)) => *b"AP",
            (None, None) => NO_CODE,
            (None, Some(other)) => panic!("no code stands for the continent {other:?}"),
        }
    }
}
