//! Programs that run the kernel, with LLVM's instrumentation in them.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{fs, io};

use loopgate_model_tests::coverage::replay;
use loopgate_model_tests::fuzzing::{self, Flavour, TARGETS};

/// Some of them.
pub(crate) struct Part {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    what: What,
}

enum What {
    /// What `cargo` builds by these arguments, which are called with those; in the models' profile on the explorer's side.
    Cargo { build: &'static [&'static str], run: &'static [&'static str], shuttle: bool },
    /// Fuzz targets: what they are given is replayed.
    Fuzz { scheduled: bool },
}

pub(crate) const PARTS: &[Part] = &[
    Part {
        name: "tests",
        about: "the kernel's tests",
        what: What::Cargo {
            build: &["test", "--package", "loopgate", "--lib", "--test", "clauses", "--no-run"],
            run: &["--quiet"],
            shuttle: false,
        },
    },
    Part {
        name: "machines",
        about: "the state machines",
        what: What::Cargo {
            build: &["test", "--package", "loopgate-model-tests", "--test", "machines", "--no-run"],
            run: &["--quiet"],
            shuttle: false,
        },
    },
    Part {
        name: "stress",
        about: "the models' bodies on real threads",
        what: What::Cargo {
            build: &["build", "--package", "loopgate-model-tests", "--bin", "stress"],
            run: &["50"],
            shuttle: false,
        },
    },
    Part {
        name: "models",
        about: "the models, explored by the second explorer",
        what: What::Cargo {
            build: &[
                "build",
                "--profile",
                "models",
                "-p",
                "loopgate-model-tests",
                "--bin",
                "models",
            ],
            run: &[],
            shuttle: true,
        },
    },
    Part {
        name: "fuzz",
        about: "the inputs of the fuzz targets, committed or found here",
        what: What::Fuzz { scheduled: false },
    },
    Part {
        name: "schedules",
        about: "those with a schedule, by their schedules",
        what: What::Fuzz { scheduled: true },
    },
];

impl Part {
    pub(crate) fn profiles(&self, root: &Path) -> PathBuf {
        root.join("target/coverage/profiles").join(self.name)
    }

    /// Builds its programs and runs them; where they are.
    pub(crate) fn run(&self, root: &Path) -> io::Result<Vec<PathBuf>> {
        let profiles = self.profiles(root);
        // Those of an earlier run are of other sources.
        let _ = fs::remove_dir_all(&profiles);
        fs::create_dir_all(&profiles)?;
        match self.what {
            What::Cargo { build, run, shuttle } => {
                let programs = executables(root, build, shuttle)?;
                for program in &programs {
                    call(root, program, run, &profiles)?;
                }
                Ok(programs)
            }
            What::Fuzz { scheduled } => replay_all(root, scheduled, &profiles),
        }
    }
}

fn call(root: &Path, program: &Path, arguments: &[&str], profiles: &Path) -> io::Result<()> {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(root.join("kernel")).stdin(Stdio::null());
    let output = command.env("LLVM_PROFILE_FILE", profiles.join("%p-%m.profraw")).output()?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stdout);
    Err(io::Error::other(format!("{program:?} failed:\n{text}")))
}

/// Builds what cargo is told to, and takes from its messages where that is.
fn executables(root: &Path, build: &[&str], shuttle: bool) -> io::Result<Vec<PathBuf>> {
    let mut flags = vec!["-Cinstrument-coverage", "-Zcoverage-options=branch"];
    if shuttle {
        flags.push("--cfg=shuttle");
    }
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root).args(build);
    command.args(["--quiet", "--locked", "--message-format", "json-render-diagnostics"]);
    let side = if shuttle { "shuttle" } else { "native" };
    command.arg("--target-dir").arg(root.join("target/coverage").join(side));
    command.args(["--config", &format!("build.rustflags={flags:?}")]);
    // Macros and build scripts are programs too.
    command.env("LLVM_PROFILE_FILE", root.join("target/coverage/of-builds/%m.profraw"));
    // Branches are counted by an unstable option, which every compiler has.
    command.env("RUSTC_BOOTSTRAP", "1").env_remove("RUSTFLAGS");
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err(io::Error::other(format!("cargo {} failed", build.join(" "))));
    }
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let executable = |line: &str| {
        let path = line.split_once("\"executable\":\"")?.1.split_once('"')?.0;
        Some(PathBuf::from(path))
    };
    // What tests start is built with them, and is not one of them.
    let wanted = |path: &PathBuf| {
        build[0] != "test" || path.parent().is_some_and(|folder| folder.ends_with("deps"))
    };
    Ok(text.lines().filter_map(executable).filter(wanted).collect())
}

/// Replays what each target is given: what is committed, and what campaigns have found.
fn replay_all(root: &Path, scheduled: bool, profiles: &Path) -> io::Result<Vec<PathBuf>> {
    // The canary runs nothing of the kernel.
    let targets = TARGETS.iter().filter(|target| target.scheduled == scheduled && !target.canary);
    let names: Vec<&str> = targets.map(|target| target.name).collect();
    let flavour =
        Flavour { fuzzing: false, covered: true, hasty: true, scheduled, ..Flavour::PLAIN };
    let (mut command, folder) = fuzzing::build(root, &root.join("target/fuzz"), flavour, &names)?;
    if !command.status()?.success() {
        return Err(io::Error::other("the fuzz targets do not build"));
    }
    for name in &names {
        let mut inputs = Vec::new();
        let (committed, found) = (root.join("fuzz/corpus"), root.join("target/campaign"));
        for given in [committed.join(name), found.join(name).join("corpus")] {
            // Who has run no campaign has found nothing.
            let entries = fs::read_dir(given).into_iter().flatten();
            inputs.extend(entries.filter_map(|entry| Some(entry.ok()?.path())));
        }
        if !replay(&folder.join(name), &inputs, profiles)? {
            return Err(io::Error::other(format!("an input of {name} fails")));
        }
    }
    Ok(names.iter().map(|name| folder.join(name)).collect())
}
