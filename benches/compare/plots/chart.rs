//! Two kinds of charts as files of SVG that need nothing else. Every axis of a quantity is logarithmic.

use std::fmt::Write as _;

use crate::rows::Role;
use crate::sample::quantile;

const WIDTH: f64 = 980.0;
const LEFT: f64 = 170.0;
const RIGHT: f64 = 190.0;
const TOP: f64 = 48.0;
const BOTTOM: f64 = 60.0;
/// Of the field in a chart of lines.
const HEIGHT: f64 = 440.0;
/// Of a strip, and of what is drawn in it.
const STRIP: f64 = 44.0;
const BARS: f64 = 34.0;
const BINS_A_DECADE: f64 = 24.0;

/// By the beginning of a name; the longer beginning first.
const COLOURS: [(&str, &str); 10] = [
    ("loopgate, spinning", "#7f1d1d"),
    ("loopgate", "#dc2626"),
    ("tokio-noio", "#7ab8e6"),
    ("tokio", "#1f6fb4"),
    ("smol", "#f28e1c"),
    ("futures", "#2f9e44"),
    ("monoio", "#8e5bc4"),
    ("glommio", "#8c564b"),
    ("asyncio", "#e0569f"),
    ("uvloop", "#12a5b8"),
];
const LIMIT: &str = "#6b7280";

/// What is along an axis, and how a value of it is written.
#[derive(Clone, Copy)]
pub(crate) struct Axis {
    pub(crate) label: &'static str,
    pub(crate) unit: fn(f64) -> String,
}

/// A line a competitor.
pub(crate) struct Lines<'a> {
    pub(crate) title: String,
    pub(crate) x: Axis,
    pub(crate) y: Axis,
    pub(crate) lines: Vec<Line<'a>>,
}

pub(crate) struct Line<'a> {
    pub(crate) name: &'a str,
    pub(crate) role: Role,
    pub(crate) points: Vec<(f64, f64)>,
}

/// A histogram a competitor, one below the other over the same axis.
pub(crate) struct Strips<'a> {
    pub(crate) title: String,
    pub(crate) x: Axis,
    pub(crate) strips: Vec<Strip<'a>>,
}

pub(crate) struct Strip<'a> {
    pub(crate) name: &'a str,
    pub(crate) role: Role,
    pub(crate) values: Vec<f64>,
}

impl Lines<'_> {
    pub(crate) fn svg(&self) -> String {
        let points = || self.lines.iter().flat_map(|line| &line.points);
        let mut xs: Vec<f64> = points().map(|point| point.0).collect();
        let ys: Vec<f64> = points().map(|point| point.1).collect();
        let x = Scale::over(&xs, LEFT, WIDTH - RIGHT);
        let y = Scale::over(&ys, TOP + HEIGHT, TOP);
        let mut drawing = Drawing::new(&self.title, TOP + HEIGHT + BOTTOM);
        // Only where something was measured.
        xs.sort_by(f64::total_cmp);
        xs.dedup();
        xs.iter()
            .for_each(|value| drawing.x_tick(x.at(*value), TOP + HEIGHT, &(self.x.unit)(*value)));
        y.ticks().iter().for_each(|value| drawing.y_tick(y.at(*value), &(self.y.unit)(*value)));
        drawing.x_label(self.x.label);
        drawing.y_label(LEFT - 76.0, self.y.label);
        for line in &self.lines {
            let points = line.points.iter().map(|(at, value)| (x.at(*at), y.at(*value)));
            drawing.line(line.name, line.role, &points.collect::<Vec<_>>());
        }
        drawing.legend(&self.by_height());
        drawing.end()
    }

    /// As the lines end, the highest first.
    fn by_height(&self) -> Vec<(&str, Role)> {
        let mut lines: Vec<&Line<'_>> = self.lines.iter().collect();
        let end = |line: &Line<'_>| line.points.last().map_or(0.0, |point| point.1);
        lines.sort_by(|a, b| end(b).total_cmp(&end(a)));
        lines.into_iter().map(|line| (line.name, line.role)).collect()
    }
}

