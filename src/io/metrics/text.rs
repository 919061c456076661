//! Writes the Prometheus text format (version 0.0.4).
//!
//! Gauges of the present state are written afresh at each scrape, so a series ends with the
//! thing it tells of; a registry would keep the endpoints of yesterday's config for ever.
use std::fmt::{Arguments, Display, Write};

/// What kind of figure a family holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Only rises.
    Counter,
    /// Rises and falls.
    Gauge,
    /// Counts samples by size.
    Histogram,
}

/// A text in the making.
#[derive(Debug, Default)]
pub(super) struct Exposition {
    text: String,
    family: &'static str,
}

impl Exposition {
    /// Goes on behind a text that ends with a line break.
    pub(super) fn after(text: String) -> Self {
        Self { text, family: "" }
    }

    /// Begins a family; samples that follow belong to it.
    pub(super) fn family(&mut self, name: &'static str, kind: Kind, help: &str) -> &mut Self {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        self.line(format_args!("# HELP {name} {help}"));
        self.line(format_args!("# TYPE {name} {kind}"));
        self.family = name;
        self
    }

    /// One sample with its labels.
    pub(super) fn sample(&mut self, labels: &[(&str, &str)], value: impl Display) -> &mut Self {
        let labels = render_labels(labels);
        let family = self.family;
        self.line(format_args!("{family}{labels} {value}"));
        self
    }

    /// One sample whose labels are rendered already.
    pub(super) fn rendered(&mut self, labels: &str, value: impl Display) -> &mut Self {
        let family = self.family;
        self.line(format_args!("{family}{labels} {value}"));
        self
    }

    /// One sample of a histogram: a suffix of the family's name, and labels without the braces.
    pub(super) fn part(&mut self, suffix: &str, labels: Arguments<'_>, value: impl Display) {
        let family = self.family;
        self.line(format_args!("{family}{suffix}{{{labels}}} {value}"));
    }

    /// The text.
    pub(super) fn finish(self) -> String {
        self.text
    }

    fn line(&mut self, line: Arguments<'_>) {
        self.text
            .write_fmt(line)
            .expect("writing to a String cannot fail");
        self.text.push('\n');
    }
}

/// `{name="value",…}`, or nothing without labels.
pub(super) fn render_labels(labels: &[(&str, &str)]) -> String {
    if labels.is_empty() {
        return String::new();
    }
    format!("{{{}}}", render_pairs(labels))
}

/// `name="value",…`, without the braces.
pub(super) fn render_pairs(labels: &[(&str, &str)]) -> String {
    let labels: Vec<String> = labels
        .iter()
        .map(|(name, value)| format!("{name}=\"{}\"", escape(value)))
        .collect();
    labels.join(",")
}

fn escape(value: &str) -> String {
    value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_and_samples_are_lines() {
        let mut text = Exposition::default();
        text.family("up", Kind::Gauge, "Whether it is up.")
            .sample(&[], 1)
            .sample(&[("name", "a\"b\\c\nd"), ("x", "y")], 0.5);
        assert_eq!(
            text.finish(),
            "# HELP up Whether it is up.\n# TYPE up gauge\nup 1\n\
             up{name=\"a\\\"b\\\\c\\nd\",x=\"y\"} 0.5\n"
        );
    }
}
