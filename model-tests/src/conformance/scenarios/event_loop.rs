//! S: running, stopping and closing.

use super::words::*;
use super::{Scenario, scenario};
use crate::spec::program::Op::{self, *};
use crate::spec::program::{Catch, Sleep, Stmt};

pub(super) fn scenarios() -> Vec<Scenario> {
    let mut all = stops();
    all.extend(runs());
    all.extend(nested());
    all.extend(exits());
    all.extend(single_iterations());
    all.extend(closed());
    all
}

fn stops() -> Vec<Scenario> {
    vec![
        scenario("s1_the_batch_ends", "S-1", "The batch in which a stop is requested is finished.")
            .thread(all([vec![NewLoop(0), soon(0), soon(1), RunForever(0), Mark(9)], turns(1)]))
            .callback([Mark(0), StopLocal(0), soon(2)])
            .callback([Mark(1)])
            .callback([Mark(2)]),
        scenario("s1_consumed", "S-1", "A stop ends one run and not the next.")
            .thread([NewLoop(0), soon(0), RunForever(0), Mark(9), soon(1), RunForever(0)])
            .callback([StopLocal(0)])
            .callback([Mark(1), soon(2)])
            .callback([Mark(2), StopLocal(0)]),
        scenario("s1_twice_in_a_batch", "S-1", "Two stops in one batch are one.")
            .thread([NewLoop(0), soon(0), soon(1), RunForever(0), Mark(9), soon(2), RunForever(0)])
            .callback([StopLocal(0)])
            .callback([StopLocal(0)])
            .callback([soon(3)])
            .callback([Mark(3), StopLocal(0)]),
        scenario("s2_before_the_run", "S-2", "A stop before the run ends it after one iteration.")
            .thread([NewLoop(0), soon(0), StopLocal(0), RunForever(0), Mark(9)])
            .callback([Mark(0), soon(1)])
            .callback([Mark(1)]),
        scenario("s2_with_nothing_to_do", "S-2", "Also if there is nothing to do.")
            .thread([NewLoop(0), later(9, 0), StopLocal(0), RunForever(0), Mark(9)])
            .marks(1),
        scenario(
            "s1_queued_work_survives",
            "S-1 Q-5",
            "What is queued at the stop runs in the next run.",
        )
        .thread(all([vec![NewLoop(0), soon(0)], turn().into(), vec![Mark(9), soon(2)], turns(1)]))
        .callback([Mark(0), soon(1)])
        .callback([Mark(1)])
        .callback([Mark(2)]),
        scenario("s1_timers_survive", "S-1 D-1", "So do timers.")
            .thread([NewLoop(0), later(1, 0), later(3, 1), RunForever(0), Mark(9), RunForever(0)])
            .callback([Mark(0), StopLocal(0)])
            .callback([Mark(1), StopLocal(0)]),
        scenario("s1_tasks_survive", "S-1 T-2", "And tasks that are suspended.")
            .thread([
                NewLoop(0),
                task(0),
                later(1, 0),
                RunForever(0),
                Mark(9),
                later(5, 1),
                RunForever(0),
            ])
            .coroutine([sleep(3), mark(1)])
            .callback([StopLocal(0)])
            .callback([StopLocal(0)]),
    ]
}

