//! Seeds of the hostile pipe: every fault by itself, and all of them.

use PosterOp::{Burst, End, Post, Stop, Submit, SubmitAndCancel};

use crate::pipe::{Faults, HostilePipe, PosterOp};
use crate::schedule::Scheduled;

pub(super) fn all() -> Vec<(&'static str, Scheduled<HostilePipe>)> {
    let nobody = [End, End, End, End];
    let input = |faults, posters, schedule: &[u8]| Scheduled {
        program: HostilePipe { faults: Faults(faults), posters },
        schedule: schedule.to_vec(),
    };
    vec![
        (
            "one_poster_and_no_faults",
            input(0, [[Post, Submit, Stop, Post], nobody.clone(), nobody.clone()], &[]),
        ),
        (
            "writes_fail_under_two_posters",
            input(
                1,
                [[Post, Post, Stop, End], [Post, SubmitAndCancel, End, End], nobody.clone()],
                &[1, 0, 1, 1, 0, 255, 0, 1],
            ),
        ),
        (
            "the_pipe_breaks_while_the_loop_sleeps",
            input(
                2,
                [[Submit, Post, End, End], [Burst, End, End, End], nobody.clone()],
                &[0, 0, 255, 1, 0, 255],
            ),
        ),
        (
            "interrupts_and_bytes_that_stay",
            input(
                0b1101_1100,
                [[Burst, Post, End, End], [Burst, Stop, End, End], [Post, Post, Post, Post]],
                &[255, 1, 2, 0, 255, 1, 0, 2],
            ),
        ),
        (
            "everything_at_once",
            input(
                0b0101_1111,
                [
                    [Post, SubmitAndCancel, Stop, Burst],
                    [Submit, Stop, Post, Post],
                    [Burst, Burst, End, End],
                ],
                &[1, 2, 170, 1, 0, 85, 2, 1, 204, 0, 1, 51, 2],
            ),
        ),
        (
            "found_a_stop_when_nobody_runs_the_loop",
            input(1, [nobody.clone(), nobody.clone(), nobody], &[158, 116, 127, 0, 0, 1]),
        ),
    ]
}
