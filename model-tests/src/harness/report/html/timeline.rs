//! One interleaving as a drawing: a lane per thread, a row per step, arrows for what led to what.

use std::fmt::Write as _;

use super::escape;
use crate::harness::report::causes::{Cause, Causes, Hold, Pause, Why, causes};
use crate::harness::report::interleaving::{Interleaving, Step};

/// Pixels. The font's characters are at most that wide.
const CHARACTER: f64 = 7.6;
const ROW: f64 = 23.0;
const HEAD: f64 = 46.0;
/// From a lane to its text, and from the text to the next lane's bars.
const TEXT: f64 = 13.0;
const GAP: f64 = 26.0;
/// Between two bars of one lane.
const BAR: f64 = 7.0;
/// The radius of an arrow's bends.
const BEND: f64 = 5.0;

/// The last steps tell most; an endless loop has thousands.
const MOST_ROWS: usize = 1_000;
/// Longer values are cut; the whole is shown when the pointer is over the row.
const MOST_CHARACTERS: usize = 56;

/// The class of an object's colour.
pub(crate) fn hue(number: usize) -> String {
    format!("c{}", number % 8)
}

pub(crate) struct Timeline<'a> {
    interleaving: &'a Interleaving,
    causes: Causes,
    /// The first row that is drawn.
    first: usize,
    objects: Vec<&'a str>,
    /// How many locks the thread had when it took the one of that hold.
    depths: Vec<usize>,
    /// How many bars each thread has beside each other.
    bars: Vec<usize>,
    /// Where each thread's lane is.
    lanes: Vec<f64>,
    /// Where the column of the places in the source begins, and that of the states.
    places: f64,
    states: Option<f64>,
    width: f64,
    failed: bool,
}

