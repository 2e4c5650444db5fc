//! The vectors as they should be, and whether those that are committed are.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::places::{self, Places};
use crate::conformance::runtime::logs;
use crate::conformance::scenarios::{self, Scenario};
use crate::conformance::vector::Vector;
use crate::spec::outcomes;

/// Writes every vector, and removes what is none of them.
pub(super) fn write(places: &Places) -> Result<(), String> {
    let texts = texts()?;
    for path in files(&places.vectors) {
        if !texts.contains_key(&path) {
            let path = places.vectors.join(path);
            fs::remove_file(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        }
    }
    for (path, text) in &texts {
        places::write(&places.vectors.join(path), text)?;
    }
    println!("{} vectors", texts.len());
    Ok(())
}

/// Compares the vectors of a folder with what the spec says today.
///
/// # Errors
/// Which are not the same, are missing, or should not be there.
pub fn drifted(folder: &Path) -> Result<usize, String> {
    let texts = texts()?;
    let mut wrong = Vec::new();
    for (path, text) in &texts {
        match fs::read_to_string(folder.join(path)) {
            Ok(committed) if committed == *text => {}
            Ok(_) => wrong.push(format!("{} is not what the spec says", path.display())),
            Err(_) => wrong.push(format!("{} is missing", path.display())),
        }
    }
    let surplus = files(folder).into_iter().filter(|path| !texts.contains_key(path));
    wrong.extend(surplus.map(|path| format!("{} belongs to no scenario", path.display())));
    if wrong.is_empty() {
        return Ok(texts.len());
    }
    wrong.push("`cargo conformance --write` writes them anew; look at the diff".into());
    Err(wrong.join("\n"))
}

/// The text of every vector, by its path.
fn texts() -> Result<BTreeMap<PathBuf, String>, String> {
    let scenarios = scenarios::all();
    let next = AtomicUsize::new(0);
    let done = Mutex::new((BTreeMap::new(), Vec::new()));
    let workers = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some(scenario) = scenarios.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let vector = vector(scenario);
                    let mut done = done.lock().expect("nothing panics under it");
                    match vector {
                        Ok(vector) => {
                            if done.0.insert(vector.path(), vector.text()).is_some() {
                                done.1.push(format!("{} is there twice", vector.name));
                            }
                        }
                        Err(why) => done.1.push(format!("{}: {why}", scenario.name)),
                    }
                }
            });
        }
    });
    let (texts, wrong) = done.into_inner().expect("nothing panics under it");
    if wrong.is_empty() { Ok(texts) } else { Err(wrong.join("\n")) }
}

fn vector(scenario: &Scenario) -> Result<Vector, String> {
    let Scenario { name, clauses, about, program } = scenario.clone();
    let outcomes = outcomes(&program).map_err(|error| error.to_string())?;
    let allowed = outcomes.allowed.iter().map(logs).collect();
    Ok(Vector { name, clauses, about, program, allowed })
}

/// The JSON files of a folder, as paths from there; none if there is no such folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(inside) = path.strip_prefix(folder) {
                found.push(inside.to_owned());
            }
        }
    }
    found
}
