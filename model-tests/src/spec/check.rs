//! Reads a program before it is run: everything that can be said of it without running it.
//!
//! What depends on the interleaving, such as a slot that is empty when it is named, is found by the spec
//! when it runs the program.

use std::fmt;

use super::program::{
    Awaited, Coroutine, Local, MAX_LOOPS, MAX_SLOTS, MAX_THREADS, Op, Program, Stmt, VERSION,
};

/// Why a program cannot be run by anybody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// Where: a list, and a place in it.
    pub place: String,
    /// What is wrong there.
    pub what: String,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "malformed program, {}: {}", self.place, self.what)
    }
}

impl std::error::Error for Malformed {}

/// Who runs a list of operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Runner {
    Thread,
    Callback,
    Coroutine,
    Work,
}

/// Which group of operations one belongs to; see [`Op`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// Any thread may do it.
    Anywhere,
    /// The loop's thread.
    Loop,
    /// The owner's own list.
    Owner,
}

fn variant(value: Result<serde_json::Value, serde_json::Error>) -> String {
    match value {
        Ok(serde_json::Value::String(name)) => name,
        Ok(serde_json::Value::Object(fields)) => fields.keys().next().cloned().unwrap_or_default(),
        other => unreachable!("an enum of operations serializes as its variant: {other:?}"),
    }
}

impl Op {
    /// Its name in a program's JSON form, by which a runtime says that it cannot do it.
    #[must_use]
    pub fn name(&self) -> String {
        variant(serde_json::to_value(self))
    }

    /// Where it may be done.
    #[must_use]
    pub fn group(&self) -> Group {
        match self {
            Op::NewLoop(_)
            | Op::RunForever(_)
            | Op::RunUntilComplete { .. }
            | Op::RunOnce { .. }
            | Op::Close(_)
            | Op::DropLoop(_) => Group::Owner,
            Op::Busy { .. }
            | Op::CallSoon { .. }
            | Op::CallLater { .. }
            | Op::CallAt { .. }
            | Op::CreateTask { .. }
            | Op::NewFuture { .. }
            | Op::WrapFuture { .. }
            | Op::RunInExecutor { .. }
            | Op::SetLoopResult { .. }
            | Op::SetLoopException { .. }
            | Op::DropLoopPromise(_)
            | Op::CancelLocal(_)
            | Op::Uncancel(_)
            | Op::Cancelling(_)
            | Op::QueryLocal { .. }
            | Op::ResultLocal(_)
            | Op::OnDoneLocal { .. }
            | Op::Forget(_)
            | Op::AllTasks(_)
            | Op::StopLocal(_)
            | Op::SetFactory { .. }
            | Op::SetHandler { .. } => Group::Loop,
            _ => Group::Anywhere,
        }
    }

    /// Every number in it with what it must stay below.
    fn numbers(&self, program: &Program) -> Vec<(u8, usize)> {
        let slots = usize::from(MAX_SLOTS);
        let callbacks = program.callbacks.len();
        match self {
            Op::Start(thread) | Op::Join(thread) => vec![(*thread, program.threads.len())],
            Op::Post { on, callback, handle }
            | Op::PostLater { on, callback, handle, .. }
            | Op::CallSoon { on, callback, handle }
            | Op::CallLater { on, callback, handle, .. }
            | Op::CallAt { on, callback, handle, .. } => {
                vec![(*on, MAX_LOOPS), (*callback, callbacks), (*handle, slots)]
            }
            Op::Submit { on, coroutine, future: slot }
            | Op::CreateTask { on, coroutine, task: slot } => {
                vec![(*on, MAX_LOOPS), (*coroutine, program.coroutines.len()), (*slot, slots)]
            }
            Op::RunUntilComplete { on, coroutine } => {
                vec![(*on, MAX_LOOPS), (*coroutine, program.coroutines.len())]
            }
            Op::OnDone { future, callback } => vec![(*future, slots), (*callback, callbacks)],
            Op::OnDoneLocal { callback, .. } => vec![(*callback, callbacks)],
            Op::SubmitWork { pool, work, future } => {
                vec![(*pool, slots), (*work, program.works.len()), (*future, slots)]
            }
            Op::RunInExecutor { on, pool, work, future } => {
                let of_loop = (*on, MAX_LOOPS);
                vec![of_loop, (*pool, slots), (*work, program.works.len()), (*future, slots)]
            }
            Op::Wait { futures, .. } | Op::AsCompleted { futures, .. } => {
                futures.iter().map(|future| (*future, slots)).collect()
            }
            Op::NewLoop(on)
            | Op::RunForever(on)
            | Op::RunOnce { on, .. }
            | Op::Close(on)
            | Op::DropLoop(on)
            | Op::Stop(on)
            | Op::StopLocal(on)
            | Op::IsRunning(on)
            | Op::IsClosed(on)
            | Op::AllTasks(on)
            | Op::Busy { on, .. }
            | Op::SetFactory { on, .. }
            | Op::SetHandler { on, .. } => vec![(*on, MAX_LOOPS)],
            Op::NewFuture { on, future } => vec![(*on, MAX_LOOPS), (*future, slots)],
            Op::WrapFuture { on, source, future } => {
                vec![(*on, MAX_LOOPS), (*source, slots), (*future, slots)]
            }
            Op::Signal(slot)
            | Op::AwaitGate(slot)
            | Op::CancelHandle(slot)
            | Op::Result { future: slot, .. }
            | Op::Exception { future: slot, .. }
            | Op::WaitEnded { future: slot, .. }
            | Op::Cancel(slot)
            | Op::Query { future: slot, .. }
            | Op::NewPromise(slot)
            | Op::SetRunning(slot)
            | Op::SetResult { future: slot, .. }
            | Op::SetException { future: slot, .. }
            | Op::Complete { future: slot, .. }
            | Op::DropPromise(slot)
            | Op::NewPool { pool: slot, .. }
            | Op::Shutdown { pool: slot, .. }
            | Op::SetLoopResult { future: slot, .. }
            | Op::SetLoopException { future: slot, .. }
            | Op::DropLoopPromise(slot) => vec![(*slot, slots)],
            _ => vec![],
        }
    }
}

