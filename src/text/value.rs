//! Single values of the config: what each kind looks like, and what to say when it does not.
//!
//! Every function here takes a value and gives its meaning or a [`Trouble`]; none knows where
//! the value stands. Durations carry their unit, because a bare number has been read as
//! seconds by one person and as milliseconds by the next.
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;

use toml::de::DeValue;

use crate::base::similar;
use crate::base::{Permille, Span};
use crate::dns::Name;
use crate::geo::{Country, Location, Network, Territory, country};

/// Why a value does not fit.
#[derive(Debug)]
pub(crate) struct Trouble {
    /// What is wrong.
    pub(crate) message: String,
    /// What to do about it.
    pub(crate) help: Option<String>,
    /// The values that would fit, as far as it can be said in general.
    pub(crate) expects: Expects,
}

/// The values that a parser takes, as it says itself, so that a schema is a question to the parser and no second list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Expects {
    /// Another value of the same kind.
    #[default]
    Another,
    /// A value of another kind.
    OtherKind,
    /// One of these words.
    Words(Vec<&'static str>),
    /// A number from one to the other.
    Between(i64, i64),
}

/// Largest size that a config may ask for: a pebibyte.
const OCTETS_MOST: u64 = 1 << 50;

/// Longest time that a config may ask for, where it is about probes and ramps.
const SPAN_MOST: Span = Span::from_secs(30 * 24 * 3600);

/// Longest time that a config may ask for, where it is about keys.
const LONG_SPAN_MOST: Span = Span::from_secs(3660 * 24 * 3600);

impl Trouble {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            help: None,
            expects: Expects::Another,
        }
    }

    pub(crate) fn expecting(self, expects: Expects) -> Self {
        Self { expects, ..self }
    }

    pub(crate) fn with_help(self, help: impl Into<String>) -> Self {
        Self {
            help: Some(help.into()),
            ..self
        }
    }
}

/// Says that another type of value was expected.
pub(crate) fn mismatch(expected: &str, value: &DeValue<'_>) -> Trouble {
    let found = match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    };
    Trouble::new(format!("expected {expected}, found {found}")).expecting(Expects::OtherKind)
}

/// A string.
pub(crate) fn text(value: &DeValue<'_>) -> Result<String, Trouble> {
    let text = value.as_str().map(str::to_owned);
    text.ok_or_else(|| mismatch("a string", value).with_help("write it in quotes"))
}

/// The path of a file.
pub(crate) fn path(value: &DeValue<'_>) -> Result<String, Trouble> {
    let text = text(value)?;
    match text.is_empty() {
        true => Err(Trouble::new("a path cannot be empty")
            .with_help("paths are relative to the folder of the config")),
        false => Ok(text),
    }
}

/// A string that says something.
pub(crate) fn secret(value: &DeValue<'_>) -> Result<String, Trouble> {
    let text = text(value)?;
    match text.is_empty() {
        true => Err(Trouble::new("an empty key keeps nothing secret")
            .with_help("write some random text, the same on every server; or leave the key away")),
        false => Ok(text),
    }
}

/// A string of 1 to 255 octets, as a DNS character-string holds it (RFC 1035, section 3.3),
/// that any terminal shows as it is.
pub(crate) fn short_text(value: &DeValue<'_>) -> Result<String, Trouble> {
    let text = text(value)?;
    if let Some(control) = text.chars().find(|letter| letter.is_control()) {
        let message = format!("a control character, {control:?}, cannot stand here");
        return Err(Trouble::new(message).with_help("write plain text on one line"));
    }
    match text.len() {
        1..=255 => Ok(text),
        length => Err(Trouble::new(format!("{length} octets do not fit here"))
            .with_help("it can be 1 to 255 octets long; leave the key away to say nothing")),
    }
}

/// `true` or `false`.
pub(crate) fn boolean(value: &DeValue<'_>) -> Result<bool, Trouble> {
    let truth = value.as_bool();
    truth.ok_or_else(|| {
        mismatch("true or false", value).with_help("write `true` or `false`, without quotes")
    })
}

