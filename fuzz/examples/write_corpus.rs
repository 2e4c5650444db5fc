//! Writes the seeds of the library to the committed corpora. Files that are no input of the present version any
//! more are removed; inputs that a campaign has added stay.

use std::{fs, io};

use loopgate_fuzz::{corpus, seeds};

fn main() -> io::Result<()> {
    for target in corpus::TARGETS {
        let folder = corpus::folder(target.name);
        fs::create_dir_all(&folder)?;
        for (name, bytes) in corpus::committed(target.name)? {
            if (target.again)(&bytes) != Some(bytes) {
                fs::remove_file(folder.join(name))?;
            }
        }
        let seeds = seeds::of(target.name);
        for seed in &seeds {
            fs::write(folder.join(seed.name), &seed.bytes)?;
        }
        println!("{} seeds in {}", seeds.len(), folder.display());
    }
    Ok(())
}
