//! D: deadlines, ties, and timers that are cancelled.

use super::words::*;
use super::{Scenario, scenario};
use crate::spec::program::Op::{self, *};
use crate::spec::program::Sleep;

pub(super) fn scenarios() -> Vec<Scenario> {
    let mut all = orders();
    all.extend(ties());
    all.extend(deadlines());
    all.extend(cancelled());
    all.extend(of_threads());
    all
}

/// The callback after those before it, which ends the run.
fn stop_after(count: u8) -> [Op; 2] {
    [Mark(count), StopLocal(0)]
}

/// Three timers, set in every order of their deadlines.
fn orders() -> Vec<Scenario> {
    const ORDERS: [[u8; 3]; 6] = [[1, 2, 3], [1, 3, 2], [2, 1, 3], [2, 3, 1], [3, 1, 2], [3, 2, 1]];
    let order = |[a, b, c]: [u8; 3]| {
        let set = |delay: u8| later(u32::from(delay), delay - 1);
        scenario(
            format!("d1_set_in_order_{a}{b}{c}"),
            "D-1 D-2",
            "Timers fire by their deadlines, in whatever order they were set.",
        )
        .thread([NewLoop(0), set(a), set(b), set(c), later(9, 3), RunForever(0)])
        .marks(3)
        .callback(stop_after(3))
    };
    ORDERS.into_iter().map(order).collect()
}

/// Timers of one deadline, so many.
fn ties() -> Vec<Scenario> {
    let equal = |count: u8| {
        let mut ops = vec![NewLoop(0)];
        ops.extend((0..count).map(|number| later(3, number)));
        ops.extend([later(4, count), RunForever(0)]);
        scenario(
            format!("d2_{count}_equal_timers"),
            "D-2",
            "Timers of one deadline fire in the order in which they were set.",
        )
        .thread(ops)
        .marks(count)
        .callback(stop_after(count))
    };
    let mut all: Vec<Scenario> = (2..=8).map(equal).collect();
    all.push(
        scenario(
            "d2_ties_of_both_kinds",
            "D-2",
            "`call_at` and `call_later` of one deadline tie too.",
        )
        .thread([
            NewLoop(0),
            at(3, 0),
            later(3, 1),
            at(3, 2),
            later(3, 3),
            at(3, 4),
            later(4, 5),
            RunForever(0),
        ])
        .marks(5)
        .callback(stop_after(5)),
    );
    all.push(
        scenario("d2_ties_set_later", "D-2", "So do timers set at different times.")
            .thread([NewLoop(0), later(4, 0), later(1, 1), later(5, 3), RunForever(0)])
            .callback([Mark(0)])
            .callback([Mark(1), later(3, 2)])
            .callback([Mark(2)])
            .callback(stop_after(3)),
    );
    all
}

