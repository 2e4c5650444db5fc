//! Counts the instructions of the kernel's paths, and compares them with a committed baseline.
//!
//! ```text
//! cargo instructions              # fails if a path takes 3 % more than in baseline.txt
//! cargo instructions --record     # writes baseline.txt
//! cargo instructions --profile w5-yield    # leaves callgrind's profile, and shows where they go
//! ```
//!
//! Times are noise on a shared machine, instructions are not: valgrind counts them one by one. A path is
//! run twice, for two numbers of operations; the difference is what an operation takes, without what
//! comes before and after. The allocator's and the compiler's share counts too, so the baseline names the
//! compiler it was made with, and another machine's C library may differ by a little.

mod paths;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use paths::PATHS;

/// How much more than recorded is too much.
const TOLERANCE: f64 = 0.03;
const FEW: usize = 4_000;
const MANY: usize = 12_000;

type Counts = BTreeMap<String, f64>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        [] => check(),
        ["--record"] => record(),
        ["--profile", name] => profile(name),
        ["--run", name, n] => run(name, n.parse().expect("a number of operations")),
        _ => fail("usage: cargo instructions [--record | --profile PATH]"),
    }
}

fn fail(why: &str) -> ExitCode {
    eprintln!("instructions: {why}");
    ExitCode::FAILURE
}

/// In valgrind: the path itself.
fn run(name: &str, n: usize) -> ExitCode {
    match PATHS.iter().find(|(known, _)| *known == name) {
        Some((_, path)) => path(n),
        None => return fail(&format!("no path '{name}'")),
    }
    ExitCode::SUCCESS
}

fn baseline() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("baseline.txt")
}

fn check() -> ExitCode {
    let recorded = std::fs::read_to_string(baseline()).unwrap_or_default();
    let expected = parse(&recorded);
    let counts = match count_all() {
        Ok(counts) => counts,
        Err(why) => return fail(&why),
    };
    println!("{:<18} {:>12} {:>12} {:>8}", "path", "recorded", "now", "");
    let mut worse = Vec::new();
    for (path, now) in &counts {
        let Some(before) = expected.get(path) else {
            worse.push(format!("{path} is not in baseline.txt: record it"));
            continue;
        };
        let change = now / before - 1.0;
        println!("{path:<18} {before:>12.1} {now:>12.1} {:>+7.1}%", 100.0 * change);
        if change > TOLERANCE {
            worse.push(format!("{path} takes {:.1} % more instructions", 100.0 * change));
        }
    }
    worse.extend(
        expected
            .keys()
            .filter(|path| !counts.contains_key(*path))
            .map(|path| format!("{path} is in baseline.txt and is not counted any more: record")),
    );
    if worse.is_empty() {
        return ExitCode::SUCCESS;
    }
    let compiler = recorded.lines().next().unwrap_or_default().trim_start_matches("# ");
    eprintln!("recorded with {compiler}; this is {}", rustc());
    fail(&worse.join("\ninstructions: "))
}

fn record() -> ExitCode {
    let counts = match count_all() {
        Ok(counts) => counts,
        Err(why) => return fail(&why),
    };
    let mut text = format!("# {}\n", rustc());
    for (path, count) in counts {
        writeln!(text, "{path} {count:.1}").expect("a String takes it");
    }
    print!("{text}");
    match std::fs::write(baseline(), text) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&format!("{}: {error}", baseline().display())),
    }
}

fn parse(baseline: &str) -> Counts {
    let lines = baseline.lines().filter(|line| !line.starts_with('#'));
    let counts = lines.filter_map(|line| {
        let (path, count) = line.split_once(' ')?;
        Some((path.to_owned(), count.parse().ok()?))
    });
    counts.collect()
}

fn rustc() -> String {
    let version = Command::new("rustc").arg("--version").output();
    let version = version.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    version.unwrap_or_else(|_| "an unknown compiler".to_owned())
}

fn count_all() -> Result<Counts, String> {
    PATHS.iter().map(|(path, _)| Ok(((*path).to_owned(), count(path)?))).collect()
}

/// Instructions of one operation.
fn count(path: &str) -> Result<f64, String> {
    let (few, many) = (count_run(path, FEW)?, count_run(path, MANY)?);
    Ok((many as f64 - few as f64) / (MANY - FEW) as f64)
}

fn count_run(path: &str, n: usize) -> Result<u64, String> {
    let mut valgrind = callgrind(path, n, "/dev/null")?;
    let output = valgrind.output().map_err(|error| {
        format!(
            "valgrind cannot be started ({error}); install it, on Debian: apt-get install valgrind"
        )
    })?;
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return Err(format!("{path} failed under valgrind:\n{said}"));
    }
    let collected =
        said.lines().find_map(|line| line.split_once("Collected :")?.1.trim().parse().ok());
    collected.ok_or_else(|| format!("valgrind did not say what it collected:\n{said}"))
}

fn callgrind(path: &str, n: usize, out: &str) -> Result<Command, String> {
    let own = std::env::current_exe().map_err(|error| format!("where am I? {error}"))?;
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--compress-strings=no"]);
    valgrind.arg(format!("--callgrind-out-file={out}"));
    valgrind.arg(own).args(["--run", path, &n.to_string()]).stdin(Stdio::null());
    // Hash maps draw their seeds from the system: nothing else differs from run to run.
    valgrind.env_clear();
    Ok(valgrind)
}

fn profile(path: &str) -> ExitCode {
    let out = format!("callgrind.{path}.out");
    let status = match callgrind(path, MANY, &out) {
        Ok(mut valgrind) => valgrind.status(),
        Err(why) => return fail(&why),
    };
    if !status.is_ok_and(|status| status.success()) {
        return fail("valgrind failed");
    }
    let shown = Command::new("callgrind_annotate").args(["--threshold=97", &out]).status();
    if shown.is_ok_and(|status| status.success()) {
        return ExitCode::SUCCESS;
    }
    fail(&format!("the profile is in {out}; callgrind_annotate cannot show it"))
}
