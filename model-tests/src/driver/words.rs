//! What the kernel answers, as words.

use loopgate::concurrent::{EmptySet, Unfinished};
use loopgate::executor::SubmitError;
use loopgate::{
    AwaitsItself, BrokenPromise, Exception, FactoryError, ForeignLoop, InvalidState, LoopClosed,
    NotInTask, PostError, ResultError, RunError, ShutdownError, TimeoutError, Turn,
};

use super::world::World;
use crate::spec::{Cause, Word};

impl World {
    /// Which exception it is.
    pub(super) fn cause(&self, exception: &Exception) -> Cause {
        if let Some(number) = self.number_of(exception) {
            return Cause::Raised(number);
        }
        if let Some(exit) = exception.exit_request() {
            return Cause::Exit(u8::try_from(exit.code).expect("codes are small"));
        }
        let fixed: [(bool, Cause); 8] = [
            (exception.is_cancelled(), Cause::Cancelled),
            (exception.is::<TimeoutError>(), Cause::Timeout),
            (exception.is::<LoopClosed>(), Cause::LoopClosed),
            (exception.is::<BrokenPromise>(), Cause::BrokenPromise),
            (exception.is::<AwaitsItself>(), Cause::AwaitsItself),
            (exception.is::<ForeignLoop>(), Cause::ForeignLoop),
            (exception.is::<NotInTask>(), Cause::NotInTask),
            (
                exception.downcast_ref() == Some(&FactoryError::OtherCoroutine),
                Cause::OtherCoroutine,
            ),
        ];
        if let Some((_, cause)) = fixed.into_iter().find(|(is, _)| *is) {
            return cause;
        }
        if let Some(error) = exception.downcast_ref::<SubmitError>() {
            return self.submit_cause(error);
        }
        if let Some(error) = exception.downcast_ref::<RunError>() {
            return self.run_cause(error);
        }
        panic!("an exception that the alphabet has no word for: {exception:?}")
    }

    pub(super) fn submit_cause(&self, error: &SubmitError) -> Cause {
        match error {
            SubmitError::ShutDown => Cause::ShutDown,
            SubmitError::Broken(_) => Cause::BrokenPool,
            SubmitError::LoopClosed => Cause::LoopClosed,
            other => panic!("the alphabet has no word for: {other}"),
        }
    }

    fn run_cause(&self, error: &RunError) -> Cause {
        match error {
            RunError::AlreadyRunning => Cause::AlreadyRunning,
            RunError::OtherLoopRunning => Cause::OtherLoopRunning,
            RunError::Closed => Cause::LoopClosed,
            RunError::StoppedBeforeDone => Cause::StoppedEarly,
            RunError::Exit(exception) => self.cause(exception),
            other => panic!("the alphabet has no word for: {other}"),
        }
    }

    pub(super) fn ran(&self, result: Result<(), RunError>) -> Word {
        result.map_or_else(|error| Word::Error(self.run_cause(&error)), |()| Word::Ok)
    }

    pub(super) fn turned(&self, result: Result<Turn, RunError>) -> Word {
        match result {
            Ok(Turn::Continue) => Word::Continue,
            Ok(Turn::Stop) => Word::Stop,
            Err(error) => Word::Error(self.run_cause(&error)),
        }
    }

    pub(super) fn ended(&self, result: &Result<u8, Exception>) -> Word {
        match result {
            Ok(value) => Word::Value(*value),
            Err(exception) => Word::Error(self.cause(exception)),
        }
    }

    pub(super) fn result(&self, result: &Result<u8, ResultError>) -> Word {
        match result {
            Ok(value) => Word::Value(*value),
            Err(error) => self.result_error(error),
        }
    }

    pub(super) fn exception_of(&self, result: &Result<Option<Exception>, ResultError>) -> Word {
        match result {
            Ok(None) => Word::None,
            Ok(Some(exception)) => Word::Error(self.cause(exception)),
            Err(error) => self.result_error(error),
        }
    }

    pub(super) fn result_error(&self, error: &ResultError) -> Word {
        match error {
            ResultError::Exception(exception) => Word::Error(self.cause(exception)),
            ResultError::Cancelled(_) => Word::Error(Cause::Cancelled),
            ResultError::TimedOut => Word::TimedOut,
            ResultError::WouldDeadlock => Word::WouldDeadlock,
            ResultError::Pending => Word::Pending,
            other => panic!("the alphabet has no word for: {other}"),
        }
    }

    /// What a wait for several failed with.
    pub(super) fn several(&self, exception: &Exception) -> Word {
        if exception.is::<EmptySet>() {
            return Word::EmptySet;
        }
        if let Some(unfinished) = exception.downcast_ref::<Unfinished>() {
            return Word::Unfinished(u8::try_from(unfinished.unfinished).expect("they are few"));
        }
        match exception.downcast_ref::<ResultError>() {
            Some(error) => self.result_error(error),
            None => panic!("the alphabet has no word for: {exception:?}"),
        }
    }
}

pub(super) fn posted<T>(result: &Result<T, PostError>) -> Word {
    match result {
        Ok(_) => Word::Ok,
        Err(PostError::LoopClosed) => Word::Error(Cause::LoopClosed),
        Err(other) => panic!("the alphabet has no word for: {other}"),
    }
}

pub(super) fn completed<T>(result: &Result<(), InvalidState<T>>) -> Word {
    match result {
        Ok(()) => Word::Ok,
        Err(error) => invalid(error),
    }
}

pub(super) fn invalid<T>(error: &InvalidState<T>) -> Word {
    if error.cancelled { Word::InvalidCancelled } else { Word::InvalidFinished }
}

pub(super) fn shut_down(result: &Result<(), ShutdownError>) -> Word {
    match result {
        Ok(()) => Word::Ok,
        Err(ShutdownError::FromOwnWorker) => Word::Error(Cause::OwnWorker),
        Err(other) => panic!("the alphabet has no word for: {other}"),
    }
}