impl<'a> Timeline<'a> {
    pub(crate) fn new(interleaving: &'a Interleaving, failed: bool) -> Timeline<'a> {
        let first = interleaving.steps.len().saturating_sub(MOST_ROWS);
        let steps = &interleaving.steps[first..];
        let mut objects: Vec<&str> = Vec::new();
        for step in steps.iter().filter(|step| !step.object.is_empty()) {
            if !objects.contains(&step.object.as_str()) {
                objects.push(&step.object);
            }
        }
        let causes = causes(interleaving);
        let depths: Vec<usize> =
            causes.holds.iter().map(|hold| depth(&causes.holds, hold)).collect();
        let mut bars = vec![0; interleaving.threads.len()];
        for (hold, depth) in causes.holds.iter().zip(&depths) {
            bars[hold.thread] = (depth + 1).max(bars[hold.thread]);
        }
        let widest = |lengths: &mut dyn Iterator<Item = usize>| {
            lengths.max().unwrap_or(0) as f64 * CHARACTER
        };
        let places = 44.0;
        let mut x = places + widest(&mut steps.iter().map(|step| step.at.chars().count())) + GAP;
        let mut lanes = Vec::new();
        for (thread, name) in interleaving.threads.iter().enumerate() {
            x += bars[thread] as f64 * BAR;
            lanes.push(x);
            let own = steps.iter().filter(|step| step.thread == thread);
            let texts = own.map(|step| label(step).chars().count());
            x += TEXT + widest(&mut texts.chain([name.chars().count() + 2])) + GAP;
        }
        let longest =
            steps.iter().filter_map(|step| step.state.as_ref()).map(|state| state.chars().count());
        let states = longest.clone().next().is_some().then_some(x);
        if states.is_some() {
            x += widest(&mut longest.map(|length| length.min(MOST_CHARACTERS)).chain([12])) + GAP;
        }
        Timeline {
            interleaving,
            causes,
            first,
            objects,
            depths,
            bars,
            lanes,
            places,
            states,
            width: x,
            failed,
        }
    }

    pub(crate) fn objects(&self) -> &[&'a str] {
        &self.objects
    }

    /// The drawing.
    pub(crate) fn svg(&self) -> String {
        let steps = self.interleaving.steps.len();
        let height = self.y(steps) + if self.failed { 12.0 } else { -4.0 };
        let width = self.width;
        let mut svg = format!(
            "<svg width=\"{width:.0}\" height=\"{height:.0}\" \
             viewBox=\"0 0 {width:.0} {height:.0}\" role=\"img\">\n\
             <title>{} steps of {} threads</title>\n",
            steps,
            self.interleaving.threads.len()
        );
        self.runs(&mut svg);
        self.lanes(&mut svg);
        self.bars(&mut svg);
        self.arrows(&mut svg);
        self.head(&mut svg);
        for (row, step) in self.interleaving.steps.iter().enumerate().skip(self.first) {
            self.row(&mut svg, row, step);
        }
        svg.push_str("</svg>\n");
        svg
    }

    /// The middle of a row.
    fn y(&self, row: usize) -> f64 {
        HEAD + (row.saturating_sub(self.first) as f64 + 0.5) * ROW
    }

    fn class(&self, object: &str) -> String {
        self.objects.iter().position(|known| *known == object).map_or("c".into(), hue)
    }

    fn head(&self, svg: &mut String) {
        let y = HEAD - 18.0;
        let _ =
            writeln!(svg, "<text class=\"small\" x=\"{}\" y=\"{y}\">source</text>", self.places);
        for (lane, name) in self.lanes.iter().zip(&self.interleaving.threads) {
            let (x, name) = (lane - 5.0, escape(name));
            let _ = writeln!(svg, "<text class=\"name\" x=\"{x:.1}\" y=\"{y}\">{name}</text>");
        }
        if let Some(x) = self.states {
            let _ = writeln!(svg, "<text class=\"small\" x=\"{x:.1}\" y=\"{y}\">becomes</text>");
        }
        let (y, width) = (HEAD - 6.0, self.width);
        let _ = writeln!(
            svg,
            "<line class=\"rule\" x1=\"0\" y1=\"{y}\" x2=\"{width:.0}\" y2=\"{y}\"/>"
        );
        if self.first > 0 {
            let _ = writeln!(
                svg,
                "<text class=\"small\" x=\"8\" y=\"12\">{} steps before</text>",
                self.first
            );
        }
    }

    /// A shade behind the rows that one thread did without interruption.
    fn runs(&self, svg: &mut String) {
        let steps = &self.interleaving.steps;
        let mut row = self.first;
        while row < steps.len() {
            let thread = steps[row].thread;
            let same = steps[row..].iter().take_while(|step| step.thread == thread).count();
            if let Some((left, right)) = self.column(thread) {
                let (y, height) = (self.y(row) - ROW / 2.0 + 1.0, same as f64 * ROW - 2.0);
                let (left, width) = (left + 4.0, right - left - 8.0);
                let _ = writeln!(
                    svg,
                    "<rect class=\"run\" x=\"{left:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" \
                     height=\"{height:.1}\" rx=\"6\"/>"
                );
            }
            row += same;
        }
        if self.failed && !steps.is_empty() {
            let (y, width) = (self.y(steps.len() - 1) - ROW / 2.0, self.width);
            let _ = writeln!(
                svg,
                "<rect class=\"bad\" x=\"0\" y=\"{y:.1}\" width=\"{width:.0}\" height=\"{ROW}\"/>"
            );
        }
    }

    /// From where to where a thread's column goes.
    fn column(&self, thread: usize) -> Option<(f64, f64)> {
        let left = |thread: usize| {
            let lane = self.lanes.get(thread)?;
            Some(lane - self.bars[thread] as f64 * BAR - GAP / 2.0)
        };
        let end = self.states.unwrap_or(self.width) - GAP / 2.0;
        Some((left(thread)?, left(thread + 1).unwrap_or(end)))
    }

    /// The lanes: a line while the thread lives, dots while it cannot go on.
    fn lanes(&self, svg: &mut String) {
        let end = self.y(self.interleaving.steps.len()) - ROW / 2.0;
        for (thread, (x, life)) in self.lanes.iter().zip(&self.causes.lives).enumerate() {
            let Some((first, last)) = *life else { continue };
            let pauses = self.causes.pauses.iter().filter(|pause| pause.thread == thread);
            let stuck = pauses.clone().any(|pause| pause.last.is_none());
            let (top, bottom) = (self.y(first), if stuck { end } else { self.y(last) });
            let line = |svg: &mut String, class: &str, top: f64, bottom: f64| {
                let _ = writeln!(
                    svg,
                    "<line class=\"{class}\" x1=\"{x:.1}\" y1=\"{top:.1}\" x2=\"{x:.1}\" \
                     y2=\"{bottom:.1}\"/>"
                );
            };
            line(svg, "lane", top, bottom);
            for Pause { first, last, .. } in pauses {
                let top = self.y(*first);
                let bottom = last.map_or(end, |last| self.y(last));
                let class = if last.is_some() { "pause" } else { "pause for-ever" };
                line(svg, "gap", top, bottom);
                line(svg, class, top, bottom);
            }
            if stuck {
                let (x, y) = (x - 5.0, end + 14.0);
                let _ = writeln!(
                    svg,
                    "<text class=\"stuck\" x=\"{x:.1}\" y=\"{y:.1}\">✕ cannot go on</text>"
                );
            } else {
                let (left, right) = (x - 5.0, x + 5.0);
                let _ = writeln!(
                    svg,
                    "<line class=\"end\" x1=\"{left:.1}\" y1=\"{bottom:.1}\" x2=\"{right:.1}\" \
                     y2=\"{bottom:.1}\"/>"
                );
            }
        }
    }

    /// A bar for each lock while it is held; inner ones are nearer to the lane.
    fn bars(&self, svg: &mut String) {
        let holds = self.causes.holds.iter().zip(&self.depths);
        for (hold, depth) in holds.filter(|(hold, _)| hold.last >= self.first) {
            let Some(lane) = self.lanes.get(hold.thread) else { continue };
            let x = lane - BAR * (self.bars[hold.thread] - depth) as f64 - 3.0;
            let (top, bottom) = (self.y(hold.first) - 5.0, self.y(hold.last) + 5.0);
            let (class, object) = (self.class(&hold.object), escape(&hold.object));
            let _ = writeln!(
                svg,
                "<rect class=\"hold {class}\" data-of=\"{object}\" x=\"{x:.1}\" y=\"{top:.1}\" \
                 width=\"5\" height=\"{:.1}\" rx=\"2.5\"><title>{object} is held</title></rect>",
                bottom - top
            );
        }
    }

    fn row(&self, svg: &mut String, row: usize, step: &Step) {
        let Some(lane) = self.lanes.get(step.thread) else { return };
        let y = self.y(row);
        let actor = escape(self.interleaving.actor(step));
        let state = step.state.as_ref().map(|state| format!("\nbecomes {state}"));
        let title = escape(&format!("{}{}", step.line(), state.unwrap_or_default()));
        let object = escape(&step.object);
        let (top, width, base) = (y - ROW / 2.0, self.width, y + 4.2);
        let _ = write!(
            svg,
            "<g class=\"row\" data-of=\"{object}\"><title>{}. {actor}: {title}</title>\
             <rect class=\"band\" x=\"0\" y=\"{top:.1}\" width=\"{width:.0}\" height=\"{ROW}\"/>\
             <text class=\"small\" x=\"34\" y=\"{base:.1}\" text-anchor=\"end\">{}</text>\
             <text class=\"small\" x=\"{}\" y=\"{base:.1}\">{}</text>",
            row + 1,
            row + 1,
            self.places,
            escape(&step.at)
        );
        let hue = self.class(&step.object);
        if step.answer {
            let _ = write!(
                svg,
                "<path class=\"diamond\" d=\"M{lane:.1} {:.1}l6 6l-6 6l-6 -6z\"/>",
                y - 6.0
            );
        } else {
            let _ = write!(
                svg,
                "<circle class=\"dot {hue}\" cx=\"{lane:.1}\" cy=\"{y:.1}\" r=\"4.5\"/>"
            );
        }
        let kind = match step.operation.as_str() {
            _ if step.answer => "answer",
            "note:" | "ends with:" => "note",
            _ => "",
        };
        let _ = write!(
            svg,
            "<text class=\"{kind}\" x=\"{:.1}\" y=\"{base:.1}\">{}",
            lane + TEXT,
            escape(&step.operation)
        );
        if !step.object.is_empty() {
            let _ = write!(svg, " <tspan class=\"object {hue}\">{object}</tspan>");
        }
        if !step.value.is_empty() {
            let _ = write!(svg, " <tspan>{}</tspan>", escape(&cut(&step.value)));
        }
        svg.push_str("</text>");
        if let Some((x, state)) = self.states.zip(step.state.as_ref()) {
            let state = escape(&cut(state));
            let _ =
                write!(svg, "<text class=\"state\" x=\"{x:.1}\" y=\"{base:.1}\">{state}</text>");
        }
        svg.push_str("</g>\n");
    }

    fn arrows(&self, svg: &mut String) {
        for cause in self.causes.causes.iter().filter(|cause| cause.from >= self.first) {
            self.arrow(svg, cause);
        }
    }

    fn arrow(&self, svg: &mut String, cause: &Cause) {
        let steps = &self.interleaving.steps;
        let (from, to) = (&steps[cause.from], &steps[cause.to]);
        let (Some(x1), Some(x2)) = (self.lanes.get(from.thread), self.lanes.get(to.thread)) else {
            return;
        };
        let (y1, y2) = (self.y(cause.from), self.y(cause.to));
        // Across between two rows, where no text is: right after the cause, unless that still has to go
        // past what the other thread does meanwhile.
        let across = if cause.why == Why::Ends { y2 - ROW / 2.0 } else { y1 + ROW / 2.0 };
        let side = if x1 <= x2 { BEND } else { -BEND };
        let (what, of) = match cause.why {
            Why::Starts => ("starts", ""),
            Why::Ends => ("has ended before", ""),
            Why::Wakes => ("wakes", from.object.as_str()),
            Why::HandsOver => ("hands over to", to.object.as_str()),
        };
        let (class, object) = (self.class(of), escape(of));
        let title = format!("{} {what} {}", cause.from + 1, cause.to + 1);
        let (start, end, tip) = (y1 + 5.0, y2 - 9.0, y2 - 4.5);
        let (leaves, arrives) = (x1 + side, x2 - side);
        let (above, below) = (across - BEND, (across + BEND).min(end));
        let _ = writeln!(
            svg,
            "<g class=\"{class}\" data-of=\"{object}\"><title>{title}</title>\
             <path class=\"arrow\" d=\"M{x1:.1} {start:.1}V{above:.1}Q{x1:.1} {across:.1} {leaves:.1} \
             {across:.1}H{arrives:.1}Q{x2:.1} {across:.1} {x2:.1} {below:.1}V{end:.1}\"/>\
             <path class=\"head\" d=\"M{x2:.1} {tip:.1}l-4 -7h8z\"/></g>"
        );
    }
}

/// How many other locks the thread held when it took this one.
fn depth(holds: &[Hold], hold: &Hold) -> usize {
    let around = holds.iter().filter(|other| {
        other.thread == hold.thread && other.first < hold.first && other.last > hold.first
    });
    around.count()
}

/// What a row says beside its lane.
fn label(step: &Step) -> String {
    format!("{} {} {}", step.operation, step.object, cut(&step.value))
}

fn cut(text: &str) -> String {
    let line = text.replace('\n', " ");
    if line.chars().count() <= MOST_CHARACTERS {
        return line;
    }
    let kept: String = line.chars().take(MOST_CHARACTERS - 1).collect();
    format!("{kept}…")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::report::interleaving::tests::steps;

    fn deadlock() -> Interleaving {
        steps(
            &["loop", "poster"],
            &[
                "loop: spawns = poster",
                "loop: lock Inbox#1",
                "poster: is blocked by Inbox#1",
                "loop: unlock Inbox#1",
                "poster: lock Inbox#1",
                "loop: sleeps on Pipe#1",
            ],
        )
    }

    #[test]
    fn every_step_has_a_row_and_every_thread_a_lane() {
        let interleaving = deadlock();
        let svg = Timeline::new(&interleaving, true).svg();
        assert_eq!(svg.matches("<g class=\"row").count(), 6, "{svg}");
        assert_eq!(svg.matches("class=\"lane\"").count(), 2, "{svg}");
        assert_eq!(svg.matches("class=\"hold").count(), 2, "{svg}");
        // The start, and the lock that was handed over.
        assert_eq!(svg.matches("class=\"arrow\"").count(), 2, "{svg}");
        assert_eq!(svg.matches("cannot go on").count(), 1, "{svg}");
        assert_eq!(svg.matches("class=\"bad\"").count(), 1, "{svg}");
    }

    #[test]
    fn an_object_has_one_colour() {
        let interleaving = deadlock();
        let timeline = Timeline::new(&interleaving, false);
        assert_eq!(timeline.objects(), ["Inbox#1", "Pipe#1"]);
        assert_eq!((timeline.class("Pipe#1"), timeline.class("?")), ("c1".into(), "c".into()));
        assert!(!timeline.svg().contains("class=\"bad\""));
    }

    #[test]
    fn states_and_answers_are_marked_where_they_are() {
        let mut interleaving = deadlock();
        assert!(!Timeline::new(&interleaving, false).svg().contains("becomes"));
        interleaving.steps[3].state = Some("1 post, <asleep>".into());
        interleaving.steps[2].answer = true;
        let svg = Timeline::new(&interleaving, false).svg();
        assert!(svg.contains(">1 post, &lt;asleep&gt;</text>"), "{svg}");
        assert_eq!(svg.matches("class=\"diamond\"").count(), 1, "{svg}");
    }

    #[test]
    fn any_number_of_threads_and_rows_is_drawn() {
        let empty = Interleaving::default();
        assert!(Timeline::new(&empty, true).svg().ends_with("</svg>\n"));
        let long = steps(&["a"], &["a: lock L#1"; MOST_ROWS + 7]);
        let svg = Timeline::new(&long, true).svg();
        assert_eq!(svg.matches("<g class=\"row").count(), MOST_ROWS);
        assert!(svg.contains(">7 steps before<"), "{}", svg.len());
        let names: Vec<String> = (0..9).map(|n| format!("thread {n}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let wide = steps(&names, &["thread 8: load"]);
        assert_eq!(Timeline::new(&wide, false).svg().matches("class=\"name\"").count(), 9);
    }

    #[test]
    fn long_values_are_cut_and_whole_in_the_title() {
        let value = "v".repeat(300);
        let mut long = steps(&["a"], &["a: load"]);
        long.steps[0].value = value.clone();
        let svg = Timeline::new(&long, false).svg();
        assert_eq!(svg.matches(&value).count(), 1, "{svg}");
        assert!(svg.contains('…'));
    }
}
