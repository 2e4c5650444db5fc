//! What went wrong, as one object that keeps its identity, and the handler that hears of what nobody else does.
//!
//! Clauses X-1 to X-5. An [`Exception`] is an error, a panic, a cancellation or an exit request behind
//! one shared pointer: the object that reaches the submitter *is* the one that reaches the handler.
//!
//! Who touches what: an `Exception` is immutable but for a panic's payload, which one caller may take.
//! The [`HandlerSlot`] belongs to the loop thread; the handler is called with no borrow held.

use std::any::Any;
use std::cell::RefCell;
use std::error::Error;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use crate::primitives::{Arc, Mutex};

/// Why a coroutine, callback or executor function did not yield a value.
///
/// Cheap to clone; every clone is the same object ([`Exception::same_object`], clause X-1). Any
/// [`std::error::Error`] converts into it, so `?` works in coroutines. Thread-safe.
///
/// ```
/// use loopgate::{Cancelled, Exception};
///
/// fn parse(text: &str) -> Result<u32, Exception> {
///     Ok(text.parse::<u32>()?)
/// }
/// let error = parse("x").unwrap_err();
/// assert!(error.is::<std::num::ParseIntError>());
/// assert!(error.clone().same_object(&error));
/// assert!(Exception::from(Cancelled::default()).is_cancelled());
/// ```
#[derive(Clone)]
pub struct Exception(Arc<Kind>);

enum Kind {
    Error(Box<dyn Error + Send + Sync>),
    Cancelled(Cancelled),
    Exit(ExitRequest),
    Panic { message: String, payload: Mutex<Option<Payload>> },
}

/// What a panic carried; dropping it never unwinds, whatever it is.
struct Payload(Option<Box<dyn Any + Send>>);

impl Drop for Payload {
    fn drop(&mut self) {
        let payload = self.0.take();
        if let Err(another) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
            // Dropping this one could unwind in its turn.
            std::mem::forget(another);
        }
    }
}

impl Exception {
    /// An exception from an error, or from a text.
    ///
    /// ```
    /// assert_eq!(loopgate::Exception::new("no such name").to_string(), "no such name");
    /// ```
    #[must_use]
    pub fn new(error: impl Into<Box<dyn Error + Send + Sync>>) -> Exception {
        let mut error = error.into();
        macro_rules! unpack {
            ($($own:ty),*) => {$(
                error = match error.downcast::<$own>() {
                    Ok(own) => return (*own).into(),
                    Err(other) => other,
                };
            )*};
        }
        unpack!(Cancelled, ExitRequest, ResultError, RunError);
        Exception(Arc::new(Kind::Error(error)))
    }

    //= SPEC.md#x-2
    //# A panic in a coroutine, callback, factory or executor function MUST become an `Exception`
    //# that carries the panic's payload and, when a message is known, its text.
    /// An exception from the payload of a caught panic.
    ///
    /// A payload that is an [`ExitRequest`] or an [`Exception`] becomes that again; a text is kept as
    /// the message (clause X-2).
    #[must_use]
    pub fn from_panic(payload: Box<dyn Any + Send>) -> Exception {
        let payload = match payload.downcast::<ExitRequest>() {
            Ok(exit) => return Exception(Arc::new(Kind::Exit(*exit))),
            Err(payload) => payload,
        };
        let payload = match payload.downcast::<Exception>() {
            Ok(exception) => return *exception,
            Err(payload) => payload,
        };
        let message = payload
            .downcast_ref::<&'static str>()
            .map(|text| (*text).to_owned())
            .or_else(|| payload.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "a panic without a message".to_owned());
        Exception(Arc::new(Kind::Panic {
            message,
            payload: Mutex::new(Some(Payload(Some(payload)))),
        }))
    }

