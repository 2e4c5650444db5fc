//! LLVM's tools: where they are, and what they say of the profiles that instrumented programs have written.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::lines::Lines;
use crate::fuzzing::host;

/// The tools of the LLVM that the compiler has.
#[derive(Debug)]
pub struct Llvm {
    profdata: PathBuf,
    cov: PathBuf,
}

impl Llvm {
    /// Finds them: rustup's component, or the system's of the same version.
    ///
    /// # Errors
    /// There are none; says how to get them.
    pub fn find() -> io::Result<Llvm> {
        let text = |arguments: &[&str]| -> io::Result<String> {
            let output = Command::new("rustc").args(arguments).output()?;
            Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
        };
        let sysroot = PathBuf::from(text(&["--print", "sysroot"])?);
        let own = sysroot.join("lib/rustlib").join(host()?).join("bin");
        let verbose = text(&["-vV"])?;
        let version = verbose.lines().find_map(|line| line.strip_prefix("LLVM version: "));
        let major = version.and_then(|version| version.split('.').next()).unwrap_or_default();
        let system = Path::new("/usr/lib").join(format!("llvm-{major}/bin"));
        for folder in [own, system] {
            let (profdata, cov) = (folder.join("llvm-profdata"), folder.join("llvm-cov"));
            if profdata.is_file() && cov.is_file() {
                return Ok(Llvm { profdata, cov });
            }
        }
        Err(io::Error::other(format!(
            "no llvm-profdata and llvm-cov of LLVM {major}: run `rustup component add llvm-tools`, or install \
             the system's llvm-{major}"
        )))
    }

    /// What the profiles in a folder say of the files of `sources`, which the programs were built from.
    ///
    /// # Errors
    /// The tools cannot be run, or they fail: there are no profiles, or they are of other programs.
    pub fn lines(
        &self,
        profiles: &Path,
        programs: &[PathBuf],
        sources: &Path,
    ) -> io::Result<Lines> {
        let all: Vec<PathBuf> = std::fs::read_dir(profiles)?
            .map(|entry| Ok(entry?.path()))
            .collect::<io::Result<Vec<_>>>()?
            .into_iter()
            .filter(|path| path.extension().is_some_and(|extension| extension == "profraw"))
            .collect();
        let [first, others @ ..] = programs else {
            return Err(io::Error::other("no programs to report on"));
        };
        let merged = profiles.join("all.profdata");
        let list = profiles.join("list");
        let names: Vec<String> = all.iter().map(|path| path.display().to_string()).collect();
        std::fs::write(&list, names.join("\n"))?;
        let mut merge = Command::new(&self.profdata);
        merge.args(["merge", "-sparse", "-failure-mode=all", "-o"]).arg(&merged);
        output(merge.arg("-f").arg(&list))?;
        let mut export = Command::new(&self.cov);
        export.args(["export", "--format=lcov", "--instr-profile"]).arg(&merged).arg(first);
        for other in others {
            let mut object = OsString::from("--object=");
            object.push(other);
            export.arg(object);
        }
        let text = output(export.arg("--sources").arg(sources))?;
        Ok(Lines::parse(&text, sources))
    }
}

/// Has an instrumented fuzz target replay inputs, and write its profiles into a folder; whether each of them holds.
///
/// # Errors
/// It cannot be run.
pub fn replay(program: &Path, inputs: &[PathBuf], profiles: &Path) -> io::Result<bool> {
    let mut hold = true;
    // Not too many for one command.
    for some in inputs.chunks(500) {
        let mut replay = Command::new(program);
        replay.env("LLVM_PROFILE_FILE", profiles.join("%p.profraw")).args(some);
        replay.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        hold &= replay.status()?.success();
    }
    Ok(hold)
}

fn output(command: &mut Command) -> io::Result<String> {
    let output = command.output()?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(io::Error::other(format!("{command:?} failed:\n{text}")))
}
