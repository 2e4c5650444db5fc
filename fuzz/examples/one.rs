//! Scratch: runs one file.
fn main() {
    let bytes = std::fs::read(std::env::args().nth(1).unwrap()).unwrap();
    let mut program = loopgate_fuzz::Program::decode(&bytes).unwrap();
    let fails = |p: &loopgate_fuzz::Program| loopgate_fuzz::check(p).err();
    let Some(first) = fails(&program) else { println!("passes: {program:?}"); return };
    println!("{first}");
    loop {
        let mut smaller = None;
        for i in 0..program.ops.len() {
            let mut p = program.clone();
            p.ops.remove(i);
            if fails(&p).is_some() { smaller = Some(p); break; }
        }
        match smaller { Some(p) => program = p, None => break }
    }
    println!("{:?}\n{}", program, fails(&program).unwrap());
}
