//! What a mistyped word most likely stands for.

/// The candidate that a mistyped word most likely stands for, if one is close enough: within
/// one edit for each three letters.
#[must_use]
pub fn similar<'c>(text: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let text = letters(text);
    candidates
        .into_iter()
        .filter_map(|candidate| {
            let most = (candidate.chars().count() / 3).max(1);
            Some((edits(&text, &letters(candidate), most)?, candidate))
        })
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, candidate)| candidate)
}

/// Letters differ without regard to case.
fn letters(text: &str) -> Vec<char> {
    text.chars().flat_map(char::to_lowercase).collect()
}

/// Insertions, deletions, replacements and swaps of neighbours that turn one text into the
/// other (optimal string alignment); none if there are more than `most`.
fn edits(one: &[char], other: &[char], most: usize) -> Option<usize> {
    if one.len().abs_diff(other.len()) > most {
        return None;
    }
    let mut before: Vec<usize> = vec![0; other.len() + 1];
    let mut last: Vec<usize> = (0..=other.len()).collect();
    let mut next = before.clone();
    for row in 0..one.len() {
        next[0] = row + 1;
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
            next[column + 1] = best;
        }
        // The least of a row is at most one more than that of the row before, as is what a swap gives: no later row has less.
        if next.iter().all(|edits| *edits > most) {
            return None;
        }
        std::mem::swap(&mut before, &mut last);
        std::mem::swap(&mut last, &mut next);
    }
    Some(last[other.len()]).filter(|edits| *edits <= most)
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
        let cases = [
            ("", "abc", 3),
            ("ab", "ba", 1),
            ("kitten", "sitting", 3),
            ("abXcd", "baXdc", 2),
        ];
        for (one, other, count) in cases {
            let (from, to) = (letters(one), letters(other));
            assert_eq!(edits(&from, &to, count), Some(count), "{one} {other}");
            assert_eq!(edits(&from, &to, 9), Some(count), "{one} {other}");
            assert_eq!(edits(&from, &to, count - 1), None, "{one} {other}");
        }
    }
}
