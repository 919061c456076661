//! Curves on two logarithmic axes, as SVG: size as a part of what is promised, and cost as a multiple of the smallest.
use std::fmt::Write as _;

use super::Took;

/// What is drawn of one size.
type Figure = fn(&Took) -> f64;

/// Size of the plot, in pixels.
const SIDE: f64 = 360.0;
/// Room beside it.
const MARGIN: f64 = 56.0;
/// Powers of ten on each axis.
const DECADES: f64 = 3.0;
const COLOURS: [&str; 7] = [
    "#3b6fb6", "#d98032", "#4a9d6b", "#a75a9b", "#c9a227", "#4fa3b5", "#b5544d",
];

/// Draws processor time at the left and memory at the right.
pub(super) fn draw(curves: &[(&str, Vec<Took>)]) -> String {
    let width = 2.0 * (SIDE + MARGIN) + 140.0;
    let height = SIDE + 2.0 * MARGIN;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"
    );
    let panels: [(&str, Figure); 2] = [
        ("processor time", |took| took.seconds),
        ("memory", |took| took.megabytes),
    ];
    for ((title, value), left) in panels.into_iter().zip([MARGIN, SIDE + 2.0 * MARGIN]) {
        axes(&mut svg, left, title);
        for ((_, took), colour) in curves.iter().zip(COLOURS.iter().cycle()) {
            curve(&mut svg, left, took, value, colour);
        }
    }
    for (number, ((name, _), colour)) in curves.iter().zip(COLOURS.iter().cycle()).enumerate() {
        let (x, y) = (2.0 * (SIDE + MARGIN) + 16.0, MARGIN + 20.0 * number as f64);
        writeln!(
            svg,
            "<rect x=\"{x}\" y=\"{y}\" width=\"12\" height=\"12\" fill=\"{colour}\"/><text x=\"{}\" y=\"{}\">{name}</text>",
            x + 18.0,
            y + 11.0
        )
        .unwrap();
    }
    svg + "</svg>\n"
}

fn axes(svg: &mut String, left: f64, title: &str) {
    writeln!(
        svg,
        "<text x=\"{left}\" y=\"{}\" font-weight=\"bold\">{title}, times that of the smallest</text>",
        MARGIN - 14.0
    )
    .unwrap();
    for (power, (label, size)) in [
        ("1", "1 %"),
        ("10", "10 %"),
        ("100", "100 %"),
        ("1000", "10 ×"),
    ]
    .into_iter()
    .enumerate()
    {
        let part = power as f64 / DECADES * SIDE;
        let (x, y) = (left + part, MARGIN + SIDE - part);
        let (right, bottom) = (left + SIDE, MARGIN + SIDE);
        writeln!(
            svg,
            "<path d=\"M{x} {MARGIN}V{bottom}M{left} {y}H{right}\" stroke=\"#ddd\" fill=\"none\"/><text x=\"{x}\" y=\"{}\" text-anchor=\"middle\">{size}</text><text x=\"{}\" y=\"{}\" text-anchor=\"end\">{label}</text>",
            bottom + 18.0,
            left - 6.0,
            y + 4.0
        )
        .unwrap();
    }
    // Proportional growth, to compare with.
    writeln!(
        svg,
        "<path d=\"M{left} {}L{} {MARGIN}\" stroke=\"#999\" stroke-dasharray=\"4 4\" fill=\"none\"/>",
        MARGIN + SIDE,
        left + SIDE
    )
    .unwrap();
}

fn curve(svg: &mut String, left: f64, took: &[Took], value: Figure, colour: &str) {
    let Some(first) = took.first() else { return };
    let at = |one: &Took| {
        let across = (one.size as f64 / first.size as f64).log10();
        let up = (value(one) / value(first)).max(1.0).log10();
        let scale = SIDE / DECADES;
        format!(
            "{:.1},{:.1}",
            left + across * scale,
            MARGIN + SIDE - up * scale
        )
    };
    let points: Vec<String> = took.iter().map(at).collect();
    writeln!(
        svg,
        "<polyline points=\"{}\" stroke=\"{colour}\" stroke-width=\"2\" fill=\"none\"/>",
        points.join(" ")
    )
    .unwrap();
}
