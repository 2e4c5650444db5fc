//! Programs that run the kernel, with LLVM's instrumentation in them.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{fs, io};

/// One of them.
pub(crate) struct Part {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    /// What builds it.
    build: &'static [&'static str],
    /// The side of the switch.
    shuttle: bool,
    /// How each of its programs is called.
    run: Run,
}

enum Run {
    With(&'static [&'static str]),
    /// On the committed inputs of the target that it is named after, and on those that campaigns have found.
    Replay,
}

pub(crate) const PARTS: &[Part] = &[
    Part {
        name: "tests",
        about: "the kernel's tests",
        build: &["test", "--package", "loopgate", "--lib", "--test", "clauses", "--no-run"],
        shuttle: false,
        run: Run::With(&["--quiet"]),
    },
    Part {
        name: "machines",
        about: "the state machines",
        build: &["test", "--package", "loopgate-model-tests", "--test", "machines", "--no-run"],
        shuttle: false,
        run: Run::With(&["--quiet"]),
    },
    Part {
        name: "stress",
        about: "the models' bodies on real threads",
        build: &["build", "--package", "loopgate-model-tests", "--bin", "stress"],
        shuttle: false,
        run: Run::With(&["50"]),
    },
    Part {
        name: "models",
        about: "the models, explored by the second explorer",
        build: &[
            "build",
            "--profile",
            "models",
            "--package",
            "loopgate-model-tests",
            "--bin",
            "models",
        ],
        shuttle: true,
        run: Run::With(&[]),
    },
    Part {
        name: "fuzz",
        about: "the inputs of the fuzz targets",
        build: &["build", "--manifest-path", "fuzz/Cargo.toml", "--bins"],
        shuttle: false,
        run: Run::Replay,
    },
    Part {
        name: "schedules",
        about: "those with a schedule, by their schedules",
        build: &["build", "--manifest-path", "fuzz/Cargo.toml", "--bins"],
        shuttle: true,
        run: Run::Replay,
    },
];

impl Part {
    pub(crate) fn profiles(&self, root: &Path) -> PathBuf {
        root.join("target/coverage/profiles").join(self.name)
    }

    /// Builds its programs, and runs them unless an earlier run is to do; where they are.
    pub(crate) fn run(&self, root: &Path, anew: bool) -> io::Result<Vec<PathBuf>> {
        let profiles = self.profiles(root);
        if !anew {
            return self.build(root);
        }
        // Those of an earlier run are of other sources.
        let _ = fs::remove_dir_all(&profiles);
        fs::create_dir_all(&profiles)?;
        let programs = self.build(root)?;
        for program in &programs {
            self.run_one(root, program, &profiles)?;
        }
        Ok(programs)
    }

    fn run_one(&self, root: &Path, program: &Path, profiles: &Path) -> io::Result<()> {
        let mut calls: Vec<Vec<PathBuf>> = Vec::new();
        match self.run {
            Run::With(arguments) => calls.push(arguments.iter().map(PathBuf::from).collect()),
            Run::Replay => {
                let name = program.file_name().unwrap_or_default();
                let mut inputs = Vec::new();
                for folder in [
                    root.join("fuzz/corpus").join(name),
                    root.join("target/campaign").join(name).join("corpus"),
                ] {
                    let entries = fs::read_dir(folder).into_iter().flatten();
                    inputs.extend(entries.filter_map(|entry| Some(entry.ok()?.path())));
                }
                // Not too many for one command.
                calls.extend(inputs.chunks(500).map(<[PathBuf]>::to_vec));
            }
        }
        for arguments in calls {
            let mut command = Command::new(program);
            command.args(&arguments).current_dir(root.join("kernel"));
            command.env("LLVM_PROFILE_FILE", profiles.join("%p-%m.profraw"));
            let output = command.stdin(Stdio::null()).output()?;
            if !output.status.success() {
                let text = String::from_utf8_lossy(&output.stdout);
                return Err(io::Error::other(format!("{program:?} failed:\n{text}")));
            }
        }
        Ok(())
    }

    /// Builds its programs: those that cargo names.
    fn build(&self, root: &Path) -> io::Result<Vec<PathBuf>> {
        let mut flags = vec!["-Cinstrument-coverage", "-Zcoverage-options=branch"];
        if self.shuttle {
            flags.push("--cfg=shuttle");
        }
        let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.current_dir(root).args(self.build);
        command.args(["--quiet", "--locked", "--message-format", "json-render-diagnostics"]);
        let side = if self.shuttle { "shuttle" } else { "native" };
        command.arg("--target-dir").arg(root.join("target/coverage").join(side));
        command.args(["--config", &format!("build.rustflags={flags:?}")]);
        // Macros and build scripts are programs too.
        command.env("LLVM_PROFILE_FILE", root.join("target/coverage/of-builds/%m.profraw"));
        // Branches are counted by an unstable option, which every compiler has.
        command.env("RUSTC_BOOTSTRAP", "1").env_remove("RUSTFLAGS");
        let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output()?;
        if !output.status.success() {
            return Err(io::Error::other(format!("{} does not build", self.name)));
        }
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let executable = |line: &str| {
            let path = line.split_once("\"executable\":\"")?.1.split_once('"')?.0;
            Some(PathBuf::from(path))
        };
        Ok(text.lines().filter_map(executable).filter(|path| self.wants(path)).collect())
    }

    /// What tests start is built with them, and is not one of them. Only targets with a schedule can be replayed on the
    /// explorer's side, and the canary runs nothing.
    fn wants(&self, program: &Path) -> bool {
        use loopgate_model_tests::fuzzing::TARGETS;
        let name = program.file_name().unwrap_or_default();
        let target = TARGETS.iter().find(|target| name == target.name);
        match self.run {
            Run::With(_) if self.build.contains(&"--no-run") => {
                program.parent().is_some_and(|folder| folder.ends_with("deps"))
            }
            Run::With(_) => true,
            Run::Replay => target.is_some_and(|t| t.scheduled == self.shuttle && !t.canary),
        }
    }
}
