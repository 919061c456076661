//! Places on Earth (RFC 1876): `d1 [m1 [s1]] N|S  d2 [m2 [s2]] E|W  altitude [size [horizontal
//! [vertical]]]`.
//!
//! Numbers are read as decimals of a fixed number of digits: lengths are whole centimetres, angles
//! whole thousandths of a second of arc. A place beyond the poles is none; Knot and NSD look at
//! the degrees alone.
use std::fmt::Write;

use super::numbers::take;
use super::words::Words;
use super::{Field, Unfit};

/// The equator and the prime meridian on the wire.
const ANGLE_ZERO: u64 = 1 << 31;
/// Sea level on the wire, centimetres above the lowest altitude there is.
const ALTITUDE_ZERO: u64 = 10_000_000;
/// What LOC takes for size, horizontal and vertical precision, centimetres.
const PRECISIONS: [u64; 3] = [100, 1_000_000, 1_000];
/// The largest of them, centimetres.
const PRECISION_MOST: u64 = 9_000_000_000;
const DEGREE: u64 = 3_600_000;

const NOT_ANGLE: Unfit = Unfit::Not(
    "part of an angle: at most 90 degrees N or S, or 180 E or W, then minutes and seconds",
);
const NOT_METRES: Unfit = Unfit::Not("a length in metres");

/// All of it.
pub(super) const LOCATION: Field = Field {
    read,
    show,
    is_name: false,
};

fn read(words: &mut Words<'_, '_>, rdata: &mut Vec<u8>) -> Result<(), Unfit> {
    let latitude = angle(words, 90, ["N", "S"])?;
    let longitude = angle(words, 180, ["E", "W"])?;
    let altitude = altitude(next(words)?).ok_or(NOT_METRES)?;
    rdata.push(0);
    for usual in PRECISIONS {
        let given = match words.is_at_end() {
            true => Some(usual),
            false => metres(next(words)?),
        };
        rdata.push(given.and_then(precision).ok_or(NOT_METRES)?);
    }
    for number in [latitude, longitude, altitude] {
        let number = u32::try_from(number).map_err(|_| NOT_METRES)?;
        rdata.extend(number.to_be_bytes());
    }
    Ok(())
}

fn next<'t>(words: &mut Words<'_, 't>) -> Result<&'t str, Unfit> {
    words.text("a number")
}

/// A decimal number with so many digits behind the point, as a whole number of the last of them.
fn decimal(text: &str, digits: usize) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let numeric = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !numeric(whole) || !numeric(fraction) || fraction.len() > digits {
        return None;
    }
    format!("{whole}{fraction:0<digits$}").parse().ok()
}

/// Degrees, minutes and seconds up to the word that says on which side.
fn angle(words: &mut Words<'_, '_>, most: u64, [plus, minus]: [&str; 2]) -> Result<u64, Unfit> {
    let mut total = 0;
    // Thousandths of a second in one, digits behind the point, and the first number too large.
    for (unit, digits, end) in [
        (DEGREE, 0, most + 1),
        (60_000, 0, 60),
        (1, 3, 60_000),
        (1, 0, 0),
    ] {
        let word = next(words)?;
        let started = unit < DEGREE;
        if started && word.eq_ignore_ascii_case(plus) {
            return Ok(ANGLE_ZERO + total);
        }
        if started && word.eq_ignore_ascii_case(minus) {
            return Ok(ANGLE_ZERO - total);
        }
        let number = decimal(word, digits).filter(|number| *number < end);
        total += number.ok_or(NOT_ANGLE)? * unit;
        if total > most * DEGREE {
            return Err(NOT_ANGLE);
        }
    }
    Err(NOT_ANGLE)
}

fn altitude(word: &str) -> Option<u64> {
    match word.strip_prefix('-') {
        Some(depth) => ALTITUDE_ZERO.checked_sub(metres(depth)?),
        None => ALTITUDE_ZERO.checked_add(metres(word.strip_prefix('+').unwrap_or(word))?),
    }
}

/// Metres, with or without the unit, as centimetres.
fn metres(word: &str) -> Option<u64> {
    decimal(word.strip_suffix(['m', 'M']).unwrap_or(word), 2)
}

/// Centimetres as one digit and a power of ten (RFC 1876, section 2).
fn precision(mut centimetres: u64) -> Option<u8> {
    if centimetres > PRECISION_MOST {
        return None;
    }
    let mut power = 0;
    while centimetres > 9 {
        centimetres /= 10;
        power += 1;
    }
    Some(u8::try_from(centimetres).ok()? << 4 | power)
}

fn show(rest: &mut &[u8], text: &mut String) -> Option<()> {
    let [_version, precisions @ ..] = take::<4>(rest)?;
    let latitude = u64::from(u32::from_be_bytes(take(rest)?));
    let longitude = u64::from(u32::from_be_bytes(take(rest)?));
    let altitude = u64::from(u32::from_be_bytes(take(rest)?));
    show_angle(latitude, ["N", "S"], text);
    show_angle(longitude, ["E", "W"], text);
    let (sign, height) = match altitude.checked_sub(ALTITUDE_ZERO) {
        Some(height) => ("", height),
        None => ("-", ALTITUDE_ZERO - altitude),
    };
    write!(text, "{sign}{}.{:02}m", height / 100, height % 100).ok()?;
    for precision in precisions {
        let (digit, power) = (precision >> 4, precision & 0xF);
        if digit > 9 || power > 9 {
            return None;
        }
        let centimetres = u64::from(digit) * 10_u64.pow(u32::from(power));
        write!(text, " {}.{:02}m", centimetres / 100, centimetres % 100).ok()?;
    }
    Some(())
}

fn show_angle(angle: u64, [plus, minus]: [&str; 2], text: &mut String) {
    let side = if angle < ANGLE_ZERO { minus } else { plus };
    let angle = angle.abs_diff(ANGLE_ZERO);
    let (degrees, minutes) = (angle / DEGREE, angle / 60_000 % 60);
    let (seconds, thousandths) = (angle / 1000 % 60, angle % 1000);
    // Writing to a string cannot fail.
    let _ = write!(
        text,
        "{degrees} {minutes} {seconds}.{thousandths:03} {side} "
    );
}
