//! A driver in a process of its own, whatever it does.
//!
//! It is started when it is needed. One that crashes, hangs or writes what is no answer is ended, and
//! started anew for the next program.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::runtime::{Failure, Identity, Logs, Request, Runtime};
use super::wire::{Answer, Hello, PROTOCOL, Question};

/// How long a driver may take to come up: it may be an interpreter on a busy machine.
const STARTS_WITHIN: Duration = Duration::from_secs(30);
/// So much of what a driver writes to its standard error is kept.
const LAST_WORDS: usize = 600;
/// The longest line that is shown.
const SHOWN: usize = 200;

/// A command that is started anew as often as necessary.
#[derive(Debug)]
pub struct Process {
    command: Vec<String>,
    folder: PathBuf,
    patience: Duration,
    running: Option<Running>,
    identity: Option<Identity>,
    /// Requests that the running driver has answered.
    answered: VecDeque<u64>,
    afterthoughts: Vec<(u64, Failure)>,
    starts: usize,
}

#[derive(Debug)]
struct Running {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    stderr: Arc<Mutex<Vec<u8>>>,
    stderr_reader: Option<JoinHandle<()>>,
}

impl Process {
    /// The command and its arguments, to be run in a folder.
    ///
    /// # Panics
    /// If the command is empty.
    #[must_use]
    pub fn new(command: Vec<String>, folder: impl Into<PathBuf>) -> Process {
        assert!(!command.is_empty(), "a driver's command names at least a program");
        Process {
            command,
            folder: folder.into(),
            patience: Duration::from_secs(10),
            running: None,
            identity: None,
            answered: VecDeque::new(),
            afterthoughts: Vec::new(),
            starts: 0,
        }
    }

    /// How often the driver had to be started.
    #[must_use]
    pub fn starts(&self) -> usize {
        self.starts
    }

    /// Asks for many executions at once, and reads the answers while it still asks.
    ///
    /// The first failure ends it: the answers to the later ones are lost with the driver.
    ///
    /// # Errors
    /// Which request failed, and how.
    pub fn run_all(&mut self, requests: &[Request<'_>]) -> Result<Vec<Logs>, (usize, Failure)> {
        self.start().map_err(|failure| (0, failure))?;
        let mut text = String::new();
        for request in requests {
            text += &question(request);
        }
        let mut stdin = self.running.as_mut().and_then(|running| running.stdin.take());
        let writer = std::thread::spawn(move || {
            // A driver that has ended is noticed where its answer is missing.
            let _ = stdin.as_mut().map(|stdin| stdin.write_all(text.as_bytes()));
            stdin
        });
        let answers = requests.iter().enumerate();
        let logs = answers.map(|(index, request)| {
            self.answer(*request).map_err(|failure| {
                self.end();
                (index, failure)
            })
        });
        let logs = logs.collect();
        let stdin = writer.join().expect("writing does not panic");
        if let Some(running) = &mut self.running {
            running.stdin = stdin;
        }
        logs
    }

    fn start(&mut self) -> Result<(), Failure> {
        if self.running.is_some() {
            return Ok(());
        }
        self.starts += 1;
        self.answered.clear();
        let child = Command::new(&self.command[0])
            .args(&self.command[1..])
            .current_dir(&self.folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut child = child.map_err(|error| {
            Failure::NotStarted(format!("`{}`: {error}", self.command.join(" ")))
        })?;
        let stdout = child.stdout.take().expect("it is piped");
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).split(b'\n') {
                let Ok(line) = line else { break };
                if sender.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                    break;
                }
            }
        });
        let pipe = child.stderr.take().expect("it is piped");
        let stderr = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&stderr);
        let stderr_reader = std::thread::spawn(move || keep_end(pipe, &kept));
        let stdin = child.stdin.take();
        let stderr_reader = Some(stderr_reader);
        self.running = Some(Running { child, stdin, lines, stderr, stderr_reader });
        let hello = self.hello();
        match hello {
            Ok(identity) => {
                self.identity = Some(identity);
                Ok(())
            }
            Err(failure) => {
                self.end();
                Err(failure)
            }
        }
    }

    fn hello(&mut self) -> Result<Identity, Failure> {
        let line = self.line(STARTS_WITHIN)?;
        let hello: Hello =
            serde_json::from_str(&line).map_err(|_| Failure::Garbage(shown(&line)))?;
        if hello.protocol == PROTOCOL {
            return Ok(hello.identity);
        }
        let what = format!("it speaks protocol {}, this is protocol {PROTOCOL}", hello.protocol);
        Err(Failure::Lied(what))
    }

    /// The next line.
    fn line(&mut self, patience: Duration) -> Result<String, Failure> {
        let running = self.running.as_mut().expect("it was started");
        match running.lines.recv_timeout(patience) {
            Ok(line) => Ok(line),
            Err(RecvTimeoutError::Timeout) => Err(Failure::Hung(patience)),
            Err(RecvTimeoutError::Disconnected) => Err(running.crashed(patience)),
        }
    }

    /// The answer to a request, past what is about earlier ones.
    fn answer(&mut self, request: Request<'_>) -> Result<Logs, Failure> {
        let deadline = Instant::now() + self.patience;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = self.line(left).map_err(|failure| match failure {
                Failure::Hung(_) => Failure::Hung(self.patience),
                other => other,
            })?;
            let answer: Answer = serde_json::from_str(&line).map_err(|error| {
                // Of an answer with the right name it can be said what is wrong.
                match serde_json::from_str::<serde_json::Value>(&line) {
                    Ok(value) if value.get("run").is_some() => Failure::Lied(format!(
                        "an answer of the wrong form ({error}): {}",
                        shown(&line)
                    )),
                    _ => Failure::Garbage(shown(&line)),
                }
            })?;
            if answer.run == request.id {
                self.answered.push_back(request.id);
                return answer.judge(request.program);
            }
            self.later(&answer)?;
        }
    }

    /// An answer that is not to the last request.
    fn later(&mut self, answer: &Answer) -> Result<(), Failure> {
        if !self.answered.contains(&answer.run) {
            let what = format!("it answers for run {}, which was not asked of it", answer.run);
            return Err(Failure::Lied(what));
        }
        self.afterthoughts.push((answer.run, Failure::Lied("it answers twice".into())));
        Ok(())
    }

    /// Ends the driver, without mercy.
    fn end(&mut self) {
        if let Some(mut running) = self.running.take() {
            running.stdin = None;
            let _ = running.child.kill();
            let _ = running.child.wait();
        }
    }
}

