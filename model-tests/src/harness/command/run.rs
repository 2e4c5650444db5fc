//! Runs models and their controls, each in a process of its own, as many at once as there are cores.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crate::harness::books::class::Class;
use crate::harness::explore::child::{self, Ended, Found, Request, Task};
use crate::harness::model::{Model, Variant};
use crate::harness::refinement::{self, Refinement};
use crate::harness::report::counterexample;
use crate::harness::report::figures::grouped;
use crate::harness::report::table::Screen;

/// What is run, and how.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// The program that has the models.
    pub(crate) program: PathBuf,
    pub(crate) class: Class,
    /// Run the controls, too.
    pub(crate) controls: bool,
    /// Write down how they fail.
    pub(crate) keep_controls: bool,
    /// Collect the shortest interleaving of each outcome.
    pub(crate) keep_shortest: bool,
    /// How many processes at once.
    pub(crate) jobs: usize,
    /// Say nothing until it is over.
    pub(crate) quiet: bool,
}

impl Options {
    /// This program's own models, one process at a time.
    pub(crate) fn own(class: Class) -> std::io::Result<Options> {
        Ok(Options::of(std::env::current_exe()?, class))
    }

    /// Another program's models.
    pub(crate) fn of(program: PathBuf, class: Class) -> Options {
        Options {
            program,
            class,
            controls: true,
            keep_controls: false,
            keep_shortest: false,
            jobs: 1,
            quiet: false,
        }
    }
}

/// What came of a model and its controls.
#[derive(Debug)]
pub(crate) struct Verdict {
    pub(crate) model: &'static Model,
    pub(crate) class: Class,
    /// `None` if the model itself failed.
    pub(crate) found: Option<Found>,
    /// How it agrees with the spec; `None` if it does not.
    pub(crate) refinement: Option<Refinement>,
    /// The time that the model took, without its controls.
    pub(crate) elapsed: Duration,
    /// How many controls failed as they must.
    pub(crate) caught: usize,
    /// Reports, one for each thing that went wrong.
    pub(crate) failures: Vec<String>,
    /// Reports of controls that failed as they must, if they were asked for.
    pub(crate) kept: Vec<String>,
}

/// How a variant ended, and its report if it has one.
struct Outcome {
    ended: Ended,
    report: String,
}

impl Verdict {
    /// Before it is run; what is listed is compared with the spec at once.
    fn new(model: &'static Model, class: Class) -> Verdict {
        let (refinement, differences) = match refinement::compare(model) {
            Ok(refinement) => (Some(refinement), None),
            Err(differences) => (None, Some(differences.join("\n  "))),
        };
        let failure = |differences| {
            format!("{}\nIt is not what the spec allows:\n  {differences}\n", model.name)
        };
        Verdict {
            model,
            class,
            found: None,
            refinement,
            elapsed: Duration::ZERO,
            caught: 0,
            failures: differences.map(failure).into_iter().collect(),
            kept: Vec::new(),
        }
    }

    /// Whether it is not about the kernel.
    pub(crate) fn is_about_explorers(&self) -> bool {
        self.refinement == Some(Refinement::Explorers)
    }

    /// Takes in how a variant ended; says it in a few words.
    fn judge(&mut self, variant: Variant, Outcome { ended, report }: Outcome) -> String {
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
                self.failures.push(report);
                "FAILED".into()
            }
            (Some(_), Ok(_)) => {
                self.failures.push(format!("{title}\nIt must fail, and it passed.\n"));
                "PASSED, BUT MUST FAIL".into()
            }
            (Some(control), Err(failure)) if failure.message.contains(control.fails_with) => {
                self.caught += 1;
                self.kept.extend(Some(report).filter(|report| !report.is_empty()));
                "caught".into()
            }
            (Some(control), Err(_)) => {
                let expected = control.fails_with;
                self.failures.push(format!("It must fail with `{expected}`, but:\n{report}"));
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
    Ended(Job, std::io::Result<Outcome>),
}

/// Runs models and shows how far they are.
pub(crate) fn run(models: &[&'static Model], options: &Options) -> Vec<Verdict> {
    let all = models.iter().enumerate().flat_map(|(model, description)| {
        let count = if options.controls { description.controls.len() } else { 0 };
        let own = (0..count).map(Some);
        std::iter::once(None).chain(own).map(move |control| Job { model, control })
    });
    let queue: Vec<Job> = all.collect();
    let verdict = |model: &&'static Model| Verdict::new(model, options.class);
    let mut verdicts: Vec<Verdict> = models.iter().map(verdict).collect();
    let mut screen = Screen::new(queue.len(), options.quiet);
    let variant = |job: Job| variant(models, options, job);
    let queue = Mutex::new(queue.into_iter());
    thread::scope(|scope| {
        let (events, inbox) = channel();
        for _ in 0..options.jobs.max(1) {
            let (queue, events) = (&queue, events.clone());
            scope.spawn(move || work(models, options, queue, &events));
        }
        drop(events);
        for event in inbox {
            match event {
                Event::Started(job) => screen.started(variant(job).title()),
                Event::Progress(job, executions) => {
                    screen.progress(&variant(job).title(), executions)
                }
                Event::Ended(job, Ok(outcome)) => {
                    let how = verdicts[job.model].judge(variant(job), outcome);
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

fn variant(models: &[&'static Model], options: &Options, job: Job) -> Variant {
    let model = models[job.model];
    let control = job.control.map(|number| &model.controls[number]);
    Variant { model, control, class: options.class }
}

/// One worker: takes jobs until there are none. Errors of a closed channel mean that nobody listens.
fn work(
    models: &[&'static Model],
    options: &Options,
    queue: &Mutex<impl Iterator<Item = Job>>,
    events: &Sender<Event>,
) {
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
    while let Some(job) = next() {
        let _ = events.send(Event::Started(job));
        let progress = |executions| {
            let _ = events.send(Event::Progress(job, executions));
        };
        let outcome = explore(variant(models, options, job), job.control, options, progress);
        let _ = events.send(Event::Ended(job, outcome));
    }
}

/// Explores a variant, and writes down how it failed, unless it failed as it must.
fn explore(
    variant: Variant,
    control: Option<usize>,
    options: &Options,
    progress: impl FnMut(u64),
) -> std::io::Result<Outcome> {
    let request = Request {
        model: variant.model.name.into(),
        control,
        class: options.class,
        task: Task::Explore { keep_shortest: options.keep_shortest },
    };
    let program: &Path = &options.program;
    let ended = child::run(program, &request, progress)?;
    let report = match &ended.result {
        Ok(_) if control.is_none() => {
            // What an earlier failure left would look like one of now.
            counterexample::remove(&counterexample::folder(variant.model.name, None))?;
            String::new()
        }
        Err(failure) if options.keep_controls || !variant.fails_as_it_must(&failure.message) => {
            counterexample::write(program, &request, variant, failure)
        }
        _ => String::new(),
    };
    Ok(Outcome { ended, report })
}