/// A whole number within bounds.
pub(crate) fn number<T>(bounds: RangeInclusive<T>) -> impl Fn(&DeValue<'_>) -> Result<T, Trouble>
where
    T: TryFrom<i64> + PartialOrd + std::fmt::Display,
{
    move |value| {
        let DeValue::Integer(integer) = value else {
            let help = format!("write a number such as {}, without quotes", bounds.start());
            return Err(mismatch("a whole number", value).with_help(help));
        };
        i64::from_str_radix(integer.as_str(), integer.radix())
            .ok()
            .and_then(|number| T::try_from(number).ok())
            .filter(|number| bounds.contains(number))
            .ok_or_else(|| {
                let (least, most) = (bounds.start(), bounds.end());
                let expects = match (least.to_string().parse(), most.to_string().parse()) {
                    (Ok(least), Ok(most)) => Expects::Between(least, most),
                    _ => Expects::Another,
                };
                Trouble::new(format!("{integer} is out of range"))
                    .with_help(format!("it can be {least} to {most}"))
                    .expecting(expects)
            })
    }
}

/// A capacity or a demand, in the unit that the operator chose.
pub(crate) fn amount(value: &DeValue<'_>) -> Result<u32, Trouble> {
    number(1..=u32::MAX)(value)
}

/// `16MB`, `512KiB`: octets, 1 at the least; powers of 1000 or, with an `i`, of 1024.
pub(crate) fn octets(value: &DeValue<'_>) -> Result<u64, Trouble> {
    let help = "write a size with its unit: \"16MB\", \"512kB\", \"1GiB\" or \"65536B\"";
    let DeValue::String(text) = value else {
        return Err(mismatch("a size", value).with_help(help));
    };
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (count, unit) = text.split_at(digits);
    let unit: Option<u64> = match unit {
        "B" => Some(1),
        "kB" | "KB" => Some(1000),
        "MB" => Some(1000 * 1000),
        "GB" => Some(1000 * 1000 * 1000),
        "KiB" => Some(1 << 10),
        "MiB" => Some(1 << 20),
        "GiB" => Some(1 << 30),
        _ => None,
    };
    let count: Option<u64> = count.parse().ok();
    match (count, unit) {
        (Some(count), Some(unit)) => count
            .checked_mul(unit)
            .filter(|octets| (1..=OCTETS_MOST).contains(octets))
            .ok_or_else(|| {
                Trouble::new(format!("`{text}` is out of range"))
                    .with_help("it can be 1B to 1048576GiB")
            }),
        _ => Err(Trouble::new(format!("`{text}` is not a size")).with_help(help)),
    }
}

/// One of a few words.
pub(crate) fn word<T: Copy + 'static>(
    words: &'static [(&'static str, T)],
) -> impl Fn(&DeValue<'_>) -> Result<T, Trouble> {
    move |value| {
        let text = text(value)?;
        if let Some((_, meaning)) = words.iter().find(|(word, _)| *word == text) {
            return Ok(*meaning);
        }
        let names = words.iter().map(|(word, _)| *word);
        let help = match similar(&text, names.clone()) {
            Some(word) => format!("did you mean `{word}`?"),
            None => format!("one of: {}", names.clone().collect::<Vec<_>>().join(", ")),
        };
        Err(Trouble::new(format!("`{text}` is not known here"))
            .with_help(help)
            .expecting(Expects::Words(names.collect())))
    }
}

/// `500ms`, `5s`, `2m`, `1h`, `7d`.
pub(crate) fn span(value: &DeValue<'_>) -> Result<Span, Trouble> {
    let help = "write a duration with its unit: \"500ms\", \"5s\", \"2m\" or \"1h\"";
    let (text, span) = duration(value, help)?;
    match span <= SPAN_MOST {
        true => Ok(span),
        false => {
            Err(Trouble::new(format!("`{text}` is too long"))
                .with_help("30 days (720h) is the most"))
        }
    }
}

/// A duration that may be years long: `1h`, `90d`.
pub(crate) fn long_span(value: &DeValue<'_>) -> Result<Span, Trouble> {
    let help = "write a duration with its unit: \"30m\", \"1h\" or \"90d\"";
    let (text, span) = duration(value, help)?;
    match span <= LONG_SPAN_MOST {
        true => Ok(span),
        false => Err(Trouble::new(format!("`{text}` is too long"))
            .with_help("ten years (3660d) is the most")),
    }
}