impl Stmt {
    /// Its name in a program's JSON form.
    #[must_use]
    pub fn name(&self) -> String {
        variant(serde_json::to_value(self))
    }
}

impl Awaited {
    /// Its name in a program's JSON form.
    #[must_use]
    pub fn name(&self) -> String {
        variant(serde_json::to_value(self))
    }
}

impl Program {
    /// Reads the program.
    ///
    /// # Errors
    /// The first thing that is wrong, and where.
    pub fn check(&self) -> Result<(), Malformed> {
        let whole = |what: String| Malformed { place: "as a whole".into(), what };
        if self.version != VERSION {
            let what = format!("version {}; this reads version {VERSION}", self.version);
            return Err(whole(what));
        }
        if self.threads.is_empty() || self.threads.len() > MAX_THREADS {
            return Err(whole(format!("it has to have 1 to {MAX_THREADS} threads")));
        }
        let lists = [
            ("thread", &self.threads, Runner::Thread),
            ("callback", &self.callbacks, Runner::Callback),
            ("work", &self.works, Runner::Work),
        ];
        for (name, lists, runner) in lists {
            for (number, list) in lists.iter().enumerate() {
                for (place, op) in list.iter().enumerate() {
                    self.check_op(op, runner).map_err(|what| Malformed {
                        place: format!("{name} {number}, operation {place}"),
                        what,
                    })?;
                }
            }
        }
        for (number, script) in self.coroutines.iter().enumerate() {
            self.check_block(script)
                .map_err(|what| Malformed { place: format!("coroutine {number}"), what })?;
            let number = u8::try_from(number).unwrap_or(u8::MAX);
            if self.leads_to(number, number, self.coroutines.len()) {
                let place = format!("coroutine {number}");
                return Err(Malformed { place, what: "it awaits itself in place".into() });
            }
        }
        Ok(())
    }

    /// How many gates it names, all of them below this.
    #[must_use]
    pub fn gates(&self) -> u8 {
        fn of(op: &Op) -> u8 {
            match op {
                Op::Signal(gate) | Op::AwaitGate(gate) => gate + 1,
                _ => 0,
            }
        }
        fn within(block: &[Stmt]) -> u8 {
            let each = block.iter().map(|stmt| match stmt {
                Stmt::Do(op) => of(op),
                Stmt::Await(Awaited::Foreign(gate))
                | Stmt::WaitFor { what: Awaited::Foreign(gate), .. } => gate + 1,
                Stmt::Timeout { body, .. } => within(body),
                Stmt::Try { body, handler: other, .. } | Stmt::Finally { body, last: other } => {
                    within(body).max(within(other))
                }
                _ => 0,
            });
            each.max().unwrap_or(0)
        }
        let lists = self.threads.iter().chain(&self.callbacks).chain(&self.works);
        let ops = lists.flatten().map(of);
        ops.chain(self.coroutines.iter().map(|script| within(script))).max().unwrap_or(0)
    }

    fn check_op(&self, op: &Op, runner: Runner) -> Result<(), String> {
        let name = op.name();
        let allowed = match op {
            Op::Return(_) => runner == Runner::Work,
            Op::Raise(_) | Op::Exit(_) => runner != Runner::Thread,
            _ => match op.group() {
                Group::Anywhere => true,
                Group::Loop => runner != Runner::Work,
                // A callback may try to run or close its own loop, and is told that it cannot.
                Group::Owner => matches!(runner, Runner::Thread | Runner::Callback),
            },
        };
        if !allowed {
            return Err(format!("`{name}` cannot be done in a {runner:?}").to_lowercase());
        }
        let unnamed = matches!(
            op,
            Op::QueryLocal { of: Local::Current, .. }
                | Op::ResultLocal(Local::Current)
                | Op::OnDoneLocal { of: Local::Current, .. }
                | Op::Forget(Local::Current)
        );
        if unnamed
            || matches!(op, Op::Uncancel(Local::Future(_)) | Op::Cancelling(Local::Future(_)))
        {
            return Err(format!("`{name}` needs a task or future of another kind"));
        }
        for (number, below) in op.numbers(self) {
            if usize::from(number) >= below {
                return Err(format!("`{name}` names {number}, which is not below {below}"));
            }
        }
        Ok(())
    }