    //= SPEC.md#x-1
    //# Every clone of an `Exception` MUST be the same object: identity is kept from the place that
    //# raised it to every place that observes it.
    /// Whether both are the same object, and not merely alike (clause X-1).
    #[must_use]
    pub fn same_object(&self, other: &Exception) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Whether this is a cancellation.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.cancelled().is_some()
    }

    /// The cancellation, if this is one.
    #[must_use]
    pub fn cancelled(&self) -> Option<&Cancelled> {
        match &*self.0 {
            Kind::Cancelled(cancelled) => Some(cancelled),
            _ => None,
        }
    }

    /// The exit request, if this is one (clause S-9).
    #[must_use]
    pub fn exit_request(&self) -> Option<ExitRequest> {
        match &*self.0 {
            Kind::Exit(exit) => Some(*exit),
            _ => None,
        }
    }

    /// The text of the panic, if this is one.
    #[must_use]
    pub fn panic_message(&self) -> Option<&str> {
        match &*self.0 {
            Kind::Panic { message, .. } => Some(message),
            _ => None,
        }
    }

    /// Takes the payload of the panic, to resume it with [`std::panic::resume_unwind`]. Once only.
    #[must_use]
    pub fn take_panic_payload(&self) -> Option<Box<dyn Any + Send>> {
        match &*self.0 {
            Kind::Panic { payload, .. } => payload.lock().take()?.0.take(),
            _ => None,
        }
    }

    /// The error behind this, if it has type `E`.
    #[must_use]
    pub fn downcast_ref<E: Error + 'static>(&self) -> Option<&E> {
        self.as_error()?.downcast_ref()
    }

    /// Whether the error behind this has type `E`.
    #[must_use]
    pub fn is<E: Error + 'static>(&self) -> bool {
        self.downcast_ref::<E>().is_some()
    }

    /// The error behind this; `None` for a panic.
    #[must_use]
    pub fn as_error(&self) -> Option<&(dyn Error + 'static)> {
        match &*self.0 {
            Kind::Error(error) => Some(&**error),
            Kind::Cancelled(cancelled) => Some(cancelled),
            Kind::Exit(exit) => Some(exit),
            Kind::Panic { .. } => None,
        }
    }
}

impl fmt::Display for Exception {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0 {
            Kind::Error(error) => error.fmt(f),
            Kind::Cancelled(cancelled) => cancelled.fmt(f),
            Kind::Exit(exit) => exit.fmt(f),
            Kind::Panic { message, .. } => write!(f, "panicked: {message}"),
        }
    }
}

impl fmt::Debug for Exception {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0 {
            Kind::Error(error) => f.debug_tuple("Exception").field(error).finish(),
            Kind::Cancelled(cancelled) => f.debug_tuple("Exception").field(cancelled).finish(),
            Kind::Exit(exit) => f.debug_tuple("Exception").field(exit).finish(),
            Kind::Panic { message, .. } => write!(f, "Exception(panic: {message:?})"),
        }
    }
}

//= SPEC.md#x-3
//# Converting a `ResultError` or a `RunError` that carries an `Exception` into an `Exception` MUST
//# yield the carried object and not a wrapper around it.
impl<E: Error + Send + Sync + 'static> From<E> for Exception {
    fn from(error: E) -> Exception {
        // The kernel's own errors are unpacked, so that `?` keeps identity and cancellation.
        let mut error = Some(error);
        let any: &mut dyn Any = &mut error;
        if let Some(error) = any.downcast_mut::<Option<Cancelled>>() {
            return Exception(Arc::new(Kind::Cancelled(error.take().unwrap_or_default())));
        }
        if let Some(error) = any.downcast_mut::<Option<ExitRequest>>() {
            return Exception(Arc::new(Kind::Exit(error.take().unwrap_or_default())));
        }
        if let Some(error) = any.downcast_mut::<Option<ResultError>>() {
            match error.take() {
                Some(ResultError::Exception(exception)) => return exception,
                Some(ResultError::Cancelled(cancelled)) => return cancelled.into(),
                other => *error = other,
            }
        }
        if let Some(error) = any.downcast_mut::<Option<RunError>>() {
            match error.take() {
                Some(RunError::Exit(exception)) => return exception,
                other => *error = other,
            }
        }
        let error = error.expect("only the kernel's own errors are taken out above");
        Exception(Arc::new(Kind::Error(Box::new(error))))
    }
}

/// The work was cancelled; asyncio's `CancelledError`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cancelled {
    message: Option<Arc<str>>,
}

impl Cancelled {
    /// A cancellation with the message of whoever asked for it.
    #[must_use]
    pub fn with_message(message: impl Into<Arc<str>>) -> Cancelled {
        Cancelled { message: Some(message.into()) }
    }