/// A duration of any length, and how it is written.
fn duration<'v>(value: &'v DeValue<'_>, help: &str) -> Result<(&'v str, Span), Trouble> {
    let DeValue::String(text) = value else {
        return Err(mismatch("a duration", value).with_help(help));
    };
    let Some(span) = Span::parse(text) else {
        return Err(Trouble::new(format!("`{text}` is not a duration")).with_help(help));
    };
    Ok((text, span))
}

/// `"80%"`, `"0.5%"` or `80`: percent, 0 to 100, in tenths at the finest. A bare number below 1
/// is refused, because half of the people who write 0.5 mean a half.
pub(crate) fn percent(value: &DeValue<'_>) -> Result<Permille, Trouble> {
    if let Some(fraction) = fraction(value) {
        let part = Permille(fraction);
        return Err(
            Trouble::new("a bare number below 1 may mean percent, or a part of the whole")
                .with_help(format!(
                    "write \"{part}\" if that is meant, in quotes and with its sign"
                )),
        );
    }
    let text = match value.as_str() {
        Some(text) => text.strip_suffix('%').map(str::to_owned),
        None => decimal(value),
    };
    let tenths = text
        .and_then(|text| thousandths(&text))
        .filter(|thousandths| thousandths % 100 == 0)
        .and_then(|thousandths| u16::try_from(thousandths / 100).ok())
        .filter(|tenths| *tenths <= Permille::FULL.0);
    tenths.map(Permille).ok_or_else(|| {
        let expects = match value.is_str() || value.is_integer() || value.is_float() {
            true => Expects::Another,
            false => Expects::OtherKind,
        };
        Trouble::new("not a percentage")
            .with_help("write \"0%\" to \"100%\", with one digit after the point at the most")
            .expecting(expects)
    })
}

/// A bare number between 0 and 1, in thousandths.
fn fraction(value: &DeValue<'_>) -> Option<u16> {
    let thousandths = thousandths(&decimal(value)?)?;
    let between = u16::try_from(thousandths).ok();
    between.filter(|thousandths| (1..1000).contains(thousandths))
}

/// `[latitude, longitude]` in degrees, north and east positive.
pub(crate) fn location(value: &DeValue<'_>) -> Result<Location, Trouble> {
    let help = "write [latitude, longitude] in degrees, such as [50.11, 8.68]";
    let DeValue::Array(items) = value else {
        return Err(mismatch("a location", value).with_help(help));
    };
    let degrees: Vec<Option<i64>> = items
        .iter()
        .map(|item| thousandths(&decimal(item.get_ref())?))
        .collect();
    let [Some(latitude), Some(longitude)] = degrees[..] else {
        return Err(Trouble::new("a location is two numbers").with_help(help));
    };
    if !(-90_000..=90_000).contains(&latitude) {
        return Err(Trouble::new("latitude is out of range").with_help("it can be -90 to 90"));
    }
    if !(-180_000..=180_000).contains(&longitude) {
        return Err(Trouble::new("longitude is out of range").with_help("it can be -180 to 180"));
    }
    let narrow = |degrees| i32::try_from(degrees).expect("bounded by 180000");
    Ok(Location {
        latitude: narrow(latitude),
        longitude: narrow(longitude),
    })
}

/// The digits of a number; nothing for any other value.
fn decimal(value: &DeValue<'_>) -> Option<String> {
    if let DeValue::Float(float) = value {
        return Some(float.as_str().to_owned());
    }
    let integer = value.as_integer().filter(|integer| integer.radix() == 10)?;
    Some(integer.as_str().to_owned())
}

/// A decimal number in thousandths; further digits are dropped.
fn thousandths(text: &str) -> Option<i64> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !is_number(whole) || !is_number(fraction) {
        return None;
    }
    let fraction: String = fraction.chars().chain("000".chars()).take(3).collect();
    let (whole, fraction): (i64, i64) = (whole.parse().ok()?, fraction.parse().ok()?);
    whole
        .checked_mul(1000)?
        .checked_add(fraction)
        .map(|thousandths| sign * thousandths)
}

/// An address with a port.
pub(crate) fn socket(value: &DeValue<'_>) -> Result<SocketAddr, Trouble> {
    let help = |written: &str| match written.trim_start_matches(':').parse::<u16>() {
        Ok(port) => format!("write \"127.0.0.1:{port}\", or the address that others reach it by"),
        Err(_) => "write \"192.0.2.1:53\" or \"[2001:db8::1]:53\"".to_owned(),
    };
    if let DeValue::Integer(port) = value {
        return Err(mismatch("an address with a port", value).with_help(help(port.as_str())));
    }
    let text = text(value)?;
    text.parse().map_err(|_| {
        Trouble::new(format!("`{text}` is not an address with a port")).with_help(help(&text))
    })
}

