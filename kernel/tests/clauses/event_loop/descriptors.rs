//! Clauses S-11 and S-12: watching descriptors.

use super::*;

//= SPEC.md#s-11
//= type=test
//# A watched descriptor's callback MUST be called in every iteration in which it is ready, and
//# never after it was removed.
#[test]
fn s11_called_in_every_iteration_in_which_it_is_ready() {
    let event_loop = real_loop();
    let (reader, mut writer) = UnixStream::pair().unwrap();
    let (reads, writes) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
    let (count_reads, count_writes) = (Rc::clone(&reads), Rc::clone(&writes));
    event_loop.add_reader(&reader, move || count_reads.set(count_reads.get() + 1)).unwrap();
    let _turn = event_loop.run_once(NOW).unwrap();
    assert_eq!(reads.get(), 0, "not ready");
    writer.write_all(b"x").unwrap();
    for turns in 1..=4 {
        // Never read, so ready each time; with work that is queued, or without.
        if turns % 2 == 0 {
            event_loop.call_soon(|| {}).unwrap();
        }
        let _turn = event_loop.run_once(None).unwrap();
        assert_eq!(reads.get(), turns);
    }
    event_loop.add_writer(&reader, move || count_writes.set(count_writes.get() + 1)).unwrap();
    for turns in 1..=3 {
        let _turn = event_loop.run_once(None).unwrap();
        assert_eq!((reads.get(), writes.get()), (4 + turns, turns));
    }
    assert!(event_loop.remove_writer(&reader));
    let _turn = event_loop.run_once(None).unwrap();
    assert_eq!((reads.get(), writes.get()), (8, 3));
    (&reader).read_exact(&mut [0]).unwrap();
    let _turn = event_loop.run_once(NOW).unwrap();
    assert_eq!(reads.get(), 8, "not ready any more");
    drop(writer);
    for turns in 9..=10 {
        let _turn = event_loop.run_once(None).unwrap();
        assert_eq!(reads.get(), turns, "the end of the stream can be read");
    }
}

//= SPEC.md#s-11
//= type=test
//# A watched descriptor's callback MUST be called in every iteration in which it is ready, and
//# never after it was removed.
#[test]
fn s11_however_many_are_ready_all_are_called() {
    const MANY: usize = 600;
    let event_loop = real_loop();
    let (reader, mut writer) = UnixStream::pair().unwrap();
    writer.write_all(b"x").unwrap();
    let calls: Rc<Vec<Cell<u32>>> = Rc::new((0..MANY).map(|_| Cell::new(0)).collect());
    let copies: Vec<_> = (0..MANY).map(|_| reader.try_clone().unwrap()).collect();
    for (index, copy) in copies.iter().enumerate() {
        let calls = Rc::clone(&calls);
        event_loop.add_reader(copy, move || calls[index].set(calls[index].get() + 1)).unwrap();
    }
    for turns in 1..=3 {
        let _turn = event_loop.run_once(NOW).unwrap();
        let missed = calls.iter().filter(|count| count.get() != turns).count();
        assert_eq!(missed, 0, "in iteration {turns}");
    }
    copies.iter().for_each(|copy| assert!(event_loop.remove_reader(copy)));
}

//= SPEC.md#s-11
//= type=test
//# A watched descriptor's callback MUST be called in every iteration in which it is ready, and
//# never after it was removed.
#[test]
fn s11_never_called_after_it_was_removed() {
    let event_loop = real_loop();
    let (reader, mut writer) = UnixStream::pair().unwrap();
    writer.write_all(b"x").unwrap();
    let reader = Rc::new(reader);
    event_loop.add_reader(&reader, || unreachable!("removed")).unwrap();
    event_loop.add_writer(&reader, || unreachable!("removed")).unwrap();
    // Ready, but removed before the poll.
    assert!(event_loop.remove_reader(&reader) && !event_loop.remove_reader(&reader));
    assert!(event_loop.remove_writer(&reader) && !event_loop.remove_writer(&reader));
    let _turn = event_loop.run_once(NOW).unwrap();
    // Removed by what is ahead of it in the very batch.
    let log = Log::default();
    let (own, noted) = (Rc::clone(&reader), log.clone());
    event_loop
        .call_soon(move || {
            let local = get_running_loop().unwrap();
            noted.note((local.remove_reader(&own), local.remove_writer(&own)));
        })
        .unwrap();
    event_loop.add_reader(&reader, || unreachable!("removed")).unwrap();
    event_loop.add_writer(&reader, || unreachable!("removed")).unwrap();
    let _turn = event_loop.run_once(NOW).unwrap();
    assert_eq!(log.entries(), [(true, true)]);
    let _turn = event_loop.run_once(NOW).unwrap();
}

