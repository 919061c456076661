//! Keys and hashes as people copy them: octets in hexadecimal digits.

/// Reads 32 octets in hexadecimal digits; nothing, if there is anything else.
#[must_use]
pub fn from_hexadecimal<const N: usize>(text: &str) -> Option<[u8; N]> {
    let octets = (0..text.len()).step_by(2).map(|at| {
        let pair = text.get(at..at + 2)?;
        let is_digits = pair.bytes().all(|digit| digit.is_ascii_hexdigit());
        u8::from_str_radix(pair, 16).ok().filter(|_| is_digits)
    });
    let octets: Option<Vec<u8>> = octets.collect();
    octets?.try_into().ok()
}

/// Writes octets in hexadecimal digits.
#[must_use]
pub fn to_hexadecimal(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_read_as_they_were_written() {
        let octets: [u8; 32] = std::array::from_fn(|at| u8::try_from(at * 7).unwrap_or(255));
        let text = to_hexadecimal(&octets);
        assert_eq!(from_hexadecimal(&text), Some(octets));
        assert_eq!(from_hexadecimal(&text.to_uppercase()), Some(octets));
        for wrong in [
            "",
            "00",
            &text[2..],
            &format!("{text}00"),
            &text.replace('0', "+"),
            &text.replace('7', "é"),
        ] {
            assert_eq!(from_hexadecimal::<32>(wrong), None, "{wrong}");
        }
    }
}
