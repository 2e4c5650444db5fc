//! Writes the seeds of the library to the committed corpus, and removes files that it does not name.

use std::path::Path;
use std::{fs, io};

use loopgate_fuzz::seeds;

fn main() -> io::Result<()> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus/loop_program");
    let seeds = seeds::all();
    fs::create_dir_all(&corpus)?;
    for entry in fs::read_dir(&corpus)? {
        let entry = entry?;
        let name = entry.file_name();
        let named = name.to_str().is_some_and(|name| name.contains('_'));
        // The fuzzer's own finds have a hash for a name, and are not committed.
        if named && !seeds.iter().any(|(seed, _)| *name == **seed) {
            fs::remove_file(entry.path())?;
        }
    }
    for (name, program) in &seeds {
        fs::write(corpus.join(name), program.encode())?;
    }
    println!("{} programs in {}", seeds.len(), corpus.display());
    Ok(())
}