/// An address that can be an answer.
pub(crate) fn address(value: &DeValue<'_>) -> Result<IpAddr, Trouble> {
    let text = text(value)?;
    let Ok(address) = text.parse::<IpAddr>() else {
        return Err(Trouble::new(format!("`{text}` is not an IP address"))
            .with_help("write \"192.0.2.10\" or \"2001:db8::10\""));
    };
    if address.is_unspecified() || address.is_multicast() {
        return Err(Trouble::new(format!("nobody can connect to `{text}`"))
            .with_help("write the address that clients should connect to"));
    }
    match address.to_canonical() {
        own if own == address => Ok(address),
        own => Err(
            Trouble::new(format!("`{text}` is an IPv4 address in IPv6's clothes"))
                .with_help(format!("write the IPv4 address: \"{own}\"")),
        ),
    }
}

/// A domain name.
pub(crate) fn domain(value: &DeValue<'_>) -> Result<Name, Trouble> {
    let text = text(value)?;
    Name::parse(&text).map_err(|error| {
        Trouble::new(format!("`{text}` is not a name: {error}"))
            .with_help("write a name such as \"api.example.org\"")
    })
}

/// A name of the config's own things: 1 to 63 letters, digits, `-`, `_` and `.`.
pub(crate) fn label(value: &DeValue<'_>) -> Result<String, Trouble> {
    let text = text(value)?;
    check_label(&text).map(|()| text)
}

/// Whether a text may name a thing of the config: it becomes a metric label and a part of keys.
pub(crate) fn check_label(text: &str) -> Result<(), Trouble> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    match text.len() {
        1..=63 if text.bytes().all(fits) => Ok(()),
        _ => Err(Trouble::new(format!("`{text}` cannot be a name here"))
            .with_help("a name is 1 to 63 letters, digits, `-`, `_` and `.`")),
    }
}

/// A country by its two letters.
pub(crate) fn one_country(value: &DeValue<'_>) -> Result<Country, Trouble> {
    let text = text(value)?;
    known_country(&text)
}

/// A country, a part of one, or a built-in list of countries.
pub(crate) fn territories(value: &DeValue<'_>) -> Result<Vec<Territory>, Trouble> {
    let text = text(value)?;
    match text.starts_with('@') {
        true => Ok(country_list(&text)?
            .into_iter()
            .map(Territory::from)
            .collect()),
        false => known_territory(&text).map(|own| vec![own]),
    }
}

/// A country, or a part of one, as text. Which parts a country has is not known here: what a geo database does not know is told by `check`.
pub(crate) fn known_territory(text: &str) -> Result<Territory, Trouble> {
    let Some((country, code)) = text.split_once('-') else {
        return known_country(text).map(Territory::from);
    };
    let country = known_country(country)?;
    Territory::part_of(country, code).ok_or_else(|| {
        Trouble::new(format!("`{text}` is not a part of a country"))
            .with_help("write a code of ISO 3166-2 such as \"US-CA\" or \"CA-ON\"")
    })
}

/// The countries of a built-in list.
pub(crate) fn country_list(text: &str) -> Result<Vec<Country>, Trouble> {
    country::list(text).ok_or_else(|| {
        let help = match similar(text, country::LISTS.iter().copied()) {
            Some(list) => format!("did you mean `{list}`?"),
            None => format!("built-in lists: {}", country::LISTS.join(", ")),
        };
        Trouble::new(format!("unknown list of countries `{text}`")).with_help(help)
    })
}

/// A country that is assigned.
pub(crate) fn known_country(text: &str) -> Result<Country, Trouble> {
    Country::parse(text)
        .filter(|country| country::find(*country).is_some())
        .ok_or_else(|| {
            let help = match text {
                "UK" => "the United Kingdom is `GB`",
                "EL" => "Greece is `GR`",
                _ => "write the two letters of ISO 3166-1, such as \"DE\", or a list such as \"@EEA\"",
            };
            Trouble::new(format!("`{text}` is not a country")).with_help(help)
        })
}

