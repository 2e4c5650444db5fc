//! The page around the timelines.

use std::fmt::Write as _;

use super::escape;
use super::timeline::{Timeline, hue};
use crate::harness::report::interleaving::Interleaving;

/// A report.
pub(in crate::harness) struct Page<'a> {
    /// The model and the control.
    pub(in crate::harness) title: String,
    pub(in crate::harness) question: &'a str,
    /// Each clause with its sentence.
    pub(in crate::harness) clauses: Vec<(String, String)>,
    /// What is known besides: a name and a value each.
    pub(in crate::harness) facts: Vec<(&'static str, String)>,
    /// What went wrong, if anything did.
    pub(in crate::harness) message: Option<String>,
    pub(in crate::harness) charts: Vec<Chart<'a>>,
}

/// One interleaving on the page.
pub(in crate::harness) struct Chart<'a> {
    /// Empty if the page has one chart only.
    pub(in crate::harness) heading: String,
    /// The unusual answers, a line each.
    pub(in crate::harness) answers: Vec<String>,
    pub(in crate::harness) interleaving: &'a Interleaving,
}

impl Page<'_> {
    /// The document.
    pub(in crate::harness) fn html(&self) -> String {
        let mut body = String::new();
        // Writing to a string does not fail.
        let _ = write!(body, "<header>\n<h1>{}</h1>\n", escape(&self.title));
        let _ = writeln!(body, "<p class=\"question\">{}</p>", escape(self.question));
        for (id, sentence) in &self.clauses {
            let (id, sentence) = (escape(id), escape(sentence));
            let _ = writeln!(body, "<p class=\"clause\"><b>{id}</b> {sentence}</p>");
        }
        if let Some(message) = &self.message {
            let _ = writeln!(body, "<pre class=\"message\">{}</pre>", escape(message));
        }
        body.push_str("<dl>\n");
        for (name, value) in &self.facts {
            let _ = writeln!(body, "<dt>{}</dt><dd>{}</dd>", escape(name), escape(value));
        }
        body.push_str("</dl>\n</header>\n<main>\n");
        for chart in &self.charts {
            body += &self.chart(chart);
        }
        if !self.charts.is_empty() {
            body.push_str(KEY);
        }
        body.push_str("</main>\n");
        let title = escape(&self.title);
        format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n\
             <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n\
             <body>\n{body}<script>\n{SCRIPT}</script>\n</body>\n</html>\n"
        )
    }

    fn chart(&self, chart: &Chart<'_>) -> String {
        let timeline = Timeline::new(chart.interleaving, self.message.is_some());
        let mut text = String::from("<section>\n");
        if !chart.heading.is_empty() {
            let _ = writeln!(text, "<h2>{}</h2>", escape(&chart.heading));
        }
        text.push_str("<p class=\"answers\">The environment: ");
        if chart.answers.is_empty() {
            text.push_str("answers as usual");
        }
        for answer in &chart.answers {
            let _ = write!(text, "<span>{}</span> ", escape(answer));
        }
        text.push_str("</p>\n<p class=\"objects\">");
        for (number, object) in timeline.objects().iter().enumerate() {
            let (class, object) = (hue(number), escape(object));
            let _ = write!(
                text,
                "<button class=\"{class}\" data-object=\"{object}\">{object}</button> "
            );
        }
        let _ = write!(text, "</p>\n<div class=\"chart\">\n{}</div>\n</section>\n", timeline.svg());
        text
    }
}

const KEY: &str = "\
<p class=\"key\">A row is a step, a lane is a thread; time runs down. A shaded run is one thread without
interruption. A bar beside a lane: the thread holds that lock. A dotted lane: it cannot go on. An arrow: the
step made the other one possible. ◆ an unusual answer of the environment. Click an object to follow it.</p>
";

/// Without it the page says the same; it only dims what is not about one object.
const SCRIPT: &str = "\
for (const button of document.querySelectorAll('button[data-object]')) {
  button.addEventListener('click', () => {
    const section = button.closest('section');
    const on = !button.classList.contains('on');
    section.querySelectorAll('button.on').forEach(other => other.classList.remove('on'));
    button.classList.toggle('on', on);
    for (const part of section.querySelectorAll('svg [data-of]')) {
      part.classList.toggle('dim', on && part.dataset.of !== button.dataset.object);
    }
  });
}
";

const STYLE: &str = "\
:root {
  --paper: #fbfaf8; --ink: #1f2328; --faint: #6a7078; --line: #d9d6d0; --card: #ffffff;
  --run: #f1eee8; --bad: #b42318; --bad-paper: #fdecea; --answer: #8a5a00; --answer-paper: #fff3d6;
  --h0: #1f6feb; --h1: #b35900; --h2: #1a7f37; --h3: #8250df; --h4: #c4246b; --h5: #0b7a85;
  --h6: #7a6200; --h7: #5b5fc7;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #14161a; --ink: #e4e6ea; --faint: #979da6; --line: #33373e; --card: #1a1d22;
    --run: #22262d; --bad: #ff8d80; --bad-paper: #3a1d1b; --answer: #f0c060; --answer-paper: #352b14;
    --h0: #6cb0ff; --h1: #f0a35e; --h2: #62cf7d; --h3: #c5a3ff; --h4: #ff8fc0; --h5: #5fd3df;
    --h6: #d9c04f; --h7: #a5a8ff;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