impl Strips<'_> {
    pub(crate) fn svg(&self) -> String {
        let all: Vec<f64> = self.strips.iter().flat_map(|strip| &strip.values).copied().collect();
        let x = Scale::over(&all, LEFT, WIDTH - RIGHT);
        let bottom = TOP + STRIP * self.strips.len() as f64;
        let mut drawing = Drawing::new(&self.title, bottom + BOTTOM);
        x.ticks()
            .iter()
            .for_each(|value| drawing.x_tick(x.at(*value), bottom, &(self.x.unit)(*value)));
        drawing.x_label(self.x.label);
        drawing.y_label(20.0, "share of the round trips, to each one's most frequent");
        for (row, strip) in self.strips.iter().enumerate() {
            drawing.strip(strip, &x, TOP + STRIP * (row + 1) as f64, self.x.unit);
        }
        drawing.end()
    }
}

/// A logarithmic scale: values of an interval on pixels of another.
struct Scale {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

impl Scale {
    /// From the greatest round value below all to the least above them.
    fn over(values: &[f64], from: f64, to: f64) -> Scale {
        let least = values.iter().copied().fold(f64::INFINITY, f64::min).max(1e-3);
        let most = values.iter().copied().fold(least, f64::max);
        let low = steps().take_while(|step| *step <= least).last().unwrap_or(least);
        let high = steps().find(|step| *step >= most && *step > low).unwrap_or(most);
        Scale { low, high, from, to }
    }

    fn at(&self, value: f64) -> f64 {
        let share = (value.max(self.low) / self.low).ln() / (self.high / self.low).ln();
        self.from + share * (self.to - self.from)
    }

    fn decades(&self) -> f64 {
        (self.high / self.low).log10()
    }

    /// Round values, as many as can be read.
    fn ticks(&self) -> Vec<f64> {
        let within = steps().filter(|step| (self.low..=self.high).contains(step));
        let is_decade = |step: &f64| (step.log10() - step.log10().round()).abs() < 1e-9;
        let few = self.decades() <= 3.0;
        within.filter(|step| few || is_decade(step)).collect()
    }
}

/// 1, 2, 5, 10, and so on, from a thousandth.
fn steps() -> impl Iterator<Item = f64> {
    (-3..12).flat_map(|decade| [1.0, 2.0, 5.0].map(|step| step * 10f64.powi(decade)))
}

/// A file that is being written.
struct Drawing {
    svg: String,
    height: f64,
    limits: Vec<String>,
}

impl Drawing {
    fn new(title: &str, height: f64) -> Drawing {
        let svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
             width=\"{WIDTH}\" height=\"{height}\" font-family=\"system-ui, sans-serif\" font-size=\"13\">\n\
             <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n\
             <text x=\"{LEFT}\" y=\"28\" font-size=\"17\" font-weight=\"600\">{}</text>\n",
            escaped(title)
        );
        Drawing { svg, height, limits: Vec::new() }
    }

    fn add(&mut self, element: std::fmt::Arguments<'_>) {
        // Writing to a string does not fail.
        _ = self.svg.write_fmt(element);
        self.svg.push('\n');
    }

    fn text(&mut self, x: f64, y: f64, anchor: &str, text: &str) {
        let text = escaped(text);
        self.add(format_args!(
            "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{text}</text>"
        ));
    }

    fn grid(&mut self, [x1, y1, x2, y2]: [f64; 4]) {
        self.add(format_args!(
            "<line x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\" stroke=\"#ddd\"/>"
        ));
    }

    fn x_tick(&mut self, x: f64, bottom: f64, label: &str) {
        self.grid([x, TOP, x, bottom]);
        self.text(x, bottom + 18.0, "middle", label);
    }

    fn y_tick(&mut self, y: f64, label: &str) {
        self.grid([LEFT, y, WIDTH - RIGHT, y]);
        self.text(LEFT - 8.0, y + 4.0, "end", label);
    }

    fn x_label(&mut self, label: &str) {
        self.text((LEFT + WIDTH - RIGHT) / 2.0, self.height - 16.0, "middle", label);
    }

    fn y_label(&mut self, x: f64, label: &str) {
        let (middle, label) = ((TOP + self.height - BOTTOM) / 2.0, escaped(label));
        self.add(format_args!(
            "<text transform=\"translate({x:.1} {middle:.1}) rotate(-90)\" text-anchor=\"middle\">{label}</text>"
        ));
    }