//= SPEC.md#s-11
//= type=test
//# A watched descriptor's callback MUST be called in every iteration in which it is ready, and
//# never after it was removed.
#[test]
fn s11_a_reader_may_remove_itself_and_the_writer() {
    let event_loop = real_loop();
    let (reader, mut writer) = UnixStream::pair().unwrap();
    writer.write_all(b"x").unwrap();
    let reader = Rc::new(reader);
    let calls = Rc::new(Cell::new(0));
    let (own, count) = (Rc::clone(&reader), Rc::clone(&calls));
    let on_readable = move || {
        let local = get_running_loop().unwrap();
        assert!(local.remove_reader(&own) && local.remove_writer(&own));
        count.set(count.get() + 1);
    };
    event_loop.add_reader(&reader, on_readable).unwrap();
    event_loop.add_writer(&reader, || unreachable!("removed by the reader")).unwrap();
    for _ in 0..3 {
        let _turn = event_loop.run_once(NOW).unwrap();
    }
    assert_eq!(calls.get(), 1);
}

//= SPEC.md#s-11
//= type=test
//# A watched descriptor's callback MUST be called in every iteration in which it is ready, and
//# never after it was removed.
#[test]
fn s11_a_watcher_that_took_the_place_of_a_removed_one_is_called() {
    let event_loop = real_loop();
    let (reader, mut writer) = UnixStream::pair().unwrap();
    writer.write_all(b"x").unwrap();
    let reader = Rc::new(reader);
    let log = Log::default();
    let (own, noted) = (Rc::clone(&reader), log.clone());
    let on_readable = move || {
        let local = get_running_loop().unwrap();
        noted.note("first");
        assert!(local.remove_reader(&own));
        let noted = noted.clone();
        local.add_reader(&own, move || noted.note("second")).unwrap();
    };
    event_loop.add_reader(&reader, on_readable).unwrap();
    for _ in 0..3 {
        let _turn = event_loop.run_once(NOW).unwrap();
    }
    assert_eq!(log.entries(), ["first", "second", "second"]);
}

//= SPEC.md#s-11
//= type=test
//# A watched descriptor's callback MUST be called in every iteration in which it is ready, and
//# never after it was removed.
#[test]
fn s11_a_number_that_is_used_again_is_another_descriptor() {
    let event_loop = real_loop();
    let log = Log::default();
    let (first, _keeps_first_open) = UnixStream::pair().unwrap();
    let noted = log.clone();
    event_loop.add_reader(&first, move || noted.note("first")).unwrap();
    let number = first.as_raw_fd();
    assert!(event_loop.remove_reader(&first));
    drop(first);
    // Other tests open descriptors too, so the number may be somebody else's by now.
    let mut others = Vec::new();
    let pair = loop {
        let pair = UnixStream::pair().unwrap();
        if pair.0.as_raw_fd() == number || others.len() == 20 {
            break pair;
        }
        others.push(pair);
    };
    let (second, mut writer) = pair;
    let noted = log.clone();
    event_loop.add_reader(&second, move || noted.note("second")).unwrap();
    writer.write_all(b"x").unwrap();
    let _turn = event_loop.run_once(NOW).unwrap();
    assert_eq!(log.entries(), ["second"]);
}

//= SPEC.md#s-11
//= type=test
//# A watched descriptor's callback MUST be called in every iteration in which it is ready, and
//# never after it was removed.
#[test]
fn s11_a_descriptor_closed_without_removal_is_reported_and_forgotten() {
    let event_loop = real_loop();
    let reports = record_reports(&event_loop);
    let (reader, mut writer) = UnixStream::pair().unwrap();
    writer.write_all(b"x").unwrap();
    let (calls, slot) = (Rc::new(Cell::new(0)), Rc::new(RefCell::new(Some(reader))));
    let (count, own) = (Rc::clone(&calls), Rc::clone(&slot));
    let number = slot.borrow().as_ref().unwrap().as_raw_fd();
    // Dropped by the kernel when it forgets the descriptor: not with anything borrowed.
    let watched = OnDrop(|| {
        let local = get_running_loop().unwrap();
        assert!(!local.remove_writer(&Fd(-1)));
        resume_unwind(Box::new("dropped"));
    });
    let on_readable = move || {
        let _watched = &watched;
        count.set(count.get() + 1);
        drop(own.take());
    };
    event_loop.add_reader(&Fd(number), on_readable).unwrap();
    for _ in 0..4 {
        let _turn = event_loop.run_once(NOW).unwrap();
    }
    assert_eq!(calls.get(), 1);
    let messages: Vec<_> = reports.entries().into_iter().map(|context| context.message).collect();
    assert!(messages.iter().any(|message| message.contains("closed")), "{messages:?}");
}