    /// The message, if there was one.
    #[must_use]
    pub fn message(&self) -> Option<&str> {
        self.message.as_deref()
    }
}

impl fmt::Display for Cancelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.message {
            Some(message) => write!(f, "cancelled: {message}"),
            None => f.write_str("cancelled"),
        }
    }
}

impl Error for Cancelled {}

/// A wish to end the program; the counterpart of Python's `SystemExit`.
///
/// Return it as an error from a coroutine, or call [`ExitRequest::raise`] in a callback: the loop's run
/// ends at once with it (clause S-9).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExitRequest {
    /// The exit code that the program should end with.
    pub code: i32,
}

impl ExitRequest {
    /// Unwinds the current callback or coroutine with this request. Prints nothing.
    pub fn raise(self) -> ! {
        std::panic::resume_unwind(Box::new(self))
    }
}

impl fmt::Display for ExitRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "exit requested with code {}", self.code)
    }
}

impl Error for ExitRequest {}

/// Why a future gave no value.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ResultError {
    /// The work failed: the very object it failed with.
    Exception(Exception),
    /// The future was cancelled.
    Cancelled(Cancelled),
    /// The wait ended, not the work; it goes on, and can be waited for again (clause F-8).
    TimedOut,
    /// A loop future that is not done was asked for its result; await it instead (clause L-4).
    Pending,
    /// This thread owns the loop that has to do the work, so the wait could never end (clause F-22).
    /// Await the future in a task, or wait in another thread.
    WouldDeadlock,
}

impl fmt::Display for ResultError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ResultError::Exception(exception) => exception.fmt(f),
            ResultError::Cancelled(cancelled) => cancelled.fmt(f),
            ResultError::TimedOut => f.write_str("the wait timed out; the work goes on"),
            ResultError::Pending => f.write_str("the future is pending; await it"),
            ResultError::WouldDeadlock => f.write_str(
                "blocking here would deadlock: this thread runs the loop that does the work; await it",
            ),
        }
    }
}

impl Error for ResultError {}

/// Why a run of the loop did not begin, or ended other than by a stop.
#[derive(Debug)]
#[non_exhaustive]
pub enum RunError {
    /// This loop is running already; post to it, or create a task.
    AlreadyRunning,
    /// Another loop is running on this thread; run this one on a thread of its own.
    OtherLoopRunning,
    /// The loop is closed; make a new one.
    Closed,
    /// The loop was stopped before the future that it was run for was done.
    StoppedBeforeDone,
    /// The operating system refused to let the loop sleep.
    Poll(std::io::Error),
    /// The work asked the program to end; the very exception (clause S-9).
    Exit(Exception),
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RunError::AlreadyRunning => {
                f.write_str("the event loop is already running; post to it or create a task")
            }
            RunError::OtherLoopRunning => f.write_str(
                "another event loop is running on this thread; run this one on a thread of its own",
            ),
            RunError::Closed => LoopClosed.fmt(f),
            RunError::StoppedBeforeDone => {
                f.write_str("the event loop was stopped before the future was done")
            }
            RunError::Poll(error) => write!(f, "the event loop cannot sleep: {error}"),
            RunError::Exit(exception) => exception.fmt(f),
        }
    }
}

impl Error for RunError {}

/// The loop is closed: nothing can be scheduled on it any more, and work it had accepted has ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LoopClosed;

impl fmt::Display for LoopClosed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the event loop is closed; make a new one")
    }
}

impl Error for LoopClosed {}

/// The producer of a future was dropped without completing it (clause F-7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BrokenPromise;

impl fmt::Display for BrokenPromise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the producer of this future was dropped before it completed it")
    }
}

impl Error for BrokenPromise {}

/// A completion that came too late; the rejected outcome is given back (clauses F-6, L-3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidState<V> {
    /// What was not stored.
    pub rejected: V,
    /// Whether the future had been cancelled, and not completed.
    pub cancelled: bool,
}

impl<V> fmt::Display for InvalidState<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.cancelled {
            "the future has been cancelled; nothing was stored"
        } else {
            "the future has been completed already; nothing was stored"
        })
    }
}

impl<V: fmt::Debug> Error for InvalidState<V> {}

