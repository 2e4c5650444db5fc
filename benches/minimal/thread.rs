//! What the least of a program with a loop is compared with: no loop. A thread adds, and a channel has the sum.

fn main() {
    let (answer, sum) = std::sync::mpsc::channel();
    let adding = std::thread::spawn(move || answer.send(41 + 1).expect("somebody who waits"));
    println!("{}", sum.recv().expect("a sum"));
    adding.join().expect("the thread that adds");
}
