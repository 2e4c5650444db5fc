//! Takes out of a program whatever is not needed for what it shows.

use crate::spec::Program;
use crate::spec::program::Stmt;

/// The smallest program that still shows something: no part of it can be left out any more.
#[must_use]
pub fn smallest(mut program: Program, shows: &mut dyn FnMut(&Program) -> bool) -> Program {
    // From behind: what stands later is more often not needed.
    while let Some(smaller) = candidates(&program).into_iter().rev().find(|other| shows(other)) {
        program = smaller;
    }
    program
}

/// The program with one thing less, in every way.
fn candidates(program: &Program) -> Vec<Program> {
    let mut all = Vec::new();
    for pick in [threads, callbacks, works] {
        for list in 0..pick(&mut program.clone()).len() {
            for at in 0..pick(&mut program.clone())[list].len() {
                let mut other = program.clone();
                pick(&mut other)[list].remove(at);
                all.push(other);
            }
        }
    }
    for (script, block) in program.coroutines.iter().enumerate() {
        for block in smaller(block) {
            let mut other = program.clone();
            other.coroutines[script] = block;
            all.push(other);
        }
    }
    for pick in [callbacks, works] {
        // A number that nothing names any more can go if it is the last.
        let mut other = program.clone();
        if pick(&mut other).pop().is_some() {
            all.push(other);
        }
    }
    let mut other = program.clone();
    if other.coroutines.pop().is_some() {
        all.push(other);
    }
    all
}

type Lists = Vec<Vec<crate::spec::program::Op>>;

fn threads(program: &mut Program) -> &mut Lists {
    &mut program.threads
}

fn callbacks(program: &mut Program) -> &mut Lists {
    &mut program.callbacks
}

fn works(program: &mut Program) -> &mut Lists {
    &mut program.works
}

/// Every block with one statement less, or with what is inside it in its place.
fn smaller(block: &[Stmt]) -> Vec<Vec<Stmt>> {
    let mut all = Vec::new();
    for (at, stmt) in block.iter().enumerate() {
        let with = |new: Vec<Stmt>| {
            let mut other = block.to_vec();
            other.splice(at..=at, new);
            other
        };
        let mut inside = |body: &[Stmt], wrap: &dyn Fn(Vec<Stmt>) -> Stmt| {
            all.push(with(body.to_vec()));
            all.extend(smaller(body).into_iter().map(|body| with(vec![wrap(body)])));
        };
        match stmt.clone() {
            Stmt::Timeout { after, body } => inside(&body, &|body| Stmt::Timeout { after, body }),
            Stmt::Finally { body, last } => {
                inside(&body, &|body| Stmt::Finally { body, last: last.clone() });
                inside(&last, &|last| Stmt::Finally { body: body.clone(), last });
            }
            Stmt::Try { body, catch, handler, again } => {
                inside(&body, &|body| {
                    let handler = handler.clone();
                    Stmt::Try { body, catch, handler, again }
                });
                inside(&handler, &|handler| {
                    let body = body.clone();
                    Stmt::Try { body, catch, handler, again }
                });
            }
            _ => {}
        }
        all.push(with(vec![]));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::program::{Catch, Op};

    #[test]
    fn what_is_not_needed_goes() {
        let mark = |number| Stmt::Do(Op::Mark(number));
        let body = vec![mark(1), Stmt::Finally { body: vec![mark(2)], last: vec![mark(3)] }];
        let handler = vec![mark(4)];
        let program = Program {
            threads: vec![vec![Op::NewLoop(0), Op::Mark(5)]],
            callbacks: vec![vec![Op::Mark(6)]],
            coroutines: vec![vec![
                Stmt::Try { body, catch: Catch::All, handler, again: true },
                mark(7),
            ]],
            ..Program::default()
        };
        let small = smallest(program, &mut |program| format!("{program:?}").contains("Mark(3)"));
        let least = Program {
            threads: vec![vec![]],
            coroutines: vec![vec![mark(3)]],
            ..Program::default()
        };
        assert_eq!(small, least);
    }
}