/// How work ended: what a done future holds.
#[derive(Clone, Debug)]
pub(crate) enum Outcome<T> {
    Value(T),
    Exception(Exception),
    Cancelled(Cancelled),
}

impl<T> Outcome<T> {
    /// From what a coroutine returned: `Err(Cancelled)` is a cancellation.
    pub(crate) fn from_result(result: Result<T, Exception>) -> Outcome<T> {
        match result {
            Ok(value) => Outcome::Value(value),
            Err(exception) => match exception.cancelled() {
                Some(cancelled) => Outcome::Cancelled(cancelled.clone()),
                None => Outcome::Exception(exception),
            },
        }
    }

    pub(crate) fn into_result(self) -> Result<T, ResultError> {
        match self {
            Outcome::Value(value) => Ok(value),
            Outcome::Exception(exception) => Err(ResultError::Exception(exception)),
            Outcome::Cancelled(cancelled) => Err(ResultError::Cancelled(cancelled)),
        }
    }
}

/// What the exception handler is told.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ExceptionContext {
    /// What happened, in a sentence.
    pub message: String,
    /// The exception, if there is one: the same object that its other observers see.
    pub exception: Option<Exception>,
    /// The name of the task it happened in, if it was one.
    pub task: Option<String>,
}

impl ExceptionContext {
    /// A report, for [`LocalLoop::call_exception_handler`](crate::LocalLoop::call_exception_handler).
    #[must_use]
    pub fn new(message: impl Into<String>, exception: Option<Exception>) -> ExceptionContext {
        ExceptionContext { message: message.into(), exception, task: None }
    }

    pub(crate) fn in_task(mut self, name: &str) -> ExceptionContext {
        self.task = Some(name.to_owned());
        self
    }
}

type Handler = Rc<dyn Fn(&ExceptionContext)>;

/// The loop's exception handler; `None` is the default one.
#[derive(Default)]
pub(crate) struct HandlerSlot {
    handler: RefCell<Option<Handler>>,
    /// An exit request that a handler, callback or task raised: the run ends with it.
    exit: RefCell<Option<Exception>>,
}

impl HandlerSlot {
    pub(crate) fn set(&self, handler: Option<Handler>) {
        // The old handler is dropped after the borrow: it may own anything.
        let _old = self.handler.replace(handler);
    }

    //= SPEC.md#x-4
    //# The exception handler MUST be called on the loop thread, with no lock and no borrow of the
    //# loop held.
    //= SPEC.md#x-5
    //# A handler that panics MUST NOT stop the loop, and the default handler MUST then receive both
    //# the original report and the handler's panic.
    /// Tells the handler; never unwinds.
    pub(crate) fn report(&self, context: &ExceptionContext) {
        let handler = self.handler.borrow().clone();
        let Some(handler) = handler else { return report_by_default(context, None) };
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| handler(context))) {
            let raised = Exception::from_panic(payload);
            if raised.exit_request().is_some() {
                self.request_exit(raised);
            } else {
                report_by_default(context, Some(&raised));
            }
        }
    }

    /// The run is to end with `exit`; the first request counts.
    pub(crate) fn request_exit(&self, exit: Exception) {
        self.exit.borrow_mut().get_or_insert(exit);
    }

    pub(crate) fn take_exit(&self) -> Option<Exception> {
        self.exit.borrow_mut().take()
    }
}

/// The default handler: a `tracing` event. Also used where no loop is at hand.
pub(crate) fn report_by_default(context: &ExceptionContext, handler_raised: Option<&Exception>) {
    let task = context.task.as_deref().unwrap_or("");
    let exception = context.exception.as_ref().map(ToString::to_string).unwrap_or_default();
    match handler_raised {
        None => tracing::error!(target: "loopgate", task, exception, "{}", context.message),
        Some(raised) => tracing::error!(
            target: "loopgate", task, exception, handler_raised = %raised,
            "unhandled error in exception handler, while handling: {}", context.message
        ),
    }
}

/// Runs user code that must not unwind through the kernel; tells the default handler if it does.
pub(crate) fn shield_from_panic(what: &'static str, body: impl FnOnce()) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(body)) {
        let exception = Exception::from_panic(payload);
        report_by_default(&ExceptionContext::new(what, Some(exception)), None);
    }
}