impl Running {
    fn crashed(&mut self, patience: Duration) -> Failure {
        // It has closed its output, and may take its time to end.
        let deadline = Instant::now() + patience.min(Duration::from_secs(2));
        self.stdin = None;
        let status = loop {
            match self.child.try_wait() {
                Ok(Some(status)) => break status.to_string(),
                Ok(None) if Instant::now() < deadline => {
                    std::thread::sleep(Duration::from_millis(5));
                }
                _ => break "it only closed its output".into(),
            }
        };
        let _ = self.child.kill();
        if let Some(reader) = self.stderr_reader.take() {
            let _ = reader.join();
        }
        let stderr = self.stderr.lock().unwrap_or_else(PoisonError::into_inner);
        let stderr = String::from_utf8_lossy(&stderr).trim().to_owned();
        Failure::Crashed { status, stderr }
    }
}

impl Runtime for Process {
    fn identity(&mut self) -> Result<Identity, Failure> {
        self.start()?;
        Ok(self.identity.clone().expect("a driver that has started has said who it is"))
    }

    fn run(&mut self, request: Request<'_>) -> Result<Logs, Failure> {
        self.start()?;
        let running = self.running.as_mut().expect("it was just started");
        if let Some(stdin) = &mut running.stdin {
            // A driver that has ended is noticed where its answer is missing.
            let _ = stdin.write_all(question(&request).as_bytes());
        }
        let answer = self.answer(request);
        if answer
            .as_ref()
            .is_err_and(|failure| !matches!(failure, Failure::Unsupported(_) | Failure::Error(_)))
        {
            self.end();
        }
        answer
    }

    fn afterthoughts(&mut self) -> Vec<(u64, Failure)> {
        std::mem::take(&mut self.afterthoughts)
    }

    fn finish(&mut self) {
        let Some(running) = &mut self.running else { return };
        running.stdin = None;
        let deadline = Instant::now() + self.patience;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let running = self.running.as_mut().expect("it is only ended below");
            let Ok(line) = running.lines.recv_timeout(left) else { break };
            let about = self.answered.back().copied().unwrap_or(0);
            match serde_json::from_str::<Answer>(&line) {
                Ok(answer) => {
                    if let Err(failure) = self.later(&answer) {
                        self.afterthoughts.push((about, failure));
                    }
                }
                Err(_) => self.afterthoughts.push((about, Failure::Garbage(shown(&line)))),
            }
        }
        self.end();
    }

    fn set_patience(&mut self, patience: Duration) {
        self.patience = patience;
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}

fn question(request: &Request<'_>) -> String {
    let Request { id, program, seed } = *request;
    let question = Question { run: id, seed, program };
    let mut line = serde_json::to_string(&question).expect("a program has a JSON form");
    line.push('\n');
    line
}

fn shown(line: &str) -> String {
    let mut text: String = line.chars().take(SHOWN).collect();
    if text.len() < line.len() {
        text.push_str(" ...");
    }
    text
}

/// Reads everything, and keeps the last of it.
fn keep_end(mut pipe: impl Read, kept: &Mutex<Vec<u8>>) {
    let mut buffer = [0; 1024];
    while let Ok(count @ 1..) = pipe.read(&mut buffer) {
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend_from_slice(&buffer[..count]);
        let surplus = kept.len().saturating_sub(LAST_WORDS);
        kept.drain(..surplus);
    }
}
