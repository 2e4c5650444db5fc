//! Runs models and their controls, each in a process of its own, as many at once as there are cores.

use std::sync::mpsc::{Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use super::child::{self, Ended, Found};
use super::model::{Model, Variant};
use super::table::{Screen, grouped};

/// What came of a model and its controls.
#[derive(Debug)]
pub(super) struct Verdict {
    pub(super) model: &'static Model,
    /// `None` if the model itself failed.
    pub(super) found: Option<Found>,
    /// The time that the model took, without its controls.
    pub(super) elapsed: Duration,
    /// How many controls failed as they must.
    pub(super) caught: usize,
    /// Reports, one for each thing that went wrong.
    pub(super) failures: Vec<String>,
}

impl Verdict {
    fn new(model: &'static Model) -> Verdict {
        Verdict { model, found: None, elapsed: Duration::ZERO, caught: 0, failures: Vec::new() }
    }

    /// Takes in how a variant ended; says it in a few words.
    fn judge(&mut self, variant: Variant, ended: Ended) -> String {
        let title = variant.title();
        match (variant.control, ended.result) {
            (None, Ok(found)) => {
                self.elapsed = ended.elapsed;
                let holds = format!("holds, {} executions", grouped(found.executions));
                self.found = Some(found);
                holds
            }
            (None, Err(_)) => {
                self.elapsed = ended.elapsed;
                self.failures.push(ended.report);
                "FAILED".into()
            }
            (Some(_), Ok(_)) => {
                self.failures.push(format!("{title}\nIt must fail, and it passed.\n"));
                "PASSED, BUT MUST FAIL".into()
            }
            (Some(control), Err(message)) if message.contains(control.fails_with) => {
                self.caught += 1;
                "caught".into()
            }
            (Some(control), Err(message)) => {
                let expected = control.fails_with;
                let text = format!("{title}\nIt must fail with `{expected}`, but: {message}\n");
                self.failures.push(text);
                "FAILED FOR ANOTHER REASON".into()
            }
        }
    }
}

/// A variant to explore: which model, and which of its controls.
#[derive(Clone, Copy)]
struct Job {
    model: usize,
    control: Option<usize>,
}

enum Event {
    Started(Job),
    Progress(Job, u64),
    Ended(Job, std::io::Result<Ended>),
}

/// Runs models, with their controls if asked, and shows how far they are.
pub(super) fn run(models: &[&'static Model], controls: bool, jobs: usize) -> Vec<Verdict> {
    let all = models.iter().enumerate().flat_map(|(model, description)| {
        let count = if controls { description.controls.len() } else { 0 };
        let own = (0..count).map(Some);
        std::iter::once(None).chain(own).map(move |control| Job { model, control })
    });
    let queue: Vec<Job> = all.collect();
    let mut verdicts: Vec<Verdict> = models.iter().map(|model| Verdict::new(model)).collect();
    let mut screen = Screen::new(queue.len());
    let variant = |job: Job| {
        let model = models[job.model];
        Variant { model, control: job.control.map(|number| &model.controls[number]) }
    };
    let queue = Mutex::new(queue.into_iter());
    thread::scope(|scope| {
        let (events, inbox) = channel();
        for _ in 0..jobs.max(1) {
            let (queue, events) = (&queue, events.clone());
            scope.spawn(move || work(models, queue, &events));
        }
        drop(events);
        for event in inbox {
            match event {
                Event::Started(job) => screen.started(variant(job).title()),
                Event::Progress(job, executions) => {
                    screen.progress(&variant(job).title(), executions)
                }
                Event::Ended(job, Ok(ended)) => {
                    let how = verdicts[job.model].judge(variant(job), ended);
                    screen.ended(&variant(job).title(), &how);
                }
                Event::Ended(job, Err(error)) => {
                    let title = variant(job).title();
                    screen.ended(&title, "FAILED");
                    let text = format!("{title}\nIts process cannot be run: {error}\n");
                    verdicts[job.model].failures.push(text);
                }
            }
        }
    });
    screen.clear();
    verdicts
}

/// One worker: takes jobs until there are none. Errors of a closed channel mean that nobody listens.
fn work(
    models: &[&'static Model],
    queue: &Mutex<impl Iterator<Item = Job>>,
    events: &Sender<Event>,
) {
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
    while let Some(job) = next() {
        let _ = events.send(Event::Started(job));
        let ended = child::run(models[job.model].name, job.control, |executions| {
            let _ = events.send(Event::Progress(job, executions));
        });
        let _ = events.send(Event::Ended(job, ended));
    }
}
