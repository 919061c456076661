//! Writes what Prometheus reads: its text format (version 0.0.4), or OpenMetrics 1.0, packed by gzip where that is asked for.
//!
//! Gauges of the present state are written afresh at each scrape, so a series ends with the
//! thing it tells of; a registry would keep the endpoints of yesterday's config for ever.
//!
//! The two forms have the same samples. OpenMetrics names the family of a counter without `_total` and that of an info without
//! `_info`, says the unit that a name ends in, and ends with `# EOF`. Bounds of buckets read the same in both (`1.0`), so that
//! a server that asks for the other form from today on goes on with the same series.
//!
//! What is packed is packed as it is written: the whole text never exists at once.
use std::fmt::{Arguments, Display, Write as _};
use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;

/// Octets of text that are packed at once.
const CHUNK: usize = 64 * 1024;
/// The units that a name may end in.
const UNITS: [&str; 3] = ["seconds", "bytes", "ratio"];

/// The form in which metrics are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MetricsForm {
    /// The text format of Prometheus, version 0.0.4.
    #[default]
    Text,
    /// OpenMetrics 1.0.0.
    OpenMetrics,
}

/// The packing of the octets of a scrape.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Packing {
    /// They are not.
    #[default]
    Plain,
    /// By gzip (RFC 1952), at the level that costs least.
    Gzip,
}

/// What kind of figure a family holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Only rises.
    Counter,
    /// Rises and falls.
    Gauge,
    /// Is 1, and says something by its labels; its name ends in `_info`.
    Info,
    /// Counts samples by size.
    Histogram,
}

/// A text in the making.
#[derive(Debug, Default)]
pub(super) struct Exposition {
    form: MetricsForm,
    text: String,
    family: &'static str,
    packer: Option<GzEncoder<Vec<u8>>>,
}

impl Exposition {
    /// Begins.
    pub(super) fn new(form: MetricsForm, packing: Packing) -> Self {
        Self {
            form,
            packer: match packing {
                Packing::Plain => None,
                Packing::Gzip => Some(GzEncoder::new(Vec::new(), Compression::fast())),
            },
            ..Self::default()
        }
    }

    /// Begins a family; samples that follow belong to it.
    pub(super) fn family(&mut self, name: &'static str, kind: Kind, help: &str) -> &mut Self {
        let described = match self.form {
            MetricsForm::Text => name,
            MetricsForm::OpenMetrics => kind.described(name),
        };
        let word = kind.word(self.form);
        self.line(format_args!("# HELP {described} {help}"));
        self.line(format_args!("# TYPE {described} {word}"));
        let unit = UNITS.iter().find(|unit| {
            let stem = described.strip_suffix(**unit);
            stem.is_some_and(|stem| stem.ends_with('_'))
        });
        if let (MetricsForm::OpenMetrics, Some(unit)) = (self.form, unit) {
            self.line(format_args!("# UNIT {described} {unit}"));
        }
        self.family = name;
        self
    }

    /// One sample with its labels.
    pub(super) fn sample(&mut self, labels: &[(&str, &str)], value: impl Display) -> &mut Self {
        let pairs = render_pairs(labels);
        self.part("", &pairs, value)
    }

    /// One sample whose labels are rendered already, without the braces; a histogram's has a suffix of the family's name.
    pub(super) fn part(&mut self, suffix: &str, pairs: &str, value: impl Display) -> &mut Self {
        self.parted(suffix, [pairs, ""], value)
    }

    /// One sample whose labels are rendered in two parts.
    pub(super) fn parted(
        &mut self,
        suffix: &str,
        [own, more]: [&str; 2],
        value: impl Display,
    ) -> &mut Self {
        self.text.push_str(self.family);
        self.text.push_str(suffix);
        if !(own.is_empty() && more.is_empty()) {
            self.text.push('{');
            self.text.push_str(own);
            if !(own.is_empty() || more.is_empty()) {
                self.text.push(',');
            }
            self.text.push_str(more);
            self.text.push('}');
        }
        self.line(format_args!(" {value}"));
        self
    }

    /// The octets.
    pub(super) fn finish(mut self) -> Vec<u8> {
        if self.form == MetricsForm::OpenMetrics {
            self.line(format_args!("# EOF"));
        }
        self.pack();
        match self.packer {
            Some(packer) => packer.finish().expect("writing to a Vec cannot fail"),
            None => self.text.into_bytes(),
        }
    }

    fn line(&mut self, line: Arguments<'_>) {
        self.text
            .write_fmt(line)
            .expect("writing to a String cannot fail");
        self.text.push('\n');
        if self.text.len() >= CHUNK {
            self.pack();
        }
    }

