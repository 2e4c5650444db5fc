//! Random programs: what agrees, and that whoever does something else is found.

use loopgate_model_tests::conformance::differential::{
    Difference, Differential, ENOUGH, Reference, Side, Tally,
};
use loopgate_model_tests::spec::program::Op;
use loopgate_model_tests::spec::{Program, Seeded};

const KIT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/conformance");

fn kernel() -> Vec<String> {
    [env!("CARGO_BIN_EXE_conformance"), "--serve", "kernel"].map(String::from).to_vec()
}

fn asyncio() -> Vec<String> {
    ["python3", "drivers/asyncio_driver.py"].map(String::from).to_vec()
}

fn compare(
    programs: u64,
    sides: &[(Side, Vec<String>)],
    reference: Reference,
) -> Result<Tally, Box<Difference>> {
    let sides = sides.iter().map(|(side, command)| (*side, command.clone(), KIT.into())).collect();
    Differential { programs, seed: 1, sides, reference }.run()
}

#[test]
fn the_kernel_and_asyncio_agree_with_the_spec_and_its_habits() {
    let sides = [(Side::Kernel, kernel()), (Side::Asyncio, asyncio())];
    let tally = compare(400, &sides, Reference::default())
        .unwrap_or_else(|difference| panic!("{difference:?}"));
    assert_eq!(tally.programs(), 400);
    assert!(tally.asked > 200, "asyncio was asked {} only", tally.asked);
    // The differences that SPEC.md declares show.
    assert!(tally.different > 50, "asyncio is different in {} only", tally.different);
    assert!(tally.habits.len() > 5, "{:?}", tally.habits);
    // The same seeds, the same programs.
    let again = compare(400, &sides[..1], Reference::default()).unwrap();
    assert_eq!(again.kinds, tally.kinds);
    assert_eq!(again.reach, tally.reach);
    assert!(tally.programs() < ENOUGH && !Tally::default().missing().is_empty());
}

fn found(sides: &[(Side, Vec<String>)], reference: Reference) -> Box<Difference> {
    compare(400, sides, reference).expect_err("it does something else")
}

fn length(program: &Program) -> usize {
    program.threads.iter().chain(&program.callbacks).map(Vec::len).sum()
}

#[test]
fn who_does_not_do_what_is_expected_is_found_and_made_small() {
    // asyncio in the place of the kernel: it has habits.
    let difference = found(&[(Side::Kernel, asyncio())], Reference::default());
    assert_eq!(difference.side, Side::Kernel);
    assert!(length(&difference.smallest.program) < length(&difference.drawn.program));
    assert!(length(&difference.smallest.program) <= 8, "{:?}", difference.smallest);
    // And the kernel in the place of asyncio: it has none, and where SPEC.md differs that has to show.
    let difference = found(&[(Side::Asyncio, kernel())], Reference::default());
    assert_eq!(difference.side, Side::Asyncio);
    assert!(length(&difference.smallest.program) <= 8, "{:?}", difference.smallest);
}

#[test]
fn a_mistake_of_the_spec_is_found_and_made_small() {
    let sides = [(Side::Kernel, kernel())];
    let difference = found(&sides, Seeded::HandlerTwice.into());
    let program = &difference.smallest.program;
    assert!(length(program) <= 6, "{program:?}");
    let handler = |op: &Op| matches!(op, Op::SetHandler { .. });
    assert!(program.threads[0].iter().any(handler), "{program:?}");
    assert!(difference.observed.contains("reported"), "{}", difference.observed);
}
