//! futures: `LocalPool`, and its `ThreadPool` for blocking functions.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Mutex, OnceLock};

use futures::executor::{LocalPool, LocalSpawner, ThreadPool};
use futures::future::RemoteHandle;
use futures::task::{LocalSpawnExt, SpawnExt};

use super::{Blocking, Local, workers};

#[derive(Clone)]
pub(crate) struct Inside(LocalSpawner);

impl Local for Inside {
    type Join<T: Clone + 'static> = RemoteHandle<T>;

    fn run<T: Clone + 'static, F>(body: impl FnOnce(Self) -> F) -> T
    where
        F: Future<Output = T> + 'static,
    {
        let mut pool = LocalPool::new();
        let body = body(Inside(pool.spawner()));
        pool.run_until(body)
    }

    fn call_soon(&self, callback: impl FnOnce() + 'static) {
        self.0.spawn_local(async move { callback() }).expect("a pool that runs");
    }

    fn spawn<T: Clone + 'static>(&self, task: impl Future<Output = T> + 'static) -> Self::Join<T> {
        self.0.spawn_local_with_handle(task).expect("a pool that runs")
    }

    fn yield_now(&self) -> impl Future<Output = ()> + 'static {
        futures_lite::future::yield_now()
    }
}

impl Blocking for Inside {
    fn blocking(&self, value: u64) -> impl Future<Output = u64> + 'static {
        static POOLS: OnceLock<Mutex<HashMap<usize, ThreadPool>>> = OnceLock::new();
        thread_local! {
            static POOL: std::cell::RefCell<Option<(usize, ThreadPool)>> =
                const { std::cell::RefCell::new(None) };
        }
        POOL.with_borrow_mut(|known| {
            if known.as_ref().is_none_or(|(size, _)| *size != workers()) {
                let mut pools = POOLS.get_or_init(Mutex::default).lock().expect("no panic in here");
                let pool = pools.entry(workers()).or_insert_with(|| {
                    let builder = &mut ThreadPool::builder();
                    builder.pool_size(workers()).create().expect("threads")
                });
                *known = Some((workers(), pool.clone()));
            }
            let (_, pool) = known.as_ref().expect("set above");
            pool.spawn_with_handle(async move { value + 1 }).expect("a pool that runs")
        })
    }
}
