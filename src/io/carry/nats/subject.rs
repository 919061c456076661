//! Subjects: which of a node's words it is, whose, and for whom.

/// The first word of all of them; another version has another one.
const FIRST: &str = "waypost1";

/// A kind of word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NatsKind {
    /// A bundle of the publisher's own, for all.
    News,
    /// The positions up to which the publisher has records.
    Ask,
    /// A bundle for the one that asked.
    Give,
}

impl NatsKind {
    const ALL: [Self; 3] = [Self::News, Self::Ask, Self::Give];

    fn word(self) -> &'static str {
        match self {
            Self::News => "news",
            Self::Ask => "ask",
            Self::Give => "give",
        }
    }

    /// The subject on which a node publishes; for another one where it is not for all.
    pub(super) fn subject(self, cluster: &str, node: &str, other: Option<&str>) -> String {
        let [cluster, node] = [cluster, node].map(written);
        let mut subject = format!("{FIRST}.{cluster}.{}.{node}", self.word());
        if let Some(other) = other {
            subject += &format!(".{}", written(other));
        }
        subject
    }

    /// The subjects that a node hears.
    pub(super) fn heard(cluster: &str, node: &str) -> [String; 3] {
        Self::ALL.map(|kind| kind.subject(cluster, "*", (kind != Self::News).then_some(node)))
    }

    /// The kind and the publisher of a subject that is heard.
    pub(super) fn parse(subject: &str) -> Option<(Self, String)> {
        let mut words = subject.split('.').skip(2);
        let kind = words.next()?;
        let kind = Self::ALL.into_iter().find(|own| own.word() == kind)?;
        Some((kind, words.next()?.replace('~', ".")))
    }
}

/// A name as one word; no name has a `~`.
fn written(name: &str) -> String {
    name.replace('.', "~")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fourth_word_is_who_publishes() {
        let news = NatsKind::News.subject("prod", "fra1.example", None);
        assert_eq!(news, "waypost1.prod.news.fra1~example");
        let of = |subject: &str| NatsKind::parse(subject).unwrap();
        assert_eq!(of(&news), (NatsKind::News, "fra1.example".to_owned()));
        let give = NatsKind::Give.subject("prod", "a", Some("b"));
        assert_eq!(give, "waypost1.prod.give.a.b");
        assert_eq!(of(&give), (NatsKind::Give, "a".to_owned()));
        assert_eq!(
            NatsKind::heard("prod", "a"),
            [
                "waypost1.prod.news.*",
                "waypost1.prod.ask.*.a",
                "waypost1.prod.give.*.a"
            ]
        );
        for other in [
            "",
            "waypost1.prod",
            "waypost1.prod.news",
            "waypost1.prod.x.a",
        ] {
            assert_eq!(NatsKind::parse(other), None, "{other}");
        }
    }
}