fn deadlines() -> Vec<Scenario> {
    let busy = |units| Busy { on: 0, units };
    vec![
        scenario(
            "d1_not_before_its_deadline",
            "D-1 S-5",
            "An iteration that ends earlier fires nothing.",
        )
        .thread([
            NewLoop(0),
            later(5, 0),
            run_once(Sleep::Units(4)),
            Mark(8),
            run_once(Sleep::Units(4)),
            Mark(9),
        ])
        .marks(1),
        scenario("d1_at_its_deadline", "D-1", "A timer is due at its very deadline.")
            .thread([NewLoop(0), later(5, 0), busy(5), run_once(Sleep::Zero), Mark(9)])
            .marks(1),
        scenario("d1_one_unit_early", "D-1", "And not a unit before.")
            .thread([NewLoop(0), later(5, 0), busy(4), run_once(Sleep::Zero), Mark(9)])
            .marks(1),
        scenario(
            "d1_sleeps_until_the_first",
            "D-1 H-1",
            "The sleep ends for the first live timer.",
        )
        .thread([
            NewLoop(0),
            later(1, 0),
            later(3, 1),
            CancelHandle(0),
            run_once(Sleep::Forever),
            Mark(9),
        ])
        .marks(2),
        scenario("d1_all_that_are_due", "D-1 D-2", "One iteration fires everything that is due.")
            .thread(all([
                vec![NewLoop(0), later(3, 0), later(1, 1), later(2, 2), busy(3)],
                turns(1),
            ]))
            .marks(3),
        scenario("d1_a_far_timer", "D-1", "A timer of days does not keep a near one from firing.")
            .thread([NewLoop(0), later(1_000_000, 0), later(1, 1), RunForever(0)])
            .callback([Mark(0)])
            .callback(stop_after(1)),
        scenario("d6_no_delay", "D-6", "A timer without a delay fires in the next iteration.")
            .thread(all([vec![NewLoop(0), later(0, 0), Mark(8)], turn().into(), vec![Mark(9)]]))
            .marks(1),
        scenario("d6_passed_deadline", "D-6", "So does one whose deadline has passed.")
            .thread(all([
                vec![NewLoop(0), busy(5), at(2, 0), Mark(8)],
                turn().into(),
                vec![Mark(9)],
            ]))
            .marks(1),
        scenario(
            "d6_passed_deadlines_by_deadline",
            "D-6 D-2",
            "Those that have passed fire by deadline.",
        )
        .thread(all([vec![NewLoop(0), busy(5), at(3, 0), at(1, 1), at(2, 2)], turns(1)]))
        .marks(3),
        scenario(
            "d6_set_by_a_timer",
            "D-6 Q-2",
            "A timer without a delay, set by one that fires, waits.",
        )
        .thread(all([vec![NewLoop(0), later(0, 0)], turn().into(), vec![Mark(9)], turns(1)]))
        .callback([Mark(0), later(0, 1)])
        .callback([Mark(1)]),
        scenario(
            "d1_delay_counts_from_the_call",
            "D-1",
            "A delay begins where the callback stands.",
        )
        .thread([NewLoop(0), soon(0), later(4, 2), RunForever(0)])
        .callback([busy(2), later(1, 1)])
        .callback([Mark(1)])
        .callback(stop_after(2)),
    ]
}

fn cancelled() -> Vec<Scenario> {
    let busy = |units| Busy { on: 0, units };
    vec![
        scenario(
            "d4_due_and_cancelled_by_a_callback",
            "D-4 H-1",
            "A callback of its batch cancels it.",
        )
        .thread(all([vec![NewLoop(0), later(1, 0), busy(1), soon(1)], turns(2)]))
        .callback([Mark(0)])
        .callback([Mark(1), CancelHandle(0)]),
        scenario(
            "d4_due_and_cancelled_by_a_timer",
            "D-4 H-1",
            "A timer that fires first cancels it.",
        )
        .thread(all([vec![NewLoop(0), later(1, 0), later(2, 1), busy(2)], turns(2)]))
        .callback([Mark(0), CancelHandle(1)])
        .callback([Mark(1)]),
        scenario(
            "d5_most_are_cancelled",
            "D-5 H-1",
            "Cancelled timers leave the others as they are.",
        )
        .thread(all([
            vec![NewLoop(0)],
            (0..8).map(|number| later(u32::from(number) + 1, number)).collect(),
            [0, 1, 2, 4, 5, 6].map(CancelHandle).into(),
            vec![later(9, 8), RunForever(0)],
        ]))
        .marks(8)
        .callback(stop_after(8)),
        scenario("d5_ties_among_cancelled", "D-5 D-2", "Nor do they change the order of a tie.")
            .thread(all([
                vec![NewLoop(0)],
                (0..6).map(|number| later(2, number)).collect(),
                [0, 2, 3].map(CancelHandle).into(),
                vec![later(3, 6), RunForever(0)],
            ]))
            .marks(6)
            .callback(stop_after(6)),
    ]
}

fn of_threads() -> Vec<Scenario> {
    vec![
        scenario("d7_timer_of_a_thread", "D-7 W-2", "Another thread sets a timer on an idle loop.")
            .thread([NewLoop(0), Start(1), RunForever(0), Join(1)])
            .thread([post_later(2, 0)])
            .callback([Mark(0), StopLocal(0)]),
        scenario("d7_timer_on_a_closed_loop", "D-7 S-8", "Setting it is refused.")
            .thread([NewLoop(0), Close(0), Start(1), Join(1)])
            .thread([post_later(2, 0)])
            .marks(1),
        scenario(
            "d7_ties_of_two_threads",
            "D-7 D-2",
            "A tie with a timer of the loop's own thread.",
        )
        .thread([NewLoop(0), later(2, 0), Start(1), Join(1), later(3, 2), RunForever(0)])
        .thread([post_later(2, 1)])
        .marks(2)
        .callback(stop_after(2)),
    ]
}
