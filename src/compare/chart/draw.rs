//! What all charts are drawn with.

use maud::{Markup, html};

use super::scale::Scale;
use crate::number;

/// Width of a chart.
pub const WIDTH: f64 = 360.0;
/// From its edge.
pub const EDGE: f64 = 8.0;
/// Width of a usual letter or digit, of the size that charts have.
const LETTER: f64 = 6.3;
/// Series with a look of their own.
const SERIES: usize = 8;

/// A place, to a tenth.
pub fn place(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// How wide a text is at most, about: as the widest of usual fonts without serifs has it.
pub fn width(text: &str) -> f64 {
    let wide = |c: char| match c {
        'W' | 'M' | '@' | '%' => 11.0,
        'm' | 'w' => 10.5,
        c if c.is_uppercase() => 8.5,
        _ => LETTER,
    };
    text.chars().map(wide).sum()
}

/// Class of a series.
pub fn series(at: usize) -> String {
    format!("s{}", at % SERIES)
}

/// Outline of a mark around 0, of a series: each has its shape.
pub fn shape(at: usize) -> &'static str {
    const SHAPES: [&str; SERIES] = [
        "M-3,0a3,3 0 1,0 6,0a3,3 0 1,0 -6,0Z",
        "M-2.7,-2.7h5.4v5.4h-5.4Z",
        "M0,-3.6L3.4,2.6H-3.4Z",
        "M0,-3.8L3.8,0L0,3.8L-3.8,0Z",
        "M0,3.6L3.4,-2.6H-3.4Z",
        "M-1.2,-3.4h2.4v2.2h2.2v2.4h-2.2v2.2h-2.4v-2.2h-2.2v-2.4h2.2Z",
        "M-3.6,-1.6h7.2v3.2h-7.2Z",
        "M-1.6,-3.6h3.2v7.2h-3.2Z",
    ];
    SHAPES[at % SERIES]
}

/// Outline of a cold start: a cross, which no series has.
pub const COLD: &str = "M-4,-4L4,4M4,-4L-4,4";

/// Room for the name of a run beside what stands at its right.
const LABEL: f64 = 190.0;

/// A text. The name of a run that may be too wide is pressed into its room.
pub fn text(x: f64, y: f64, class: &str, content: &str) -> Markup {
    let wide = class == "label" && width(content) > LABEL;
    let pressed = wide.then(|| place(LABEL));
    html! {
        text x=(place(x)) y=(place(y)) class=(class) textLength=[pressed.as_ref()]
            lengthAdjust=[pressed.as_ref().map(|_| "spacingAndGlyphs")] { (content) }
    }
}

/// A number with what it is.
pub fn value(x: f64, y: f64, class: &str, of: &str, value: f64, content: &str) -> Markup {
    html! {
        text x=(place(x)) y=(place(y)) class={ "value " (class) } data-of=(of) data-value=(value) { (content) }
    }
}

/// A line.
pub fn line(from: (f64, f64), to: (f64, f64), class: &str) -> Markup {
    html! {
        line x1=(place(from.0)) y1=(place(from.1)) x2=(place(to.0)) y2=(place(to.1)) class=(class) {}
    }
}

/// A mark: what it is, its value, and on which axis it lies.
pub struct Mark<'a> {
    pub of: String,
    pub value: f64,
    pub axis: &'a str,
    pub title: String,
}

impl Mark<'_> {
    /// A point.
    pub fn point(&self, x: f64, y: f64, class: &str, shape: &str) -> Markup {
        let at = format!("translate({},{})", place(x), place(y));
        html! {
            path class={ "mark " (class) } d=(shape) transform=(at) data-of=(self.of) data-value=(self.value)
                data-axis=(self.axis) { title { (self.title) } }
        }
    }

    /// A bar.
    pub fn bar(&self, (x, y): (f64, f64), (width, height): (f64, f64), class: &str) -> Markup {
        html! {
            rect class={ "mark bar " (class) } x=(place(x)) y=(place(y)) width=(place(width.max(0.0)))
                height=(place(height)) data-of=(self.of) data-value=(self.value) data-axis=(self.axis) {
                title { (self.title) }
            }
        }
    }
}

