//! Each script in `conformance/hazards` shows a hazard of asyncio, with the CPython that is installed.

use std::path::Path;
use std::process::Command;

#[test]
fn every_hazard_shows() {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/conformance/hazards"));
    let findings = include_str!("../../../FINDINGS.md");
    let mut wrong = Vec::new();
    let mut scripts = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "py") {
            continue;
        }
        scripts += 1;
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let output = Command::new("python3").args(["-W", "ignore"]).arg(&path).output().unwrap();
        if !output.status.success() {
            let stderr = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            wrong.push(format!("{name} does not show ({}): {stderr}", output.status));
        }
        if !findings.contains(&format!("`{name}`")) {
            wrong.push(format!("{name} is not in FINDINGS.md"));
        }
    }
    assert!(scripts >= 20, "only {scripts} scripts");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