fn runs() -> Vec<Scenario> {
    vec![
        scenario("s4_value", "S-4", "`run_until_complete` returns the value.")
            .thread([NewLoop(0), run_until_complete(0)])
            .coroutine([sleep(2), Stmt::Return(7)]),
        scenario("s4_exception", "S-4 X-3", "Or the exception.")
            .thread([NewLoop(0), run_until_complete(0)])
            .coroutine([yields(), Stmt::Raise(1)]),
        scenario("s4_cancelled", "S-4 X-3", "A cancel stays a cancel.")
            .thread([NewLoop(0), run_until_complete(0)])
            .coroutine([Stmt::RaiseCancelled]),
        scenario("s4_stopped_early", "S-4", "A loop that is stopped first is an error.")
            .thread([NewLoop(0), later(1, 0), run_until_complete(0), Mark(9)])
            .coroutine([sleep(1000)])
            .callback([StopLocal(0)]),
        scenario(
            "s4_stopped_by_its_own_coroutine",
            "S-4 S-1",
            "The coroutine may stop the loop itself.",
        )
        .thread(all([vec![NewLoop(0), run_until_complete(0), Mark(9)], turns(2)]))
        .coroutine([run(StopLocal(0)), sleep(1000), mark(1)]),
        scenario(
            "s4_leaves_no_stop_behind",
            "S-4",
            "A coroutine that ends later stops no other run.",
        )
        .thread([
            NewLoop(0),
            later(1, 0),
            run_until_complete(0),
            later(5, 1),
            later(6, 2),
            RunForever(0),
        ])
        .coroutine([sleep(3), mark(9)])
        .callback([StopLocal(0)])
        .callback([Mark(1)])
        .callback([Mark(2), StopLocal(0)]),
        scenario("s4_twice", "S-4", "One run after the other.")
            .thread([NewLoop(0), run_until_complete(0), run_until_complete(1)])
            .coroutine([Stmt::Return(1)])
            .coroutine([Stmt::Return(2)]),
        scenario(
            "s4_other_work_goes_on_later",
            "S-4 S-1",
            "What is not done then goes on in the next run.",
        )
        .thread([NewLoop(0), task(1), run_until_complete(0), Mark(9), run_until_complete(2)])
        .coroutine([sleep(1), Stmt::Return(1)])
        .coroutine([sleep(2), mark(1)])
        .coroutine([sleep(3), Stmt::Return(2)]),
    ]
}

fn nested() -> Vec<Scenario> {
    vec![
        scenario("s3_runs_already", "S-3", "A loop that runs cannot be run.")
            .thread([NewLoop(0), soon(0), soon(1), RunForever(0), Mark(9)])
            .callback([RunForever(0), IsRunning(0)])
            .callback([Mark(1), StopLocal(0)]),
        scenario("s3_another_loop_runs", "S-3", "Nor another one in the same thread.")
            .thread([NewLoop(0), NewLoop(1), soon(0), soon(1), RunForever(0), Mark(9)])
            .callback([RunForever(1), IsRunning(0), IsRunning(1)])
            .callback([Mark(1), StopLocal(0)]),
        scenario("s3_the_other_loop_is_unharmed", "S-3", "The one that was refused runs later.")
            .thread([
                NewLoop(0),
                NewLoop(1),
                soon(0),
                RunForever(0),
                CallSoon { on: 1, callback: 1, handle: 1 },
                RunForever(1),
            ])
            .callback([RunForever(1), StopLocal(0)])
            .callback([Mark(1), StopLocal(1)]),
        scenario("s6_close_while_it_runs", "S-6", "A loop that runs cannot be closed.")
            .thread([NewLoop(0), soon(0), soon(1), RunForever(0), Close(0), IsClosed(0)])
            .callback([Close(0), IsClosed(0)])
            .callback([Mark(1), StopLocal(0)]),
    ]
}

fn exits() -> Vec<Scenario> {
    vec![
        scenario("s9_rest_of_the_batch", "S-9", "The rest of the batch stays queued in order.")
            .thread(all([
                vec![NewLoop(0), soon(0), soon(1), soon(2), RunForever(0), Mark(9)],
                turns(1),
            ]))
            .callback([Mark(0), Exit(3)])
            .callback([Mark(1)])
            .callback([Mark(2)]),
        scenario("s9_not_reported", "S-9 X-4", "An exit request is not reported as well.")
            .thread([NewLoop(0), recording(), soon(0), RunForever(0), Mark(9)])
            .callback([Exit(3)]),
        scenario("s9_of_a_coroutine", "S-9", "A coroutine may ask for it.")
            .thread([NewLoop(0), run_until_complete(0), IsRunning(0), Mark(9)])
            .coroutine([yields(), run(Exit(3))]),
        scenario("s9_no_stop_is_left", "S-9 S-4", "It leaves no stop behind.")
            .thread([NewLoop(0), run_until_complete(0), soon(0), RunForever(0)])
            .coroutine([run(Exit(3))])
            .callback([soon(1)])
            .callback([Mark(1), StopLocal(0)]),
        scenario(
            "s9_submitter_is_told",
            "S-9 U-1",
            "The submitter is told before the loop is left.",
        )
        .thread([NewLoop(0), submit(0), RunForever(0), result_now(0)])
        .coroutine([run(Exit(3))]),
        scenario("s9_of_a_task", "S-9", "Of any task, also after others.")
            .thread(all([
                vec![NewLoop(0), task(0), task(1), RunForever(0), Mark(9)],
                turns(2),
                vec![task_result(0), task_result(1)],
            ]))
            .coroutine([yields(), run(Exit(3))])
            .coroutine([yields(), mark(1)]),
        scenario("s9_of_a_timer", "S-9", "Or a timer.")
            .thread(all([
                vec![NewLoop(0), later(1, 0), later(1, 1), RunForever(0), Mark(9)],
                turns(1),
            ]))
            .callback([Exit(3)])
            .callback([Mark(1)]),
    ]
}

