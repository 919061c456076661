//! Pictures as SVG elements: areas, lines, lanes and an axis of time. They stand in the page as they
//! are, and need no script and nothing from outside.
//!
//! Coordinates are whole tenths of a pixel in here, so that the same numbers give the same text
//! everywhere.
use std::fmt::Write as _;

/// Width of a plot, in pixels; its labels stand to the left of it.
pub(super) const WIDTH: u64 = 860;
/// Room for labels to the left.
pub(super) const LEFT: u64 = 150;
/// Room for the axis of time below.
const BELOW: u64 = 22;

/// Where something is drawn: the span of time, and the height in pixels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plot {
    /// Milliseconds from the left to the right edge.
    pub(super) duration: u64,
    /// In pixels.
    pub(super) height: u64,
}

/// Colours of regions and rows, in order.
pub(super) const COLOURS: [&str; 10] = [
    "#3b6fb6", "#d98032", "#4a9d6b", "#a75a9b", "#c9a227", "#4fa3b5", "#b5544d", "#7b7f3a",
    "#6b6bb8", "#8a8f98",
];

/// The colour of the so-manieth thing.
pub(super) fn colour(number: usize) -> &'static str {
    COLOURS[number % COLOURS.len()]
}

/// Text that may stand in HTML.
#[must_use]
pub fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            other => safe.push(other),
        }
    }
    safe
}

impl Plot {
    /// Where a moment lies, in tenths of a pixel.
    pub(super) fn x(&self, ms: u64) -> u64 {
        LEFT * 10 + ms.min(self.duration) * WIDTH * 10 / self.duration.max(1)
    }

    /// Where a part of the whole lies, in tenths of a pixel from the top.
    pub(super) fn y(&self, part: u64, whole: u64) -> u64 {
        let high = self.height * 10;
        let up = u128::from(part.min(whole)) * u128::from(high) / u128::from(whole.max(1));
        high - u64::try_from(up).unwrap_or(high)
    }

    /// A whole picture with an axis of time below and its description for who cannot see it.
    pub(super) fn picture(&self, what: &str, events: &[u64], content: &str) -> String {
        let (width, height) = (LEFT + WIDTH + 10, self.height + BELOW);
        let mut svg = format!(
            "<svg viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{}\">",
            escape(what)
        );
        svg.push_str(content);
        for at in events {
            let x = tenths(self.x(*at));
            let _ = write!(
                svg,
                "<line class=\"event\" x1=\"{x}\" x2=\"{x}\" y1=\"0\" y2=\"{}\"/>",
                self.height
            );
        }
        svg.push_str(&self.axis());
        svg.push_str("</svg>");
        svg
    }

    fn axis(&self) -> String {
        let step = tick(self.duration);
        let mut svg = format!(
            "<line class=\"axis\" x1=\"{LEFT}\" x2=\"{}\" y1=\"{h}\" y2=\"{h}\"/>",
            LEFT + WIDTH,
            h = self.height
        );
        let mut at = 0;
        while at <= self.duration {
            let x = tenths(self.x(at));
            let _ = write!(
                svg,
                "<line class=\"axis\" x1=\"{x}\" x2=\"{x}\" y1=\"{}\" y2=\"{}\"/>\
                 <text class=\"tick\" x=\"{x}\" y=\"{}\">{}</text>",
                self.height,
                self.height + 4,
                self.height + 16,
                label(at)
            );
            at += step;
        }
        svg
    }

    /// An area between two lines of (ms, part) points over `whole`.
    pub(super) fn area(&self, points: &[(u64, u64, u64)], whole: u64, fill: &str) -> String {
        let mut path = String::new();
        for (at, _, top) in points {
            let letter = if path.is_empty() { 'M' } else { 'L' };
            let (x, y) = (tenths(self.x(*at)), tenths(self.y(*top, whole)));
            let _ = write!(path, "{letter}{x} {y}");
        }
        for (at, bottom, _) in points.iter().rev() {
            let (x, y) = (tenths(self.x(*at)), tenths(self.y(*bottom, whole)));
            let _ = write!(path, "L{x} {y}");
        }
        format!("<path d=\"{path}Z\" fill=\"{fill}\"/>")
    }

    /// A line through (ms, part) points over `whole`.
    pub(super) fn line(
        &self,
        points: &[(u64, u64)],
        whole: u64,
        class: &str,
        stroke: &str,
    ) -> String {
        let mut path = String::new();
        for (at, part) in points {
            let letter = if path.is_empty() { 'M' } else { 'L' };
            let (x, y) = (tenths(self.x(*at)), tenths(self.y(*part, whole)));
            let _ = write!(path, "{letter}{x} {y}");
        }
        format!("<path class=\"{class}\" d=\"{path}\" stroke=\"{stroke}\"/>")
    }

    /// A bar from one moment to another, `top` and `height` in pixels.
    pub(super) fn bar(
        &self,
        (from, to): (u64, u64),
        (top, height): (u64, u64),
        class: &str,
    ) -> String {
        let (left, right) = (self.x(from), self.x(to));
        let width = (right - left).max(5);
        format!(
            "<rect class=\"{class}\" x=\"{}\" y=\"{top}\" width=\"{}\" height=\"{height}\"/>",
            tenths(left),
            tenths(width)
        )
    }
}

/// A label to the left of a plot; `y` is its middle in pixels.
pub(super) fn name(text: &str, y: u64) -> String {
    format!(
        "<text class=\"name\" x=\"{}\" y=\"{}\">{}</text>",
        LEFT - 8,
        y + 4,
        escape(text)
    )
}

/// Tenths of a pixel as a number of SVG.
fn tenths(number: u64) -> String {
    match number % 10 {
        0 => (number / 10).to_string(),
        rest => format!("{}.{rest}", number / 10),
    }
}

/// How far apart the marks of a time axis are, in milliseconds: at most ten of them.
fn tick(duration: u64) -> u64 {
    const STEPS: [u64; 13] = [
        1, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 10_800, 21_600,
    ];
    let fits = |step: &&u64| duration / (**step * 1000) <= 10;
    let step = STEPS.iter().find(fits).copied();
    step.unwrap_or(86_400 * duration.div_ceil(864_000_000)) * 1000
}

/// A time on an axis: `0:05:00`, `14:00`.
fn label(ms: u64) -> String {
    let seconds = ms / 1000;
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match rest {
        0 => format!("{hours}:{minutes:02}"),
        rest => format!("{hours}:{minutes:02}:{rest:02}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_goes_from_edge_to_edge_and_parts_from_the_ground_up() {
        let plot = Plot {
            duration: 100,
            height: 50,
        };
        assert_eq!(
            (plot.x(0), plot.x(100), plot.x(999)),
            (1500, 10_100, 10_100)
        );
        assert_eq!((plot.y(0, 4), plot.y(4, 4), plot.y(1, 4)), (500, 0, 375));
    }

    #[test]
    fn axes_have_few_marks_at_round_times() {
        for (duration, step) in [
            (60_000, 10_000),
            (3_600_000, 600_000),
            (86_400_000, 10_800_000),
        ] {
            assert_eq!(tick(duration), step, "{duration}");
        }
        let days = 30 * 86_400_000;
        assert!(days / tick(days) <= 10);
        assert_eq!((&*label(3_600_000), &*label(90_000)), ("1:00", "0:01:30"));
    }

    #[test]
    fn what_a_scenario_says_is_text_and_no_markup() {
        assert_eq!(escape("<b a=\"&\">"), "&lt;b a=&quot;&amp;&quot;&gt;");
    }
}