/// A tick's text: whole numbers with commas, short from ten thousand on, fractions as they are.
pub fn tick(value: f64) -> String {
    match value {
        1e9.. => format!("{}B", number::short(value / 1e9)),
        1e6.. => format!("{}M", number::short(value / 1e6)),
        1e4.. => format!("{}k", number::short(value / 1e3)),
        1e3.. => number::grouped(value),
        _ => {
            let text = format!("{value:.3}");
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        }
    }
}

/// As many ticks as do not stand over one another.
fn fitting(scale: &Scale) -> Vec<f64> {
    let fits = |ticks: &Vec<f64>| {
        ticks.windows(2).all(|two| {
            let room = (scale.at(two[1]) - scale.at(two[0])).abs();
            room > f64::midpoint(width(&tick(two[0])), width(&tick(two[1]))) + 4.0
        })
    };
    let all = (2..=6).rev().map(|most| scale.ticks(most));
    let mut all = all.filter(fits);
    all.next().unwrap_or_else(|| vec![scale.domain()[0]])
}

/// An axis below, with its lines from `top` to `bottom` and its name: 30 units high.
pub fn axis_below(id: &str, scale: &Scale, (top, bottom): (f64, f64), name: &str) -> Markup {
    let ticks = fitting(scale);
    let [from, to] = scale.range();
    html! {
        g class="axis" data-axis=(id) data-scale=(scale.kind()) data-domain=(pair(scale.domain()))
            data-range=(pair(scale.range())) data-along="x" {
            @for one in &ticks {
                (line((scale.at(*one), top), (scale.at(*one), bottom), "grid"))
                @let anchor = anchor(scale.at(*one), &tick(*one));
                text x=(place(scale.at(*one))) y=(place(bottom + 12.0)) class={ "tick " (anchor) } data-value=(one) {
                    (tick(*one))
                }
            }
            (text(f64::midpoint(from, to), bottom + 25.0, "name middle", name))
        }
    }
}

/// A text at the edge does not stand out of the chart.
fn anchor(x: f64, text: &str) -> &'static str {
    let half = width(text) / 2.0;
    match x {
        _ if x + half > WIDTH - 2.0 => "end",
        _ if x - half < 2.0 => "start",
        _ => "middle",
    }
}

/// An axis at the left, with its lines from `left` to `right`.
pub fn axis_left(id: &str, scale: &Scale, (left, right): (f64, f64), most: usize) -> Markup {
    html! {
        g class="axis" data-axis=(id) data-scale=(scale.kind()) data-domain=(pair(scale.domain()))
            data-range=(pair(scale.range())) data-along="y" {
            @for one in scale.ticks(most) {
                (line((left, scale.at(one)), (right, scale.at(one)), "grid"))
                text x=(place(left - 4.0)) y=(place(scale.at(one) + 3.5)) class="tick end" data-value=(one) {
                    (tick(one))
                }
            }
        }
    }
}

fn pair([a, b]: [f64; 2]) -> String {
    format!("{a} {b}")
}

/// Names of series with their marks, in lines; and how high they are.
pub fn legend(names: &[(Markup, String)], top: f64) -> (Markup, f64) {
    const LINE: f64 = 16.0;
    let (mut x, mut y) = (EDGE, top);
    let mut all = Vec::new();
    for (mark, name) in names {
        let needs = 14.0 + width(name) + 10.0;
        if x + needs > WIDTH && x > EDGE {
            (x, y) = (EDGE, y + LINE);
        }
        let at = format!("translate({},{})", place(x + 5.0), place(y + 7.0));
        all.push(html! {
            g transform=(at) { (mark) }
            (text(x + 14.0, y + 11.0, "legend", name))
        });
        x += needs;
    }
    let height = if names.is_empty() {
        0.0
    } else {
        y - top + LINE
    };
    (html! { @for one in &all { (one) } }, height)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_do_not_fit_go_into_the_next_line() {
        let mark = || html! { path {} };
        let names: Vec<(Markup, String)> =
            ["embedded", "ministack", "localstack", "localstack untuned"]
                .map(|name| (mark(), name.to_owned()))
                .into();
        let (markup, height) = legend(&names, 10.0);
        assert_eq!(height.to_bits(), 32.0f64.to_bits());
        assert!(markup.into_string().contains("translate(13,33)"));
        assert_eq!(
            [tick(0.5), tick(20.0), tick(2_000.0)],
            ["0.5", "20", "2,000"]
        );
    }
}
