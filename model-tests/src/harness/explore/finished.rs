//! Proof that loom finished: the one thing it says about it is an event of `tracing`.
//!
//! `Builder::check` returns without a word also when a limit stopped it. Only at the real end does it
//! log `Completed in N iterations`, so that line is what we listen for.

use std::fmt::Debug;
use std::sync::{Arc, Mutex, PoisonError};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// Runs an exploration; the number of executions that loom says it completed, if it did say so.
pub(crate) fn executions_completed(exploration: impl FnOnce()) -> Option<u64> {
    let completed = Arc::new(Mutex::new(None));
    let listener = Listener { completed: Arc::clone(&completed) };
    tracing::subscriber::with_default(listener, exploration);
    *completed.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Listener {
    completed: Arc<Mutex<Option<u64>>>,
}

impl Subscriber for Listener {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event()
            && *metadata.level() == Level::INFO
            && metadata.target() == "loom::model"
    }

    fn event(&self, event: &Event<'_>) {
        let mut message = Message(String::new());
        event.record(&mut message);
        let number = message
            .0
            .strip_prefix("Completed in ")
            .and_then(|rest| rest.strip_suffix(" iterations"))
            .and_then(|number| number.parse().ok());
        if number.is_some() {
            *self.completed.lock().unwrap_or_else(PoisonError::into_inner) = number;
        }
    }

    // Spans are not enabled, so none of these is called for one that matters.
    fn new_span(&self, _span: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _span: &Id, _values: &Record<'_>) {}

    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}

    fn enter(&self, _span: &Id) {}

    fn exit(&self, _span: &Id) {}
}

struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}
