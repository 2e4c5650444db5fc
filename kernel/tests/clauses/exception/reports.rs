//! Clauses: the loop's exception handler.

use super::*;

/// What the handler is told of when [`cause_reports`] lets it all happen, in order.
const REPORTS: [&str; 11] = [
    "callback",
    "post",
    "reader",
    "timer",
    "task",
    "closed without removing",
    "submission",
    "factory",
    "pipe",
    "told by the program",
    "future",
];

/// Makes every kind of report; the last when the loop closes.
fn cause_reports(event_loop: &EventLoop) {
    let handle = event_loop.handle();
    event_loop.call_soon(|| panic_with("callback")).unwrap();
    elsewhere(|| handle.call_soon_threadsafe(|| panic_with("post")).unwrap());
    event_loop.call_later(Duration::ZERO, || panic_with("timer")).unwrap();
    // A reader that panics, and closes its descriptor without having removed itself.
    let (reader, mut writer) = UnixStream::pair().unwrap();
    writer.write_all(b"x").unwrap();
    let (watched, slot) = (Fd(reader.as_raw_fd()), Cell::new(Some(reader)));
    let on_readable = move || {
        drop(slot.take());
        panic_with("reader")
    };
    event_loop.add_reader(&watched, on_readable).unwrap();
    // Never retrieved.
    drop(event_loop.create_task(async { Err::<(), _>(Exception::new("task")) }).unwrap());
    // Cancelled, and raising something else while it cleans up.
    let cancelled = elsewhere(|| {
        handle
            .run_coroutine_threadsafe(async {
                let _cancelled = sleep(Duration::from_secs(9)).await;
                Err::<(), _>(Exception::new("submission"))
            })
            .unwrap()
    });
    turns(event_loop, 3);
    assert!(elsewhere(|| cancelled.cancel()));
    turns(event_loop, 3);
    event_loop.set_task_factory(|_| Err(Exception::new("factory")));
    elsewhere(|| handle.run_coroutine_threadsafe(async { Ok(()) }).map(drop).unwrap());
    turns(event_loop, 2);
    event_loop.reset_task_factory();
    break_pipe(event_loop);
    turns(event_loop, 2);
    event_loop.call_exception_handler(&ExceptionContext::new("told by the program", None));
    // Queued still when the loop closes.
    let (promise, future) = event_loop.create_future::<()>();
    promise.set_exception(Exception::new("future")).unwrap();
    drop((future, promise));
    event_loop.close().unwrap();
}

//= SPEC.md#x-4
//= type=test
//# The exception handler MUST be called on the loop thread, with no lock and no borrow of the loop
//# held.
#[test]
fn x4_the_handler_is_called_on_the_loop_thread_for_every_kind_of_report() {
    guarded(|| {
        let event_loop = real_loop();
        let owner = thread::current().id();
        let log = Log::default();
        let noted = log.clone();
        event_loop.set_exception_handler(move |context| {
            assert_eq!(thread::current().id(), owner);
            let text = context.exception.as_ref().map(ToString::to_string).unwrap_or_default();
            noted.note(format!("{}: {text}", context.message));
        });
        cause_reports(&event_loop);
        assert_eq!(log.entries().len(), REPORTS.len(), "{:#?}", log.entries());
        for (report, expected) in log.entries().iter().zip(REPORTS) {
            assert!(report.contains(expected), "{report} is not about the {expected}");
        }
    });
}

