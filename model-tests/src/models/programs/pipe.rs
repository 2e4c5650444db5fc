//! Of `pipe`. The spec knows no pipe that is full, interrupted, or drained in part: a post is run all the
//! same.

use super::*;

pub(in crate::models) use super::wakeup::post_races_sleep as post_and_run;

pub(in crate::models) fn post_to_an_idle_loop() -> Program {
    program([list![Op::NewLoop(0), Op::Start(1), Op::Join(1), turns(1)], list![post(0)]])
        .callback(list![Op::Mark(1)])
}
