//! Runs a command that may never end, and that leaves nothing behind whatever becomes of this process.
//!
//! Between us and the command stands this same program as its guard, the leader of a process group. When
//! its standard input ends it kills the group, itself included: because we closed the input when the time
//! was up, or because we are gone, interrupted or killed.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// The hidden subcommand.
pub(crate) const GUARD: &str = "guard";

/// More of a command's output than this is not read.
const MOST_OUTPUT: u64 = 8 << 20;

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// `None` if its time was up; 128 and the signal if it was killed by one.
    pub(crate) status: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) elapsed: Duration,
}

/// Runs `program`, for no longer than `limit`; its output goes by way of files in `scratch`.
///
/// Through files and not pipes: a process that got away could hold a pipe open for ever.
pub(crate) fn run(
    program: &Path,
    arguments: &[&str],
    folder: &Path,
    scratch: &Path,
    limit: Duration,
) -> io::Result<Ended> {
    let (out, err) = (scratch.join("stdout"), scratch.join("stderr"));
    let start = Instant::now();
    let mut command = Command::new(std::env::current_exe()?);
    command.arg(GUARD).arg(program).args(arguments).current_dir(folder).process_group(0);
    command.stdin(Stdio::piped()).stdout(File::create(&out)?).stderr(File::create(&err)?);
    // What the copies are built with is decided here and nowhere else.
    for (name, _) in std::env::vars_os() {
        let name_text = name.to_string_lossy();
        let of_a_build = ["CARGO_BUILD_", "CARGO_PROFILE_", "LOOM_", "RUST_TEST_"];
        if of_a_build.iter().any(|begin| name_text.starts_with(begin))
            || ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_TARGET_DIR", "CARGO_INCREMENTAL"]
                .contains(&&*name_text)
        {
            command.env_remove(&name);
        }
    }
    let mut guard = command.spawn()?;
    let mut status = None;
    while status.is_none() && start.elapsed() < limit {
        thread::sleep(Duration::from_millis(5));
        status = guard.try_wait()?;
    }
    let elapsed = start.elapsed();
    if status.is_none() {
        drop(guard.stdin.take());
        guard.wait()?;
    }
    let read = |path: &Path| -> io::Result<String> {
        let mut bytes = Vec::new();
        File::open(path)?.take(MOST_OUTPUT).read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    Ok(Ended {
        status: status
            .map(|status| status.code().or(status.signal().map(|s| 128 + s)).unwrap_or(-1)),
        stdout: read(&out)?,
        stderr: read(&err)?,
        elapsed,
    })
}

/// The guard: runs the command, and passes its exit status on.
pub(crate) fn main(command: &[String]) -> ExitCode {
    let [program, arguments @ ..] = command else { return ExitCode::from(2) };
    thread::spawn(|| {
        // An error means that nobody is there any more, as the end does.
        let _ = io::copy(&mut io::stdin(), &mut io::sink());
        let kill = format!("kill -s KILL -- -{}", std::process::id());
        let _ = Command::new("sh").args(["-c", &kill]).status();
    });
    match Command::new(program).args(arguments).stdin(Stdio::null()).status() {
        Ok(status) => {
            let code = status.code().or(status.signal().map(|signal| 128 + signal)).unwrap_or(1);
            ExitCode::from(u8::try_from(code).unwrap_or(1))
        }
        Err(error) => {
            eprintln!("{program} cannot be run: {error}");
            ExitCode::from(127)
        }
    }
}
