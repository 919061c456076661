//! Size and wording of the documents: words that are not English, and a README that stays a front door.
use super::pages;

/// Wordings that crept in from another language, and what to write.
const WRONG: [(&str, &str); 6] = [
    ("leave it away", "omit it"),
    ("leave away", "omit"),
    ("made anew", "renewed, rebuilt"),
    ("used wrongly", "invalid usage"),
    ("most of use", "most useful"),
    ("the same of", "the same for"),
];

#[test]
fn documents_are_in_english() {
    let mut wrong = Vec::new();
    for (path, text) in pages() {
        for (line, words) in text.lines().enumerate() {
            let lower = words.to_lowercase();
            for (wording, better) in WRONG {
                if lower.contains(wording) {
                    wrong.push(format!(
                        "{path}:{}: `{wording}`: write `{better}`",
                        line + 1
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_readme_is_short() {
    let text = std::fs::read_to_string("README.md").unwrap();
    let lines = text.lines().count();
    assert!(lines <= 150, "{lines} lines: the rest belongs in docs/src");
}
