//! The built-in list of countries: every code of ISO 3166-1 and XK, which databases use for
//! Kosovo.
//!
//! Decides what is known of a client of whom only the country is known. The location is where a
//! country's people are, not where its land is: the point with the least sum of distances to its
//! inhabitants, by city, so that Russia lies near Moscow and Canada near Toronto. The nearest
//! region to that point is the nearest for most of them. Continents are those of GeoNames and
//! MaxMind.
//!
//! It does not know what databases call a country by mistake; that is `record`'s. The European
//! Union and the continent would both be `@EU`: the name is the Union's, since that is what
//! operators mean when they write about law, and the continent is `@EU-CONTINENT`.
//!
//! Figures from GeoNames (cities of 500 inhabitants and more) and names from ISO 3166-1, as of
//! June 2026.
use super::place::Continent::{self, Af, An, As, Eu, Na, Oc, Sa};
use super::place::{Country, Location};

/// What is known of a country.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Its code.
    pub country: Country,
    /// Its English short name.
    pub name: &'static str,
    /// Its continent.
    pub continent: Continent,
    /// Roughly its middle, by population where that differs much.
    pub location: Location,
}

/// The facts of a country; `None` for a code that is not assigned.
#[must_use]
pub fn find(country: Country) -> Option<&'static Facts> {
    let found = FACTS.binary_search_by_key(&country, |facts| facts.country);
    Some(&FACTS[found.ok()?])
}

/// Every country, in the order of the codes.
#[must_use]
pub fn all() -> &'static [Facts] {
    FACTS
}

/// The countries of a built-in list: `@EEA`, `@EU`, or a continent as `@AF`.
#[must_use]
pub fn list(name: &str) -> Option<Vec<Country>> {
    let continent = match name {
        "@EU" => return Some(codes(UNION)),
        "@EEA" => return Some([codes(UNION), codes(EEA_BESIDE_UNION)].concat()),
        "@EU-CONTINENT" => Eu,
        _ => Continent::parse(name.strip_prefix('@')?)?,
    };
    let members = FACTS.iter().filter(|facts| facts.continent == continent);
    Some(members.map(|facts| facts.country).collect())
}

/// The names of the built-in lists, with their `@`.
pub const LISTS: &[&str] = &[
    "@EEA",
    "@EU",
    "@AF",
    "@AN",
    "@AS",
    "@EU-CONTINENT",
    "@NA",
    "@OC",
    "@SA",
];

/// The European Union.
const UNION: &[[u8; 2]] = &[
    *b"AT", *b"BE", *b"BG", *b"CY", *b"CZ", *b"DE", *b"DK", *b"EE", *b"ES", *b"FI", *b"FR", *b"GR",
    *b"HR", *b"HU", *b"IE", *b"IT", *b"LT", *b"LU", *b"LV", *b"MT", *b"NL", *b"PL", *b"PT", *b"RO",
    *b"SE", *b"SI", *b"SK",
];
/// The other members of the European Economic Area.
const EEA_BESIDE_UNION: &[[u8; 2]] = &[*b"IS", *b"LI", *b"NO"];

fn codes(list: &[[u8; 2]]) -> Vec<Country> {
    list.iter().copied().map(Country).collect()
}

const fn row(
    code: [u8; 2],
    name: &'static str,
    continent: Continent,
    latitude: i32,
    longitude: i32,
) -> Facts {
    Facts {
        country: Country(code),
        name,
        continent,
        location: Location {
            latitude,
            longitude,
        },
    }
}

