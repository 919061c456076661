//! How figures and tables look to a person: digits in groups of three, columns aligned.
use std::fmt;

/// How a column is aligned.
#[derive(Clone, Copy)]
pub(super) enum Align {
    /// For words.
    Left,
    /// For figures.
    Right,
}

/// `1234567` as `1,234,567`.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 region`, `2 regions`, `3 countries`, `4 classes`.
pub(super) fn count(number: u64, noun: &str) -> String {
    let stem = noun.strip_suffix('y');
    match (number, stem) {
        (1, _) => format!("1 {noun}"),
        (_, Some(stem)) => format!("{} {stem}ies", grouped(number)),
        (_, None) if noun.ends_with('s') => format!("{} {noun}es", grouped(number)),
        (_, None) => format!("{} {noun}s", grouped(number)),
    }
}

/// Rows of cells, the first one as a head, each column as wide as its widest cell.
pub(super) fn write_table(
    out: &mut fmt::Formatter<'_>,
    columns: &[Align],
    rows: &[Vec<String>],
) -> fmt::Result {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns.len()).map(width).collect();
    for row in rows {
        let mut line = String::from(" ");
        for ((cell, align), width) in row.iter().zip(columns).zip(&widths) {
            let gap = " ".repeat(width - cell.chars().count());
            match align {
                Align::Left => line.extend([" ", cell, &gap, " "]),
                Align::Right => line.extend([" ", &gap, cell, " "]),
            }
        }
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

/// The first few of a list, and how many more there are.
pub(super) fn some(items: impl IntoIterator<Item = String>, shown: usize) -> String {
    let items: Vec<String> = items.into_iter().collect();
    let mut text = items[..items.len().min(shown)].join(" ");
    if items.len() > shown {
        text.push_str(&format!(" and {} more", items.len() - shown));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_grouped_and_things_counted() {
        let cases = [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (1_234_567, "1,234,567"),
        ];
        for (number, text) in cases {
            assert_eq!(grouped(number), text);
        }
        assert_eq!(count(1, "country"), "1 country");
        assert_eq!(count(2000, "country"), "2,000 countries");
        assert_eq!(count(2, "region"), "2 regions");
        let words = ["a", "b", "c"].map(str::to_owned);
        assert_eq!(some(words.clone(), 2), "a b and 1 more");
        assert_eq!(some(words, 3), "a b c");
    }
}