fn single_iterations() -> Vec<Scenario> {
    vec![
        scenario("s5_without_work", "S-5", "An iteration without work and sleep returns.")
            .thread([NewLoop(0), run_once(Sleep::Zero)]),
        scenario("s5_one_batch", "S-5 Q-2", "It runs one batch.")
            .thread([NewLoop(0), soon(0), run_once(Sleep::Forever), Mark(9), run_once(Sleep::Zero)])
            .callback([Mark(0), soon(1)])
            .callback([Mark(1)]),
        scenario("s5_no_longer_than_its_limit", "S-5 D-1", "It sleeps no longer than it may.")
            .thread([
                NewLoop(0),
                later(5, 0),
                run_once(Sleep::Units(2)),
                Mark(8),
                run_once(Sleep::Units(9)),
            ])
            .marks(1),
        scenario("s5_consumes_a_stop", "S-5 S-1", "It consumes a stop, and says so.")
            .thread([NewLoop(0), soon(0), run_once(Sleep::Zero), run_once(Sleep::Zero)])
            .callback([StopLocal(0)]),
        scenario("s5_exit", "S-5 S-9", "An exit request leaves it.")
            .thread([
                NewLoop(0),
                soon(0),
                soon(1),
                run_once(Sleep::Zero),
                Mark(9),
                run_once(Sleep::Zero),
            ])
            .callback([Exit(3)])
            .callback([Mark(1)]),
        scenario("s5_of_a_closed_loop", "S-5 S-8", "A closed loop has none.").thread([
            NewLoop(0),
            Close(0),
            run_once(Sleep::Zero),
        ]),
    ]
}

fn closed() -> Vec<Scenario> {
    let refused = |name: &str, then: Vec<Op>| {
        let ops = [vec![NewLoop(0), Close(0)], then].concat();
        scenario(name, "S-8", "A closed loop refuses it.").thread(ops)
    };
    vec![
        scenario("s6_twice", "S-6", "Closing a closed loop is no error.").thread([
            NewLoop(0),
            Close(0),
            Close(0),
            IsClosed(0),
        ]),
        scenario("s6_drops_what_is_queued", "S-6 C-8", "Callbacks, timers and tasks are dropped.")
            .thread([
                NewLoop(0),
                soon(0),
                later(1, 1),
                task(0),
                Close(0),
                AllTasks(0),
                task_result(0),
            ])
            .marks(2)
            .coroutine([mark(2)]),
        scenario(
            "s6_drops_suspended_tasks",
            "S-6",
            "So is what is suspended, without a further statement.",
        )
        .thread(all([vec![NewLoop(0), task(0)], turns(2), vec![Close(0), Mark(9)]]))
        .coroutine([catching(Catch::All, [mark(1), sleep(9)], [mark(2)])]),
        scenario("s7_dropped", "S-7 W-9", "A loop that is dropped is closed.")
            .thread([NewLoop(0), submit(0), DropLoop(0), result(0), post(0), IsClosed(0)])
            .coroutine([mark(1)])
            .marks(1),
        scenario("s7_end_of_its_thread", "S-7 U-1", "So is one whose thread has ended.")
            .thread([Start(1), Join(1), submit(0)])
            .thread([NewLoop(0)])
            .coroutine([mark(1)]),
        refused("s8_run_forever", vec![RunForever(0)]),
        refused("s8_run_until_complete", vec![run_until_complete(0)]).coroutine([mark(1)]),
        refused("s8_call_soon", vec![soon(0)]).marks(1),
        refused("s8_call_later", vec![later(1, 0)]).marks(1),
        refused("s8_call_at", vec![at(1, 0)]).marks(1),
        refused("s8_post", vec![post(0)]).marks(1),
        refused("s8_submit", vec![submit(0)]).coroutine([mark(1)]),
        refused("s8_create_task", vec![task(0)]).coroutine([mark(1)]),
        refused("s8_wrap_future", vec![NewPromise(0), wrap(0)]),
    ]
}
