//! CPython's asyncio and uvloop: a process each, for as long as the benches run.
//!
//! `benches/python` has the workloads and says what goes over the pipes. A process waits for its next
//! request while others are measured; what it answers is what its own clocks say.

// The conformance kit's own, and its cache: uvloop is installed once, and what is measured is what is tested.
// Its package is too much to build for this.
#[path = "../../../../model-tests/src/conformance/command/venv.rs"]
mod venv;

use std::cell::RefCell;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::rc::Rc;

use serde::{Deserialize, Serialize};

use super::workers;
use crate::machine;
use crate::sample::{Sample, Size};

/// The names of the columns, and of the driver's argument.
const NAMES: [&str; 2] = ["asyncio", "uvloop"];

/// What uvloop is installed from.
const UVLOOP: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../model-tests/conformance/drivers/uvloop.txt");

/// A runtime that is up.
pub(crate) struct Runtime {
    pub(crate) name: &'static str,
    version: String,
    driver: RefCell<Driver>,
}

struct Driver {
    child: Child,
    /// None when it has been told to end.
    requests: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

#[derive(Serialize)]
struct Request<'a> {
    workload: &'a str,
    n: usize,
    p: usize,
    workers: usize,
    caller: Vec<usize>,
    #[serde(rename = "loop")]
    event_loop: Vec<usize>,
}

#[derive(Deserialize)]
struct Hello {
    version: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Answer {
    Cost(f64),
    Latencies(Vec<u64>),
    Error(String),
}

/// Starts those that are wanted: what came up, and what is to be said about each of them below the table.
pub(crate) fn start(wanted: impl Fn(&str) -> bool) -> (Vec<Rc<Runtime>>, Vec<String>) {
    let (mut runtimes, mut notes) = (Vec::new(), Vec::new());
    for name in NAMES.into_iter().filter(|name| wanted(name)) {
        match Runtime::start(name) {
            Ok(runtime) => {
                let how = "in a process of its own; of slow round trips as many as fit in 0.3 s";
                notes.push(format!("{}, {how}.", runtime.version));
                runtimes.push(runtime);
            }
            Err(error) => {
                let note = format!("{name} IS NOT MEASURED: {error}");
                eprintln!("{note}");
                notes.push(note);
            }
        }
    }
    (runtimes, notes)
}

impl Runtime {
    /// Starts one of [`NAMES`]; installs first what it needs. An error says what could not be done.
    fn start(name: &'static str) -> Result<Rc<Runtime>, String> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("python");
        let python = match name {
            "uvloop" => venv::python(Some(Path::new(UVLOOP)))?,
            _ => PathBuf::from(venv::PYTHON),
        };
        let child = Command::new(&python)
            // No folder of compiled files between the sources.
            .args(["-B", "driver.py", name])
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        let mut child = child.map_err(|error| format!("{}: {error}", python.display()))?;
        let requests = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut driver = Driver { child, requests, answers };
        let Hello { version } = driver.line()?;
        Ok(Rc::new(Runtime { name, version, driver: RefCell::new(driver) }))
    }

    /// # Panics
    /// If the workload failed there: it is as wrong as a workload that fails here.
    pub(crate) fn run(&self, workload: &str, size: Size) -> Sample {
        let [caller, event_loop] = machine::placed();
        let Size { n, p } = size;
        let request = Request { workload, n, p, workers: workers(), caller, event_loop };
        match self.driver.borrow_mut().ask(&request) {
            Ok(Answer::Cost(cost)) => Sample { cost, latencies: Vec::new() },
            Ok(Answer::Latencies(trips)) => {
                let trips = trips.into_iter().map(|trip| u32::try_from(trip).unwrap_or(u32::MAX));
                Sample::of_latencies(trips.collect())
            }
            Ok(Answer::Error(error)) | Err(error) => {
                panic!("`{workload}` failed on {}: {error}", self.name)
            }
        }
    }
}

impl Driver {
    fn ask(&mut self, request: &Request<'_>) -> Result<Answer, String> {
        let mut line = serde_json::to_string(request).map_err(|error| error.to_string())?;
        line.push('\n');
        let requests = self.requests.as_mut().expect("open until it is dropped");
        requests.write_all(line.as_bytes()).map_err(|error| format!("its driver: {error}"))?;
        self.line()
    }

    fn line<T: for<'a> Deserialize<'a>>(&mut self) -> Result<T, String> {
        let mut line = String::new();
        let read = self.answers.read_line(&mut line).map_err(|error| error.to_string())?;
        if read == 0 {
            return Err("its driver has ended, and says why on its standard error".into());
        }
        serde_json::from_str(&line)
            .map_err(|error| format!("its driver wrote no answer, {error}: {line}"))
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // It ends with its input.
        self.requests = None;
        _ = self.child.wait();
    }
}