//= SPEC.md#x-4
//= type=test
//# The exception handler MUST be called on the loop thread, with no lock and no borrow of the loop
//# held.
#[test]
fn x4_the_handler_may_use_the_whole_loop() {
    /// Opened before any other descriptor is closed, so that its number is not another's.
    struct Used {
        event_loop: EventLoop,
        reader: UnixStream,
        calls: Cell<usize>,
    }
    /// Each of these needs a borrow or a lock of its own.
    fn use_all(used: &Rc<Used>) {
        let Used { event_loop, reader, calls } = &**used;
        if !event_loop.is_closed() {
            assert!(event_loop.call_soon(|| ()).unwrap().cancel());
            assert!(event_loop.call_later(Duration::from_secs(1), || ()).unwrap().cancel());
            assert!(event_loop.handle().call_soon_threadsafe(|| ()).unwrap().cancel());
            drop(event_loop.create_task(async { Ok(()) }));
            event_loop.add_reader(reader, || ()).unwrap();
            assert!(event_loop.remove_reader(reader));
            let pool = ThreadPoolExecutor::builder().max_workers(1).build().unwrap();
            event_loop.set_default_executor(Arc::new(pool)).unwrap();
        }
        assert!(event_loop.all_tasks().iter().all(|task| !task.name().is_empty()));
        assert!(loopgate::current_task().is_none());
        assert!(event_loop.run_once(NOW).is_err() || !event_loop.is_running());
        let _timeout = event_loop.poll_timeout();
        // Past every assertion: only the default handler hears of a handler that panics.
        calls.set(calls.get() + 1);
        // It replaces itself with one that goes on in the same way.
        let again = Rc::clone(used);
        event_loop.set_exception_handler(move |_| use_all(&again));
    }
    guarded(|| {
        let (reader, _writer) = UnixStream::pair().unwrap();
        let event_loop = EventLoop::new().unwrap();
        let used = Rc::new(Used { event_loop, reader, calls: Cell::new(0) });
        let first = Rc::clone(&used);
        used.event_loop.set_exception_handler(move |_| use_all(&first));
        cause_reports(&used.event_loop);
        assert_eq!(used.calls.get(), REPORTS.len());
    });
}

//= SPEC.md#x-4
//= type=test
//# The exception handler MUST be called on the loop thread, with no lock and no borrow of the loop
//# held.
#[test]
fn x4_a_handler_may_report_and_is_replaced_for_the_next_report() {
    let event_loop = Rc::new(virtual_loop());
    let log = Log::default();
    let (noted, own) = (log.clone(), Rc::clone(&event_loop));
    event_loop.set_exception_handler(move |context| {
        noted.note(format!("first: {}", context.message));
        let second = noted.clone();
        own.set_exception_handler(move |context| {
            second.note(format!("second: {}", context.message))
        });
        own.call_exception_handler(&ExceptionContext::new("nested", None));
    });
    event_loop.call_exception_handler(&ExceptionContext::new("outer", None));
    event_loop.call_exception_handler(&ExceptionContext::new("later", None));
    assert_eq!(log.entries(), ["first: outer", "second: nested", "second: later"]);
}

/// One event as text: its level, target, message and fields.
type Events = Arc<Mutex<Vec<String>>>;

struct Capture(Events);

impl<S: tracing::Subscriber> Layer<S> for Capture {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        struct Fields(String);
        impl tracing::field::Visit for Fields {
            fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
                self.0.push_str(&format!(" {field}={value:?}"));
            }
        }
        let mut text =
            Fields(format!("{} {}", event.metadata().level(), event.metadata().target()));
        event.record(&mut text);
        self.0.lock().unwrap().push(text.0);
    }
}

/// What `body` lets this thread emit.
fn events_of(body: impl FnOnce()) -> Vec<String> {
    let events = Events::default();
    let probe = support::virtual_loop();
    // An event's first use on another thread, at this very moment, may leave it switched off; a new
    // subscriber switches it on. So: until both of the kernel's events are seen.
    for _ in 0..1_000 {
        let subscriber = tracing_subscriber::registry().with(Capture(Arc::clone(&events)));
        let _subscribed = tracing::subscriber::set_default(subscriber);
        events.lock().unwrap().clear();
        probe.call_exception_handler(&ExceptionContext::new("probe", None));
        probe.set_exception_handler(|_| panic_with("probe"));
        probe.call_exception_handler(&ExceptionContext::new("probe", None));
        probe.reset_exception_handler();
        if events.lock().unwrap().len() == 2 {
            events.lock().unwrap().clear();
            body();
            return events.lock().unwrap().clone();
        }
    }
    panic!("no events are seen");
}

