//! Seeds of drawn programs: few choices and many, of each shape.

use crate::drawn::{Drawn, Shape};

/// So many choices, of which no two programs have the same.
fn choices(number: u8, count: usize) -> Vec<u8> {
    let next = |last: &u8| Some(last.wrapping_mul(141).wrapping_add(2 * number + 3));
    std::iter::successors(Some(number), next).take(count).collect()
}

pub(super) fn all() -> Vec<(&'static str, Drawn)> {
    let drawn = |shape, number, count| Drawn { shape, choices: choices(number, count) };
    vec![
        ("turns_by_no_choice", drawn(Shape::Turns, 0, 0)),
        ("turns_by_few_choices", drawn(Shape::Turns, 1, 12)),
        ("turns_by_many_choices", drawn(Shape::Turns, 2, 200)),
        ("whole_by_no_choice", drawn(Shape::Whole, 0, 0)),
        ("whole_by_few_choices", drawn(Shape::Whole, 9, 12)),
        ("whole_by_many_choices", drawn(Shape::Whole, 4, 200)),
        ("quiet_by_few_choices", drawn(Shape::Quiet, 5, 24)),
        ("quiet_by_many_choices", drawn(Shape::Quiet, 6, 100)),
        ("futures_by_few_choices", drawn(Shape::Futures, 7, 12)),
        ("futures_by_many_choices", drawn(Shape::Futures, 8, 100)),
        (
            "found_a_cancel_between_two_runs",
            Drawn {
                shape: Shape::Whole,
                choices: vec![
                    1, 4, 103, 126, 113, 72, 179, 255, 255, 255, 6, 72, 179, 72, 179, 72, 179, 221,
                    179,
                ],
            },
        ),
    ]
}
