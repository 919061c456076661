//! What a mistyped word most likely stands for.

/// The candidate that a mistyped word most likely stands for, if one is close enough: within
/// one edit for each three letters.
#[must_use]
pub fn similar<'c>(text: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    candidates
        .into_iter()
        .map(|candidate| (edits(text, candidate), candidate))
        .filter(|(edits, candidate)| *edits <= (candidate.chars().count() / 3).max(1))
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, candidate)| candidate)
}

/// Insertions, deletions, replacements and swaps of neighbours that turn one text into the
/// other (optimal string alignment); letters differ without regard to case.
fn edits(one: &str, other: &str) -> usize {
    let letters = |text: &str| -> Vec<char> { text.to_lowercase().chars().collect() };
    let (one, other) = (letters(one), letters(other));
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=other.len()).collect();
    for row in 0..one.len() {
        let mut next = vec![row + 1];
        for column in 0..other.len() {
            let replaced = last[column] + usize::from(one[row] != other[column]);
            let mut best = replaced.min(last[column + 1] + 1).min(next[column] + 1);
            let swapped = row > 0
                && column > 0
                && one[row] == other[column - 1]
                && one[row - 1] == other[column];
            if swapped {
                best = best.min(before[column - 1] + 1);
            }
            next.push(best);
        }
        before = std::mem::replace(&mut last, next);
    }
    last[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typing_errors_find_their_word() {
        let words = ["listen", "identity", "version", "interval", "timeout"];
        let cases = [
            ("lisen", Some("listen")),
            ("intervall", Some("interval")),
            ("tiemout", Some("timeout")),
            ("Version", Some("version")),
            ("port", None),
            ("xyz", None),
        ];
        for (text, word) in cases {
            assert_eq!(similar(text, words), word, "{text}");
        }
    }

    #[test]
    fn edits_count_swaps_once() {
        let cases = [("", "abc", 3), ("ab", "ba", 1), ("kitten", "sitting", 3)];
        for (one, other, count) in cases {
            assert_eq!(edits(one, other), count, "{one} {other}");
        }
    }
}