static FACTS: &[Facts] = &[
    row(*b"AD", "Andorra", Eu, 42_520, 1_540),
    row(*b"AE", "United Arab Emirates", As, 25_120, 55_310),
    row(*b"AF", "Afghanistan", As, 34_550, 69_110),
    row(*b"AG", "Antigua and Barbuda", Na, 17_100, -61_820),
    row(*b"AI", "Anguilla", Na, 18_210, -63_050),
    row(*b"AL", "Albania", Eu, 41_220, 19_810),
    row(*b"AM", "Armenia", As, 40_200, 44_510),
    row(*b"AO", "Angola", Af, -8_910, 13_330),
    row(*b"AQ", "Antarctica", An, -77_850, 166_670),
    row(*b"AR", "Argentina", Sa, -33_200, -60_520),
    row(*b"AS", "American Samoa", Oc, -14_320, -170_720),
    row(*b"AT", "Austria", Eu, 48_040, 15_910),
    row(*b"AU", "Australia", Oc, -34_170, 148_940),
    row(*b"AW", "Aruba", Na, 12_520, -70_000),
    row(*b"AX", "Åland Islands", Eu, 60_170, 19_980),
    row(*b"AZ", "Azerbaijan", As, 40_400, 49_760),
    row(*b"BA", "Bosnia and Herzegovina", Eu, 44_150, 18_040),
    row(*b"BB", "Barbados", Na, 13_120, -59_610),
    row(*b"BD", "Bangladesh", As, 23_730, 90_410),
    row(*b"BE", "Belgium", Eu, 50_860, 4_390),
    row(*b"BF", "Burkina Faso", Af, 12_350, -1_570),
    row(*b"BG", "Bulgaria", Eu, 42_640, 24_720),
    row(*b"BH", "Bahrain", As, 26_180, 50_570),
    row(*b"BI", "Burundi", Af, -3_370, 29_400),
    row(*b"BJ", "Benin", Af, 6_690, 2_370),
    row(*b"BL", "Saint Barthélemy", Na, 17_900, -62_850),
    row(*b"BM", "Bermuda", Na, 32_300, -64_790),
    row(*b"BN", "Brunei", As, 4_880, 114_860),
    row(*b"BO", "Bolivia", Sa, -17_390, -66_150),
    row(
        *b"BQ",
        "Bonaire, Sint Eustatius and Saba",
        Na,
        12_180,
        -68_250,
    ),
    row(*b"BR", "Brazil", Sa, -20_820, -46_040),
    row(*b"BS", "Bahamas", Na, 25_090, -77_380),
    row(*b"BT", "Bhutan", As, 27_410, 89_730),
    row(*b"BV", "Bouvet Island", An, -54_420, 3_360),
    row(*b"BW", "Botswana", Af, -24_420, 25_890),
    row(*b"BY", "Belarus", Eu, 53_850, 27_630),
    row(*b"BZ", "Belize", Na, 17_480, -88_450),
    row(*b"CA", "Canada", Na, 44_630, -79_560),
    row(*b"CC", "Cocos (Keeling) Islands", As, -12_160, 96_820),
    row(*b"CD", "Congo (Democratic Republic)", Af, -4_350, 15_540),
    row(*b"CF", "Central African Republic", Af, 4_410, 18_510),
    row(*b"CG", "Congo", Af, -4_250, 15_200),
    row(*b"CH", "Switzerland", Eu, 47_270, 8_360),
    row(*b"CI", "Côte d'Ivoire", Af, 6_310, -5_030),
    row(*b"CK", "Cook Islands", Oc, -21_210, -159_770),
    row(*b"CL", "Chile", Sa, -33_510, -70_710),
    row(*b"CM", "Cameroon", Af, 4_890, 10_550),
    row(*b"CN", "China", As, 32_070, 115_450),
    row(*b"CO", "Colombia", Sa, 5_150, -74_660),
    row(*b"CR", "Costa Rica", Na, 9_940, -84_100),
    row(*b"CU", "Cuba", Na, 22_930, -81_960),
    row(*b"CV", "Cabo Verde", Af, 15_090, -23_600),
    row(*b"CW", "Curaçao", Na, 12_130, -68_900),
    row(*b"CX", "Christmas Island", Oc, -10_420, 105_680),
    row(*b"CY", "Cyprus", Eu, 35_070, 33_350),
    row(*b"CZ", "Czechia", Eu, 49_960, 15_060),
    row(*b"DE", "Germany", Eu, 51_080, 9_420),
    row(*b"DJ", "Djibouti", Af, 11_570, 43_120),
    row(*b"DK", "Denmark", Eu, 55_730, 11_890),
    row(*b"DM", "Dominica", Na, 15_360, -61_370),
    row(*b"DO", "Dominican Republic", Na, 18_530, -69_950),
    row(*b"DZ", "Algeria", Af, 36_260, 3_400),
    row(*b"EC", "Ecuador", Sa, -1_630, -79_470),
    row(*b"EE", "Estonia", Eu, 59_400, 24_820),
    row(*b"EG", "Egypt", Af, 30_090, 31_230),
    row(*b"EH", "Western Sahara", Af, 27_060, -13_260),
    row(*b"ER", "Eritrea", Af, 15_330, 38_920),
    row(*b"ES", "Spain", Eu, 40_370, -3_540),
    row(*b"ET", "Ethiopia", Af, 9_020, 38_760),
    row(*b"FI", "Finland", Eu, 60_620, 24_800),
    row(*b"FJ", "Fiji", Oc, -18_050, 178_400),
    row(*b"FK", "Falkland Islands", Sa, -51_690, -57_860),
    row(*b"FM", "Micronesia", Oc, 6_880, 157_400),
    row(*b"FO", "Faroe Islands", Eu, 62_060, -6_790),
    row(*b"FR", "France", Eu, 48_090, 2_510),
    row(*b"GA", "Gabon", Af, 340, 9_520),
    row(*b"GB", "United Kingdom", Eu, 52_240, -1_100),
    row(*b"GD", "Grenada", Na, 12_120, -61_700),
    row(*b"GE", "Georgia", As, 41_720, 44_720),
    row(*b"GF", "French Guiana", Sa, 4_930, -52_400),
    row(*b"GG", "Guernsey", Eu, 49_470, -2_530),
    row(*b"GH", "Ghana", Af, 6_120, -910),
    row(*b"GI", "Gibraltar", Eu, 36_140, -5_350),
    row(*b"GL", "Greenland", Na, 64_450, -51_610),
    row(*b"GM", "Gambia", Af, 13_410, -16_640),
    row(*b"GN", "Guinea", Af, 9_570, -13_630),
    row(*b"GP", "Guadeloupe", Na, 16_230, -61_540),
    row(*b"GQ", "Equatorial Guinea", Af, 1_950, 9_760),
    row(*b"GR", "Greece", Eu, 38_110, 23_630),
    row(
        *b"GS",
        "South Georgia and the South Sandwich Islands",
        An,
        -54_280,
        -36_510,
    ),
    row(*b"GT", "Guatemala", Na, 14_630, -90_630),
    row(*b"GU", "Guam", Oc, 13_480, 144_800),
    row(*b"GW", "Guinea-Bissau", Af, 11_880, -15_580),
    row(*b"GY", "Guyana", Sa, 6_770, -58_150),
    row(*b"HK", "Hong Kong", As, 22_330, 114_160),
    row(
        *b"HM",
        "Heard Island and McDonald Islands",
        An,
        -53_100,
        73_510,
    ),
    row(*b"HN", "Honduras", Na, 14_930, -87_600),
    row(*b"HR", "Croatia", Eu, 45_710, 16_070),
    row(*b"HT", "Haiti", Na, 18_590, -72_370),
    row(*b"HU", "Hungary", Eu, 47_470, 19_110),
    row(*b"ID", "Indonesia", As, -6_210, 107_720),
    row(*b"IE", "Ireland", Eu, 53_300, -6_390),
    row(*b"IL", "Israel", As, 32_060, 34_900),
    row(*b"IM", "Isle of Man", Eu, 54_170, -4_520),
    row(*b"IN", "India", As, 21_020, 77_790),
    row(*b"IO", "British Indian Ocean Territory", As, -7_270, 72_380),
    row(*b"IQ", "Iraq", As, 33_380, 44_430),
    row(*b"IR", "Iran", As, 35_410, 51_230),
    row(*b"IS", "Iceland", Eu, 64_130, -21_890),
    row(*b"IT", "Italy", Eu, 43_650, 11_560),
    row(*b"JE", "Jersey", Eu, 49_200, -2_110),
    row(*b"JM", "Jamaica", Na, 18_010, -76_840),
    row(*b"JO", "Jordan", As, 32_020, 35_950),
    row(*b"JP", "Japan", As, 35_660, 138_520),
    row(*b"KE", "Kenya", Af, -1_210, 36_790),
    row(*b"KG", "Kyrgyzstan", As, 42_680, 74_470),
    row(*b"KH", "Cambodia", As, 11_550, 104_890),
    row(*b"KI", "Kiribati", Oc, 1_340, 173_020),
    row(*b"KM", "Comoros", Af, -12_020, 43_920),
    row(*b"KN", "Saint Kitts and Nevis", Na, 17_310, -62_750),
    row(*b"KP", "North Korea", As, 39_080, 125_840),
    row(*b"KR", "South Korea", As, 37_140, 127_160),
    row(*b"KW", "Kuwait", As, 29_190, 48_060),
    row(*b"KY", "Cayman Islands", Na, 19_310, -81_280),
    row(*b"KZ", "Kazakhstan", As, 47_960, 71_430),
    row(*b"LA", "Laos", As, 17_990, 102_650),
    row(*b"LB", "Lebanon", As, 33_880, 35_510),
    row(*b"LC", "Saint Lucia", Na, 13_970, -60_960),
    row(*b"LI", "Liechtenstein", Eu, 47_160, 9_520),
    row(*b"LK", "Sri Lanka", As, 6_940, 79_950),
    row(*b"LR", "Liberia", Af, 6_310, -10_760),
    row(*b"LS", "Lesotho", Af, -29_340, 27_560),
    row(*b"LT", "Lithuania", Eu, 54_930, 24_320),
    row(*b"LU", "Luxembourg", Eu, 49_610, 6_100),
    row(*b"LV", "Latvia", Eu, 56_930, 24_120),
    row(*b"LY", "Libya", Af, 32_610, 13_690),
    row(*b"MA", "Morocco", Af, 33_770, -6_830),
    row(*b"MC", "Monaco", Eu, 43_740, 7_420),
    row(*b"MD", "Moldova", Eu, 47_030, 28_860),
    row(*b"ME", "Montenegro", Eu, 42_470, 19_210),
    row(*b"MF", "Saint Martin", Na, 18_070, -63_070),
    row(*b"MG", "Madagascar", Af, -18_930, 47_540),
    row(*b"MH", "Marshall Islands", Oc, 7_110, 171_330),
    row(*b"MK", "North Macedonia", Eu, 41_920, 21_450),
    row(*b"ML", "Mali", Af, 12_630, -7_930),
    row(*b"MM", "Myanmar", As, 17_040, 96_140),
    row(*b"MN", "Mongolia", As, 47_910, 106_830),
    row(*b"MO", "Macao", As, 22_190, 113_550),
    row(*b"MP", "Northern Mariana Islands", Oc, 15_180, 145_730),
    row(*b"MQ", "Martinique", Na, 14_630, -61_000),
    row(*b"MR", "Mauritania", Af, 18_080, -15_910),
    row(*b"MS", "Montserrat", Na, 16_790, -62_200),
    row(*b"MT", "Malta", Eu, 35_900, 14_470),
    row(*b"MU", "Mauritius", Af, -20_220, 57_540),
    row(*b"MV", "Maldives", As, 4_150, 73_500),
    row(*b"MW", "Malawi", Af, -14_020, 33_870),
    row(*b"MX", "Mexico", Na, 19_580, -99_190),
    row(*b"MY", "Malaysia", As, 3_170, 101_740),
    row(*b"MZ", "Mozambique", Af, -19_790, 34_890),
    row(*b"NA", "Namibia", Af, -22_480, 17_050),
    row(*b"NC", "New Caledonia", Oc, -22_230, 166_450),
    row(*b"NE", "Niger", Af, 13_970, 4_610),
    row(*b"NF", "Norfolk Island", Oc, -29_050, 167_970),
    row(*b"NG", "Nigeria", Af, 7_380, 5_070),
    row(*b"NI", "Nicaragua", Na, 12_170, -86_230),
    row(*b"NL", "Netherlands", Eu, 52_080, 5_130),
    row(*b"NO", "Norway", Eu, 59_920, 10_530),
    row(*b"NP", "Nepal", As, 27_660, 85_240),
    row(*b"NR", "Nauru", Oc, -530, 166_920),
    row(*b"NU", "Niue", Oc, -19_050, -169_920),
    row(*b"NZ", "New Zealand", Oc, -37_700, 174_890),
    row(*b"OM", "Oman", As, 23_590, 58_220),
    row(*b"PA", "Panama", Na, 9_000, -79_590),
    row(*b"PE", "Peru", Sa, -12_000, -77_000),
    row(*b"PF", "French Polynesia", Oc, -17_580, -149_570),
    row(*b"PG", "Papua New Guinea", Oc, -8_200, 147_000),
    row(*b"PH", "Philippines", As, 14_150, 121_290),
    row(*b"PK", "Pakistan", As, 31_300, 72_780),
    row(*b"PL", "Poland", Eu, 51_650, 19_380),
    row(*b"PM", "Saint Pierre and Miquelon", Na, 46_800, -56_190),
    row(*b"PN", "Pitcairn", Oc, -25_070, -130_100),
    row(*b"PR", "Puerto Rico", Na, 18_370, -66_160),
    row(*b"PS", "Palestine", As, 31_780, 35_090),
    row(*b"PT", "Portugal", Eu, 39_520, -8_860),
    row(*b"PW", "Palau", Oc, 7_350, 134_480),
    row(*b"PY", "Paraguay", Sa, -25_310, -57_540),
    row(*b"QA", "Qatar", As, 25_310, 51_500),
    row(*b"RE", "Réunion", Af, -21_070, 55_450),
    row(*b"RO", "Romania", Eu, 45_390, 25_540),
    row(*b"RS", "Serbia", Eu, 44_790, 20_450),
    row(*b"RU", "Russia", Eu, 55_610, 43_320),
    row(*b"RW", "Rwanda", Af, -1_950, 29_970),
    row(*b"SA", "Saudi Arabia", As, 23_570, 42_360),
    row(*b"SB", "Solomon Islands", Oc, -9_430, 159_960),
    row(*b"SC", "Seychelles", Af, -4_640, 55_470),
    row(*b"SD", "Sudan", Af, 15_540, 32_510),
    row(*b"SE", "Sweden", Eu, 59_050, 16_520),
    row(*b"SG", "Singapore", As, 1_330, 103_850),
    row(
        *b"SH",
        "Saint Helena, Ascension and Tristan da Cunha",
        Af,
        -14_190,
        -10_070,
    ),
    row(*b"SI", "Slovenia", Eu, 46_120, 14_630),
    row(*b"SJ", "Svalbard and Jan Mayen", Eu, 78_220, 15_640),
    row(*b"SK", "Slovakia", Eu, 48_560, 18_410),
    row(*b"SL", "Sierra Leone", Af, 8_380, -12_420),
    row(*b"SM", "San Marino", Eu, 43_950, 12_470),
    row(*b"SN", "Senegal", Af, 14_720, -17_200),
    row(*b"SO", "Somalia", Af, 2_140, 45_300),
    row(*b"SR", "Suriname", Sa, 5_830, -55_170),
    row(*b"SS", "South Sudan", Af, 6_050, 30_310),
    row(*b"ST", "Sao Tome and Principe", Af, 320, 6_700),
    row(*b"SV", "El Salvador", Na, 13_710, -89_160),
    row(*b"SX", "Sint Maarten", Na, 18_040, -63_060),
    row(*b"SY", "Syria", As, 35_130, 36_810),
    row(*b"SZ", "Eswatini", Af, -26_460, 31_320),
    row(*b"TC", "Turks and Caicos Islands", Na, 21_780, -72_230),
    row(*b"TD", "Chad", Af, 12_030, 15_180),
    row(*b"TF", "French Southern Territories", An, -49_350, 70_220),
    row(*b"TG", "Togo", Af, 6_180, 1_220),
    row(*b"TH", "Thailand", As, 13_760, 100_550),
    row(*b"TJ", "Tajikistan", As, 38_700, 69_020),
    row(*b"TK", "Tokelau", Oc, -9_130, -171_910),
    row(*b"TL", "Timor-Leste", Oc, -8_630, 125_570),
    row(*b"TM", "Turkmenistan", As, 38_010, 58_460),
    row(*b"TN", "Tunisia", Af, 36_200, 10_300),
    row(*b"TO", "Tonga", Oc, -21_140, -175_190),
    row(*b"TR", "Türkiye", As, 40_050, 30_510),
    row(*b"TT", "Trinidad and Tobago", Na, 10_460, -61_420),
    row(*b"TV", "Tuvalu", Oc, -8_500, 179_180),
    row(*b"TW", "Taiwan", As, 24_970, 121_430),
    row(*b"TZ", "Tanzania", Af, -6_120, 36_880),
    row(*b"UA", "Ukraine", Eu, 49_100, 32_660),
    row(*b"UG", "Uganda", Af, 360, 32_540),
    row(
        *b"UM",
        "United States Minor Outlying Islands",
        Oc,
        19_280,
        166_650,
    ),
    row(*b"US", "United States", Na, 39_100, -87_690),
    row(*b"UY", "Uruguay", Sa, -34_810, -56_180),
    row(*b"UZ", "Uzbekistan", As, 41_150, 69_250),
    row(*b"VA", "Holy See", Eu, 41_900, 12_450),
    row(
        *b"VC",
        "Saint Vincent and the Grenadines",
        Na,
        13_160,
        -61_210,
    ),
    row(*b"VE", "Venezuela", Sa, 10_150, -67_640),
    row(*b"VG", "British Virgin Islands", Na, 18_430, -64_570),
    row(*b"VI", "United States Virgin Islands", Na, 17_790, -64_760),
    row(*b"VN", "Vietnam", As, 12_990, 106_720),
    row(*b"VU", "Vanuatu", Oc, -17_690, 168_290),
    row(*b"WF", "Wallis and Futuna", Oc, -13_300, -176_200),
    row(*b"WS", "Samoa", Oc, -13_830, -171_840),
    row(*b"XK", "Kosovo", Eu, 42_620, 21_040),
    row(*b"YE", "Yemen", As, 14_310, 44_260),
    row(*b"YT", "Mayotte", Af, -12_790, 45_190),
    row(*b"ZA", "South Africa", Af, -26_350, 28_030),
    row(*b"ZM", "Zambia", Af, -14_390, 28_370),
    row(*b"ZW", "Zimbabwe", Af, -17_920, 31_020),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{Country, FACTS, LISTS, Location, find, list};

    #[test]
    fn every_country_is_found() {
        assert_eq!(FACTS.len(), 250);
        assert!(FACTS.is_sorted_by(|one, two| one.country < two.country));
        for facts in FACTS {
            assert_eq!(find(facts.country), Some(facts));
            assert!(!facts.name.is_empty() && facts.location.latitude.abs() <= 90_000);
            assert!(facts.location.longitude.abs() <= 180_000);
        }
        let names: BTreeSet<_> = FACTS.iter().map(|facts| facts.name).collect();
        assert_eq!(names.len(), FACTS.len());
    }

    #[test]
    fn unassigned_codes_are_unknown() {
        for code in [b"AA", b"EU", b"UK", b"ZZ", b"00"] {
            assert_eq!(find(Country(*code)), None);
        }
    }

    #[test]
    fn lists_have_their_members() {
        let counts = LISTS.iter().map(|name| list(name).unwrap().len());
        let counts: Vec<_> = counts.collect();
        assert_eq!(counts[..2], [30, 27]);
        assert!(counts.iter().all(|&count| count > 0));
        assert_eq!(counts[2..].iter().sum::<usize>(), FACTS.len());
        for name in LISTS {
            let members = list(name).unwrap();
            let distinct: BTreeSet<_> = members.iter().collect();
            assert_eq!(distinct.len(), members.len(), "{name}");
            assert!(members.iter().all(|&country| find(country).is_some()));
        }
    }

    #[test]
    fn the_union_is_not_the_continent() {
        let holds = |name: &str, code: &[u8; 2]| list(name).unwrap().contains(&Country(*code));
        for (code, union, area, continent) in [
            (b"DE", true, true, true),
            (b"CY", true, true, true),
            (b"NO", false, true, true),
            (b"IS", false, true, true),
            (b"GB", false, false, true),
            (b"CH", false, false, true),
            (b"TR", false, false, false),
        ] {
            let found = ["@EU", "@EEA", "@EU-CONTINENT"].map(|name| holds(name, code));
            assert_eq!(found, [union, area, continent], "{:?}", Country(*code));
        }
    }

    #[test]
    fn other_lists_are_unknown() {
        for name in ["", "@", "EEA", "@eu", "@XX", "@EU-", "@@AF"] {
            assert_eq!(list(name), None, "{name}");
        }
    }

    #[test]
    fn locations_are_where_the_people_are() {
        for (code, latitude, longitude) in [
            (b"RU", 55.75, 37.62),
            (b"CA", 44.5, -78.5),
            (b"US", 39.0, -88.0),
            (b"AU", -35.3, 149.1),
            (b"BR", -21.0, -46.0),
            (b"DE", 50.11, 8.68),
            (b"SG", 1.35, 103.82),
            (b"NZ", -38.0, 175.0),
        ] {
            let near = Location::from_degrees(latitude, longitude).unwrap();
            let distance = find(Country(*code)).unwrap().location.distance_km(near);
            assert!(distance < 450, "{:?}: {distance} km", Country(*code));
        }
    }
}