    /// The attributes that tell a line from the others.
    fn stroke(&mut self, name: &str, role: Role) -> String {
        let colour = colour(name);
        match role {
            Role::Kernel => format!("stroke=\"{colour}\" stroke-width=\"3.5\""),
            Role::Peer => format!("stroke=\"{colour}\" stroke-width=\"2\""),
            Role::Limit => {
                let known = self.limits.iter().position(|limit| limit == name);
                let index = known.unwrap_or_else(|| {
                    self.limits.push(name.into());
                    self.limits.len() - 1
                });
                let dashes = ["6 4", "2 3", "10 3 2 3"][index % 3];
                format!("stroke=\"{colour}\" stroke-width=\"2\" stroke-dasharray=\"{dashes}\"")
            }
        }
    }

    fn line(&mut self, name: &str, role: Role, points: &[(f64, f64)]) {
        let path: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        let (path, stroke) = (path.join(" "), self.stroke(name, role));
        self.add(format_args!("<polyline points=\"{path}\" fill=\"none\" {stroke}/>"));
        for (x, y) in points {
            let colour = colour(name);
            self.add(format_args!(
                "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.5\" fill=\"{colour}\"/>"
            ));
        }
    }

    fn legend(&mut self, names: &[(&str, Role)]) {
        let x = WIDTH - RIGHT + 16.0;
        for (row, (name, role)) in names.iter().enumerate() {
            let (y, stroke) = (TOP + 10.0 + 22.0 * row as f64, self.stroke(name, *role));
            self.add(format_args!("<path d=\"M{x:.1} {y:.1}h28\" {stroke}/>"));
            self.text(x + 36.0, y + 4.0, "start", name);
        }
    }

    /// One histogram: bars of equal width on a logarithmic axis, its name, median and 99th percentile.
    fn strip(&mut self, strip: &Strip<'_>, x: &Scale, bottom: f64, unit: fn(f64) -> String) {
        self.text(LEFT - 8.0, bottom - 6.0, "end", strip.name);
        self.grid([LEFT, bottom, WIDTH - RIGHT, bottom]);
        if strip.values.is_empty() {
            return;
        }
        let count = (x.decades() * BINS_A_DECADE).ceil().max(1.0);
        let wide = (x.to - x.from) / count;
        let mut bins = vec![0_u32; count as usize];
        for value in &strip.values {
            let bin = ((x.at(*value) - x.from) / wide) as usize;
            bins[bin.min(count as usize - 1)] += 1;
        }
        let most = f64::from(bins.iter().copied().max().unwrap_or(1));
        let colour = if strip.role == Role::Limit { LIMIT } else { colour(strip.name) };
        for (bin, share) in bins.iter().enumerate().filter(|(_, share)| **share > 0) {
            // What is rare is to be seen, too.
            let high = (f64::from(*share) / most * BARS).max(1.0);
            let (left, top) = (x.from + wide * bin as f64, bottom - high);
            self.add(format_args!(
                "<rect x=\"{left:.1}\" y=\"{top:.1}\" width=\"{wide:.1}\" height=\"{high:.1}\" fill=\"{colour}\"/>"
            ));
        }
        let [median, p99] = [0.5, 0.99].map(|at| unit(quantile(&strip.values, at)));
        let right = WIDTH - RIGHT + 12.0;
        self.text(right, bottom - 22.0, "start", &format!("median {median}"));
        self.text(right, bottom - 6.0, "start", &format!("99 % {p99}"));
    }

    fn end(mut self) -> String {
        self.svg.push_str("</svg>\n");
        self.svg
    }
}

fn colour(name: &str) -> &'static str {
    let known = COLOURS.iter().find(|(beginning, _)| name.starts_with(beginning));
    known.map_or(LIMIT, |(_, colour)| colour)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

/// Nanoseconds, in the unit in which they are short.
pub(crate) fn time(nanoseconds: f64) -> String {
    let units = [(1e9, "s"), (1e6, "ms"), (1e3, "µs"), (1.0, "ns")];
    let (size, unit) = units.into_iter().find(|(size, _)| nanoseconds >= *size).unwrap_or(units[3]);
    format!("{} {unit}", number(nanoseconds / size))
}

/// Three digits, and letters for thousands.
pub(crate) fn number(value: f64) -> String {
    let (value, suffix) = match value {
        1e6.. => (value / 1e6, "M"),
        1e3.. => (value / 1e3, "k"),
        _ => (value, ""),
    };
    let digits = (2 - value.log10().floor() as i32).clamp(0, 4) as usize;
    let text = format!("{value:.digits$}");
    let text = if digits > 0 { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{text}{suffix}")
}