/// A network in CIDR notation.
pub(crate) fn known_network(text: &str) -> Result<Network, Trouble> {
    Network::parse(text).ok_or_else(|| {
        Trouble::new(format!("`{text}` is not a network")).with_help(
            "write \"198.51.100.0/24\" or \"2001:db8::/32\", without bits behind the prefix",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Parses the right-hand side of a key.
    fn given<T>(text: &str, parse: impl Fn(&DeValue<'_>) -> Result<T, Trouble>) -> Option<T> {
        let value = DeValue::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        parse(value.get_ref()).ok()
    }

    #[test]
    fn spans_need_a_unit() {
        let cases = [
            (r#""500ms""#, Some(500)),
            (r#""5s""#, Some(5000)),
            (r#""2m""#, Some(120_000)),
            (r#""1h""#, Some(3_600_000)),
            (r#""30d""#, Some(30 * 86_400_000)),
            (r#""721h""#, None),
            (r#""31d""#, None),
            (r#""5""#, None),
            (r#""s""#, None),
            (r#""1.5s""#, None),
            (r#""-5s""#, None),
            (r#""99999999999999999999h""#, None),
            ("5", None),
        ];
        for (text, millis) in cases {
            assert_eq!(given(text, span), millis.map(Span), "{text}");
        }
    }

    #[test]
    fn keys_may_live_for_years() {
        assert_eq!(
            given(r#""90d""#, long_span),
            Some(Span::from_secs(7_776_000))
        );
        assert_eq!(
            given(r#""3660d""#, long_span),
            Some(Span::from_secs(316_224_000))
        );
        assert_eq!(given(r#""3661d""#, long_span), None);
        assert_eq!(given(r#""99999999999999999999d""#, long_span), None);
        assert_eq!(given(r#""1y""#, long_span), None);
    }

    #[test]
    fn sizes_need_a_unit() {
        let cases = [
            (r#""65536B""#, Some(65_536)),
            (r#""512kB""#, Some(512_000)),
            (r#""512KB""#, Some(512_000)),
            (r#""16MB""#, Some(16_000_000)),
            (r#""16MiB""#, Some(16 << 20)),
            (r#""1GiB""#, Some(1 << 30)),
            (r#""2GB""#, Some(2_000_000_000)),
            (r#""1048576GiB""#, Some(1 << 50)),
            (r#""1048577GiB""#, None),
            (r#""99999999999GB""#, None),
            (r#""0B""#, None),
            (r#""16""#, None),
            (r#""MB""#, None),
            (r#""16mb""#, None),
            (r#""1.5MB""#, None),
            ("16", None),
        ];
        for (text, octets) in cases {
            assert_eq!(given(text, super::octets), octets, "{text}");
        }
    }

    #[test]
    fn percentages_are_tenths_at_the_finest() {
        let cases = [
            (r#""80%""#, Some(800)),
            (r#""0.5%""#, Some(5)),
            ("5", Some(50)),
            ("1.5", Some(15)),
            ("0", Some(0)),
            ("0.5", None),
            ("0.001", None),
            ("100", Some(1000)),
            ("100.1", None),
            ("0.05", None),
            ("-1", None),
            (r#""80""#, None),
            ("true", None),
        ];
        for (text, permille) in cases {
            assert_eq!(given(text, percent), permille.map(Permille), "{text}");
        }
    }

    #[test]
    fn locations_are_thousandths_of_a_degree() {
        let cases = [
            ("[50.11, 8.68]", Some((50_110, 8680))),
            ("[-0.5, -180]", Some((-500, -180_000))),
            ("[1, 2, 3]", None),
            ("[90.001, 0]", None),
            ("[0, 181.0]", None),
            ("[1e1, 0]", None),
            (r#"["50", 8]"#, None),
        ];
        for (text, degrees) in cases {
            let location = degrees.map(|(latitude, longitude)| Location {
                latitude,
                longitude,
            });
            assert_eq!(given(text, super::location), location, "{text}");
        }
    }

    #[test]
    fn numbers_keep_to_their_bounds() {
        assert_eq!(given("512", number(512_u16..=4096)), Some(512));
        assert_eq!(given("511", number(512_u16..=4096)), None);
        assert_eq!(given("-1", number(0_u16..=9)), None);
        assert_eq!(given("0x10", number(1_u16..=99)), Some(16));
        assert_eq!(given("1.0", number(1_u16..=9)), None);
    }
}
