//! Scratch: time per program.
fn main() {
    let dir = std::env::args().nth(1).unwrap();
    let programs: Vec<_> = std::fs::read_dir(dir).unwrap().filter_map(|f| loopgate_fuzz::Program::decode(&std::fs::read(f.unwrap().path()).unwrap())).collect();
    let mut slow: Vec<(f64, usize, usize)> = vec![];
    let t = std::time::Instant::now();
    for (i, p) in programs.iter().enumerate() {
        let t = std::time::Instant::now();
        let _ = loopgate_fuzz::check(p);
        slow.push((t.elapsed().as_secs_f64()*1e6, p.ops.len(), i));
    }
    println!("{} programs, {:.1} us each", programs.len(), t.elapsed().as_secs_f64()*1e6/programs.len() as f64);
    slow.sort_by(|a,b| b.0.total_cmp(&a.0));
    println!("{:?} median {:?}", &slow[..5], slow[slow.len()/2]);
    println!("{:?}", programs[slow[0].2]);
}