header, section, .key { margin: 0; padding: 0 28px; }
header { padding-top: 26px; }
h1 { font-size: 22px; line-height: 1.3; margin: 0 0 4px; }
h2 { font-size: 17px; margin: 34px 0 4px; }
p { margin: 0 0 8px; max-width: 110ch; }
.question { color: var(--faint); }
.clause { border-left: 3px solid var(--h0); padding: 1px 0 1px 12px; }
.clause b { margin-right: 4px; }
.message { background: var(--bad-paper); color: var(--bad); border-radius: 8px; padding: 12px 16px;
  font: 13px/1.5 ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace; white-space: pre-wrap;
  margin: 14px 0; font-weight: 600; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 2px 16px; margin: 10px 0 14px;
  font-size: 13.5px; }
dt { color: var(--faint); } dd { margin: 0; overflow-wrap: anywhere; }
.answers { font-size: 13.5px; color: var(--faint); }
.answers span { display: inline-block; background: var(--answer-paper); color: var(--answer);
  border-radius: 5px; padding: 0 8px; margin: 0 4px 3px 0; }
.objects button { font: 12.5px ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace;
  background: var(--card); border: 1px solid var(--line); border-radius: 999px; padding: 2px 11px;
  margin: 0 3px 5px 0; cursor: pointer; color: var(--c); }
.objects button::before { content: '\\25CF\\00A0'; }
.objects button.on { border-color: var(--c); box-shadow: inset 0 0 0 1px var(--c); }
.chart { overflow-x: auto; background: var(--card); border: 1px solid var(--line); border-radius: 10px;
  width: fit-content; max-width: 100%; }
.key { font-size: 13px; color: var(--faint); padding: 16px 28px 40px; }
.c0 { --c: var(--h0); } .c1 { --c: var(--h1); } .c2 { --c: var(--h2); } .c3 { --c: var(--h3); }
.c4 { --c: var(--h4); } .c5 { --c: var(--h5); } .c6 { --c: var(--h6); } .c7 { --c: var(--h7); }
.c { --c: var(--faint); }
svg { display: block; }
svg text { font: 12.5px ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace; fill: var(--ink);
  white-space: pre; }
svg .row .band { fill: transparent; }
svg .row:hover .band { fill: var(--h0); fill-opacity: .1; }
svg .bad { fill: var(--bad-paper); }
svg .name { font-weight: 700; font-size: 13.5px; }
svg .rule { stroke: var(--line); }
svg .small { fill: var(--faint); font-size: 11.5px; }
svg .object { fill: var(--c); font-weight: 600; }
svg .value, svg .state { fill: var(--ink); }
svg .answer { fill: var(--answer); font-style: italic; }
svg .note { fill: var(--faint); font-style: italic; }
svg .run { fill: var(--run); }
svg .lane { stroke: var(--faint); stroke-width: 1.5; }
svg .pause { stroke: var(--faint); stroke-width: 2; stroke-dasharray: 1.5 5; stroke-linecap: round; }
svg .gap { stroke: var(--card); stroke-width: 3; }
svg .for-ever { stroke: var(--bad); }
svg .end { fill: none; stroke: var(--faint); stroke-width: 1.5; }
svg .stuck { fill: var(--bad); font-weight: 600; }
svg .hold { fill: var(--c); opacity: .55; }
svg .dot { fill: var(--c); stroke: var(--card); stroke-width: 1.5; }
svg .diamond { fill: var(--answer); stroke: var(--card); stroke-width: 1.5; }
svg .arrow { fill: none; stroke: var(--c); stroke-width: 1.6; opacity: .8; }
svg .head { fill: var(--c); opacity: .9; }
svg .dim { opacity: .14; }
@media print { .chart { overflow: visible; border: 0; } }
";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::report::interleaving::tests::steps;

    fn page(message: Option<&str>) -> String {
        let interleaving = steps(
            &["main", "<other>"],
            &["main: spawns = <other>", "<other>: lock Inbox#1", "<other>: note: = a & b"],
        );
        let chart = Chart {
            heading: "<h>".into(),
            answers: vec!["<a>".into()],
            interleaving: &interleaving,
        };
        Page {
            title: "<title>".into(),
            question: "Is <this> safe?",
            clauses: vec![("W-1".into(), "A & B".into())],
            facts: vec![("class", "<quick>".into())],
            message: message.map(String::from),
            charts: vec![chart],
        }
        .html()
    }

    #[test]
    fn every_text_is_escaped() {
        let html = page(Some("<failed>"));
        for text in
            ["<title>&lt;title&gt;<", "&lt;other&gt;", "a &amp; b", "A &amp; B", "&lt;a&gt;"]
        {
            assert!(html.contains(text), "{text} in {html}");
        }
        for raw in ["<other>", "<this>", "<quick>", "<failed>", "a & b", "<a>", "<h>"] {
            assert!(!html.contains(raw), "{raw} in {html}");
        }
    }

    #[test]
    fn nothing_is_loaded() {
        let html = page(None);
        for loads in ["http:", "https:", "src=", "href=", "@import", "url("] {
            assert!(!html.contains(loads), "{loads} in {html}");
        }
    }

    #[test]
    fn only_a_failure_has_a_message() {
        assert!(page(Some("deadlock")).contains("<pre class=\"message\">deadlock</pre>"));
        assert!(!page(None).contains("<pre"));
    }
}