//= SPEC.md#x-5
//= type=test
//# A handler that panics MUST NOT stop the loop, and the default handler MUST then receive both the
//# original report and the handler's panic.
#[test]
fn x5_the_default_handler_gets_both_when_a_handler_panics() {
    let event_loop = virtual_loop();
    let log = Log::default();
    let calls = log.clone();
    event_loop.set_exception_handler(move |context| {
        calls.note(context.exception.as_ref().unwrap().panic_message().unwrap().to_owned());
        panic_with("from the handler")
    });
    event_loop.call_soon(|| panic_with("original 1")).unwrap();
    let rest = log.clone();
    event_loop.call_soon(move || rest.note("the batch goes on".to_owned())).unwrap();
    event_loop.call_soon(|| panic_with("original 2")).unwrap();
    let events = events_of(|| turns(&event_loop, 1));
    // It is still the handler.
    assert_eq!(log.entries(), ["original 1", "the batch goes on", "original 2"]);
    assert_eq!(events.len(), 2, "{events:?}");
    for (event, original) in events.iter().zip(["original 1", "original 2"]) {
        assert!(event.starts_with("ERROR"), "{event}");
        assert!(event.contains(original) && event.contains("from the handler"), "{event}");
    }
    turns(&event_loop, 1);
}

//= SPEC.md#x-5
//= type=test
//# A handler that panics MUST NOT stop the loop, and the default handler MUST then receive both the
//# original report and the handler's panic.
#[test]
fn x5_the_default_handler_emits_an_error_event() {
    let event_loop = virtual_loop();
    event_loop.set_exception_handler(|_| unreachable!("it was reset"));
    event_loop.reset_exception_handler();
    let events = events_of(|| {
        event_loop.call_soon(|| panic_with("from a callback")).unwrap();
        turns(&event_loop, 1);
        let task = event_loop.create_task(async { Err::<(), _>(LoopClosed.into()) }).unwrap();
        task.set_name("the task");
        drop(task);
        turns(&event_loop, 2);
    });
    assert_eq!(events.len(), 2, "{events:?}");
    assert!(events[0].starts_with("ERROR loopgate") && events[0].contains("from a callback"));
    assert!(events[1].starts_with("ERROR loopgate") && events[1].contains(&LoopClosed.to_string()));
}

//= SPEC.md#x-5
//= type=test
//# A handler that panics MUST NOT stop the loop, and the default handler MUST then receive both the
//# original report and the handler's panic.
#[test]
fn x5_a_handler_that_panics_for_every_kind_of_report_stops_nothing() {
    guarded(|| {
        let event_loop = real_loop();
        event_loop.set_exception_handler(|_| panic_with("from the handler"));
        let events = events_of(|| cause_reports(&event_loop));
        assert_eq!(events.len(), REPORTS.len(), "{events:#?}");
        for (event, original) in events.iter().zip(REPORTS) {
            assert!(event.starts_with("ERROR loopgate") && event.contains(original), "{event}");
            assert!(event.contains("from the handler"), "{event}");
        }
    });
}

//= SPEC.md#x-5
//= type=test
//# A handler that panics MUST NOT stop the loop, and the default handler MUST then receive both the
//# original report and the handler's panic.
#[test]
fn x5_after_a_reset_the_default_handler_is_told_again() {
    let event_loop = virtual_loop();
    let reports = record_reports(&event_loop);
    event_loop.call_exception_handler(&ExceptionContext::new("to the handler", None));
    event_loop.reset_exception_handler();
    let events = events_of(|| {
        event_loop.call_exception_handler(&ExceptionContext::new("to the default one", None));
    });
    assert_eq!(reports.entries().len(), 1);
    assert!(matches!(&*events, [event] if event.contains("to the default one")), "{events:?}");
}