    fn check_block(&self, block: &[Stmt]) -> Result<(), String> {
        block.iter().try_for_each(|stmt| match stmt {
            Stmt::Do(op) => self.check_op(op, Runner::Coroutine),
            Stmt::Await(Awaited::Coroutine(_)) => {
                Err("a coroutine is awaited in place only by `wait_for`".into())
            }
            Stmt::Await(what) | Stmt::WaitFor { what, .. } => self.check_awaited(what),
            Stmt::Timeout { body, .. } => self.check_block(body),
            Stmt::Try { body, handler: other, .. } | Stmt::Finally { body, last: other } => {
                self.check_block(body)?;
                self.check_block(other)
            }
            Stmt::Return(_) | Stmt::Raise(_) | Stmt::Panic(_) | Stmt::RaiseCancelled => Ok(()),
        })
    }

    fn check_awaited(&self, what: &Awaited) -> Result<(), String> {
        let slot = |number: u8, below: usize| {
            let name = what.name();
            let fits = usize::from(number) < below;
            fits.then_some(()).ok_or_else(|| format!("`{name}` names {number}, not below {below}"))
        };
        let slots = usize::from(MAX_SLOTS);
        match what {
            Awaited::Yield | Awaited::Sleep(_) => Ok(()),
            Awaited::Coroutine(number) => slot(*number, self.coroutines.len()),
            Awaited::Gather(tasks) => tasks.iter().try_for_each(|task| slot(*task, slots)),
            Awaited::Future(number)
            | Awaited::Wrapped(number)
            | Awaited::Local(number)
            | Awaited::Task(number)
            | Awaited::Foreign(number)
            | Awaited::Shield(number) => slot(*number, slots),
        }
    }

    /// Whether one coroutine awaits another in place, through so many at most.
    fn leads_to(&self, from: Coroutine, to: Coroutine, through: usize) -> bool {
        fn inner(block: &[Stmt], found: &mut Vec<Coroutine>) {
            for stmt in block {
                match stmt {
                    Stmt::WaitFor { what: Awaited::Coroutine(number), .. } => found.push(*number),
                    Stmt::Timeout { body, .. } => inner(body, found),
                    Stmt::Try { body, handler: other, .. }
                    | Stmt::Finally { body, last: other } => {
                        inner(body, found);
                        inner(other, found);
                    }
                    _ => {}
                }
            }
        }
        let mut found = Vec::new();
        inner(&self.coroutines[usize::from(from)], &mut found);
        found.iter().any(|next| *next == to || through > 0 && self.leads_to(*next, to, through - 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::program::Limit;

    fn program(threads: Vec<Vec<Op>>) -> Program {
        Program { version: VERSION, threads, ..Program::default() }
    }

    #[test]
    fn what_is_wrong_is_said() {
        let wrong = [
            (program(vec![]), "1 to 4 threads"),
            (Program { version: 9, ..program(vec![vec![]]) }, "version 9"),
            (program(vec![vec![Op::NewLoop(2)]]), "`new_loop` names 2"),
            (program(vec![vec![Op::Return(1)]]), "`return` cannot be done in a thread"),
            (
                Program { works: vec![vec![Op::StopLocal(0)]], ..program(vec![vec![]]) },
                "cannot be done in a work",
            ),
            (
                Program {
                    coroutines: vec![vec![Stmt::WaitFor { after: 1, what: Awaited::Coroutine(0) }]],
                    ..program(vec![vec![]])
                },
                "awaits itself in place",
            ),
        ];
        for (program, piece) in wrong {
            let error = program.check().unwrap_err().to_string();
            assert!(error.contains(piece), "{error}");
        }
    }

    #[test]
    fn a_program_is_read_back_from_json() {
        let program = Program {
            name: "a submission is cancelled".into(),
            coroutines: vec![vec![
                Stmt::Await(Awaited::Sleep(5)),
                Stmt::Try {
                    body: vec![Stmt::Await(Awaited::Yield)],
                    catch: Catch::Cancelled,
                    handler: vec![Stmt::Do(Op::Mark(1))],
                    again: true,
                },
            ]],
            ..program(vec![vec![
                Op::NewLoop(0),
                Op::Submit { on: 0, coroutine: 0, future: 0 },
                Op::Cancel(0),
                Op::Result { future: 0, limit: Limit::Finite },
            ]])
        };
        use crate::spec::program::Catch;
        assert_eq!(program.check(), Ok(()));
        let text = serde_json::to_string(&program).unwrap();
        assert!(text.contains(r#"{"submit":{"on":0,"coroutine":0,"future":0}}"#), "{text}");
        assert_eq!(serde_json::from_str::<Program>(&text).unwrap(), program);
        assert_eq!(program.threads[0][3].name(), "result");
    }
}