//= SPEC.md#s-12
//= type=test
//# Watching a descriptor twice for the same direction MUST be refused.
#[test]
fn s12_watching_twice_is_refused_and_changes_nothing() {
    let event_loop = real_loop();
    let (reader, mut writer) = UnixStream::pair().unwrap();
    writer.write_all(b"x").unwrap();
    let log = Log::default();
    let (reads, writes) = (log.clone(), log.clone());
    event_loop.add_reader(&reader, move || reads.note("reader")).unwrap();
    let owned = Rc::new(());
    let second = || {
        let owned = Rc::clone(&owned);
        move || unreachable!("refused: {owned:?}")
    };
    assert!(matches!(event_loop.add_reader(&reader, second()), Err(WatchError::AlreadyWatched)));
    event_loop.add_writer(&reader, move || writes.note("writer")).unwrap();
    assert!(matches!(event_loop.add_writer(&reader, second()), Err(WatchError::AlreadyWatched)));
    assert!(matches!(event_loop.add_reader(&reader, second()), Err(WatchError::AlreadyWatched)));
    assert_eq!(Rc::strong_count(&owned), 1, "what was refused is dropped");
    let _turn = event_loop.run_once(NOW).unwrap();
    assert_eq!(log.entries(), ["reader", "writer"]);
    // The other direction, another descriptor, or the same one after its removal is no second time.
    assert!(event_loop.remove_reader(&reader));
    event_loop.add_reader(&reader, || {}).unwrap();
    event_loop.add_reader(&writer, || {}).unwrap();
}

//= SPEC.md#s-12
//= type=test
//# Watching a descriptor twice for the same direction MUST be refused.
#[test]
fn s12_a_descriptor_that_cannot_be_watched_is_refused() {
    let event_loop = real_loop();
    let owned = Rc::new(());
    let watcher = || {
        let owned = Rc::clone(&owned);
        move || unreachable!("refused: {owned:?}")
    };
    let file = std::fs::File::open(std::env::current_exe().unwrap()).unwrap();
    // Never a descriptor, not open, and one that is always ready and so cannot be watched.
    for bad in [Fd(-1), Fd(RawFd::MIN), Fd(RawFd::MAX), Fd(file.as_raw_fd())] {
        assert!(matches!(event_loop.add_reader(&bad, watcher()), Err(WatchError::Os(_))));
        assert!(matches!(event_loop.add_writer(&bad, watcher()), Err(WatchError::Os(_))));
        assert!(!event_loop.remove_reader(&bad) && !event_loop.remove_writer(&bad));
    }
    assert_eq!(Rc::strong_count(&owned), 1);
    let (reader, writer) = UnixStream::pair().unwrap();
    event_loop.add_reader(&reader, || {}).unwrap();
    drop(writer);
    let _turn = event_loop.run_once(NOW).unwrap();
}

//= SPEC.md#s-12
//= type=test
//# Watching a descriptor twice for the same direction MUST be refused.
#[test]
fn s12_what_is_refused_is_dropped_with_nothing_borrowed() {
    let event_loop = Rc::new(real_loop());
    let (reader, _writer) = UnixStream::pair().unwrap();
    let reader = Rc::new(reader);
    event_loop.add_reader(&reader, || {}).unwrap();
    let dropped = Rc::new(Cell::new(0));
    let nosy = || {
        let (event_loop, reader) = (Rc::clone(&event_loop), Rc::clone(&reader));
        let dropped = Rc::clone(&dropped);
        let reenter = OnDrop(move || {
            // Uses all that the refusing call has used.
            event_loop.add_writer(&reader, || {}).unwrap();
            assert!(event_loop.remove_writer(&reader));
            dropped.set(dropped.get() + 1);
        });
        move || _ = &reenter
    };
    assert!(matches!(event_loop.add_reader(&reader, nosy()), Err(WatchError::AlreadyWatched)));
    assert!(matches!(event_loop.add_reader(&Fd(-1), nosy()), Err(WatchError::Os(_))));
    assert!(matches!(event_loop.add_reader(&Fd(RawFd::MAX), nosy()), Err(WatchError::Os(_))));
    assert_eq!(dropped.get(), 3);
}

//= SPEC.md#s-11
//= type=test
//# A watched descriptor's callback MUST be called in every iteration in which it is ready, and
//# never after it was removed.
#[test]
fn s11_a_reader_hears_that_whoever_wrote_is_gone() {
    let event_loop = virtual_loop();
    // Nothing was written: of a pipe the poll says only that it was hung up.
    let (reader, writer) = std::io::pipe().unwrap();
    let log = Log::default();
    let noted = log.clone();
    event_loop.add_reader(&reader, move || noted.note("gone")).unwrap();
    let _turn = event_loop.run_once(NOW).unwrap();
    assert!(log.entries().is_empty());
    drop(writer);
    for _ in 0..2 {
        let _turn = event_loop.run_once(NOW).unwrap();
    }
    assert_eq!(log.entries(), ["gone", "gone"]);
}