    /// Packs what is there, if it is to be packed.
    fn pack(&mut self) {
        if let Some(packer) = &mut self.packer {
            packer
                .write_all(self.text.as_bytes())
                .expect("writing to a Vec cannot fail");
            self.text.clear();
        }
    }
}

impl Kind {
    /// The word of its type.
    fn word(self, form: MetricsForm) -> &'static str {
        match (self, form) {
            (Self::Counter, _) => "counter",
            (Self::Gauge, _) | (Self::Info, MetricsForm::Text) => "gauge",
            (Self::Info, MetricsForm::OpenMetrics) => "info",
            (Self::Histogram, _) => "histogram",
        }
    }

    /// The name by which OpenMetrics describes a family.
    fn described(self, name: &str) -> &str {
        let suffix = match self {
            Self::Counter => "_total",
            Self::Info => "_info",
            Self::Gauge | Self::Histogram => "",
        };
        name.strip_suffix(suffix).unwrap_or(name)
    }
}

/// `name="value",…`, without the braces.
pub(super) fn render_pairs(labels: &[(&str, &str)]) -> String {
    let mut pairs = String::new();
    for (name, value) in labels {
        if !pairs.is_empty() {
            pairs.push(',');
        }
        pairs.push_str(name);
        pairs.push_str("=\"");
        push_escaped(&mut pairs, value);
        pairs.push('"');
    }
    pairs
}

fn push_escaped(out: &mut String, value: &str) {
    if !value.contains(['\\', '"', '\n']) {
        return out.push_str(value);
    }
    for letter in value.chars() {
        match letter {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            _ => out.push(letter),
        }
    }
}

/// Thousandths of the operator's unit as the unit.
pub(super) fn thousandths(number: u64) -> f64 {
    whole(number) / 1000.0
}

/// Milliseconds as seconds.
pub(super) fn seconds(millis: u64) -> f64 {
    whole(millis) / 1000.0
}

/// Exact below 2^53, which is far past any time that is shown.
#[expect(clippy::cast_precision_loss, reason = "a figure for a graph")]
pub(super) fn whole(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    fn some(form: MetricsForm, packing: Packing) -> Vec<u8> {
        let mut text = Exposition::new(form, packing);
        text.family("up", Kind::Gauge, "Whether it is up.")
            .sample(&[], 1)
            .sample(&[("name", "a\"b\\c\nd"), ("x", "y")], 0.5);
        text.family("cpu_seconds_total", Kind::Counter, "Time.")
            .sample(&[], 3);
        text.family("build_info", Kind::Info, "What it is.")
            .sample(&[("version", "1")], 1);
        text.finish()
    }

    const SAMPLES: [&str; 3] = [
        "up 1\nup{name=\"a\\\"b\\\\c\\nd\",x=\"y\"} 0.5\n",
        "cpu_seconds_total 3\n",
        "build_info{version=\"1\"} 1\n",
    ];

    #[test]
    fn families_and_samples_are_lines() {
        let [up, cpu, build] = SAMPLES;
        let expected = format!(
            "# HELP up Whether it is up.\n# TYPE up gauge\n{up}\
             # HELP cpu_seconds_total Time.\n# TYPE cpu_seconds_total counter\n{cpu}\
             # HELP build_info What it is.\n# TYPE build_info gauge\n{build}"
        );
        assert_eq!(
            some(MetricsForm::Text, Packing::Plain),
            expected.into_bytes()
        );
    }

    #[test]
    fn openmetrics_names_families_and_units_and_ends() {
        let [up, cpu, build] = SAMPLES;
        let expected = format!(
            "# HELP up Whether it is up.\n# TYPE up gauge\n{up}\
             # HELP cpu_seconds Time.\n# TYPE cpu_seconds counter\n# UNIT cpu_seconds seconds\n{cpu}\
             # HELP build What it is.\n# TYPE build info\n{build}# EOF\n"
        );
        assert_eq!(
            some(MetricsForm::OpenMetrics, Packing::Plain),
            expected.into_bytes()
        );
    }

    #[test]
    fn what_is_packed_is_the_same() {
        let write = |packing| {
            let mut text = Exposition::new(MetricsForm::Text, packing);
            text.family("up", Kind::Gauge, "Whether it is up.");
            for number in 0..20_000 {
                text.part("", &format!("number=\"{number}\""), number);
            }
            text.finish()
        };
        let (plain, packed) = (write(Packing::Plain), write(Packing::Gzip));
        assert!(plain.len() > 4 * CHUNK && packed.len() < plain.len() / 3);
        let mut unpacked = Vec::new();
        flate2::read::GzDecoder::new(&packed[..])
            .read_to_end(&mut unpacked)
            .unwrap();
        assert!(unpacked == plain);
    }
}
