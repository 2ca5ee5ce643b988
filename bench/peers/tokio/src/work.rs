// SPDX-License-Identifier: MIT

//! The rows that do work: what they measure is told in docs/performance.md.

use crate::{fail, memory_used, Mark, Share};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, Mutex, Notify};
use tokio::task::{yield_now, JoinHandle};

async fn join<T>(task: JoinHandle<T>) -> T {
    task.await.unwrap_or_else(|why| fail(why))
}

async fn join_all(tasks: Vec<JoinHandle<()>>) {
    for task in tasks {
        join(task).await;
    }
}

// ---- tasks ----

/// A body for each of eight sites: the compiler cannot merge them, as each counts at its own place.
async fn yielder<const SITE: usize>(share: Arc<Share>) {
    for _ in 0..share.warm {
        yield_now().await;
    }
    share.enter();
    let mut done = 0;
    while done < share.each {
        yield_now().await;
        done += 1;
    }
    share.leave(SITE, done);
}

pub async fn yields(size: u64, count: u64) {
    let share = Arc::new(Share::plan(size, count));
    let spawn = |i| match i % 8 {
        0 => tokio::spawn(yielder::<0>(share.clone())),
        1 => tokio::spawn(yielder::<1>(share.clone())),
        2 => tokio::spawn(yielder::<2>(share.clone())),
        3 => tokio::spawn(yielder::<3>(share.clone())),
        4 => tokio::spawn(yielder::<4>(share.clone())),
        5 => tokio::spawn(yielder::<5>(share.clone())),
        6 => tokio::spawn(yielder::<6>(share.clone())),
        _ => tokio::spawn(yielder::<7>(share.clone())),
    };
    join_all((0..size).map(spawn).collect()).await;
    share.report(share.total());
}

async fn batches(size: u64, count: u64) -> u64 {
    let sum = Arc::new(AtomicU64::new(0));
    let mut tasks = Vec::with_capacity(size as usize);
    for _ in 0..count {
        tasks.extend((0..size).map(|i| {
            let sum = sum.clone();
            tokio::spawn(async move {
                sum.fetch_add(i, Relaxed);
            })
        }));
        for task in tasks.drain(..) {
            join(task).await;
        }
    }
    sum.load(Relaxed)
}

pub async fn spawn_join(size: u64, count: u64) {
    let n = (count + size - 1) / size;
    batches(size, n / 10 + 1).await;
    let start = Mark::now();
    let sum = batches(size, n).await;
    Mark::now().report(start, n * size, sum);
}

async fn section(share: &Share, lock: &Mutex<u64>) {
    let mut counter = lock.lock().await;
    yield_now().await;
    *counter += 1;
    share.tick(*counter);
}

async fn locker(share: Arc<Share>, lock: Arc<Mutex<u64>>) {
    for _ in 0..share.warm + share.each {
        section(&share, &lock).await;
    }
}

pub async fn mutex_handoff(size: u64, count: u64) {
    let share = Arc::new(Share::plan(size, count));
    let lock = Arc::new(Mutex::new(0));
    let spawn = |_| tokio::spawn(locker(share.clone(), lock.clone()));
    join_all((0..size).map(spawn).collect()).await;
    let counter = *lock.lock().await;
    share.report(counter - share.size * share.warm);
}

// ---- channels ----

const GONE: &str = "the other end of a channel is gone";

async fn transfer(capacity: u64, count: u64) -> u64 {
    let (send, mut receive) = mpsc::channel(capacity as usize);
    let consumer = tokio::spawn(async move {
        let mut sum = 0;
        while let Some(item) = receive.recv().await {
            sum += item;
        }
        sum
    });
    tokio::spawn(async move {
        for i in 0..count {
            send.send(i).await.expect(GONE);
        }
    });
    join(consumer).await
}

pub async fn channel_buffered(size: u64, count: u64) {
    transfer(size.max(1), count / 10 + 1).await;
    let start = Mark::now();
    let sum = transfer(size.max(1), count).await;
    Mark::now().report(start, count, sum);
}

async fn ping_pong(count: u64) -> u64 {
    let (ping, mut pinged) = mpsc::channel(1);
    let (pong, mut ponged) = mpsc::channel(1);
    tokio::spawn(async move {
        while let Some(n) = pinged.recv().await {
            pong.send(n + 1).await.expect(GONE);
        }
    });
    let asker = tokio::spawn(async move {
        let mut last = 0;
        for n in (0..count).step_by(2) {
            ping.send(n).await.expect(GONE);
            last = ponged.recv().await.expect(GONE);
        }
        last
    });
    join(asker).await
}

pub async fn channel_handoff(_: u64, count: u64) {
    let count = (count + 1) / 2 * 2;
    ping_pong(count / 10 + 2).await;
    let start = Mark::now();
    let last = ping_pong(count).await;
    Mark::now().report(start, count, last);
}

/// A member of the ring takes the token as often as it is its turn.
async fn member(mut from: mpsc::Receiver<u64>, to: mpsc::Sender<u64>, share: Arc<Share>) -> u64 {
    let mut token = 0;
    for _ in 0..share.warm + share.each {
        token = from.recv().await.expect(GONE) + 1;
        share.tick(token);
        let _ = to.send(token).await; // the last finds the first gone
    }
    token
}

pub async fn ring(size: u64, count: u64) {
    let share = Arc::new(Share::plan(size, count));
    let (first, mut from) = mpsc::channel(1);
    for _ in 1..size {
        let (to, next) = mpsc::channel(1);
        tokio::spawn(member(from, to, share.clone()));
        from = next;
    }
    let last = tokio::spawn(member(from, first.clone(), share.clone()));
    first.send(0).await.expect(GONE);
    share.report(join(last).await - share.size * share.warm);
}

// ---- many ----

/// A task says by its end what its subtree sums up to.
fn subtree(first: u64, size: u64) -> JoinHandle<u64> {
    tokio::spawn(async move {
        if size == 1 {
            return first;
        }
        let part = size / 10;
        let children: [_; 10] = std::array::from_fn(|i| subtree(first + i as u64 * part, part));
        let mut sum = 0;
        for child in children {
            sum += join(child).await;
        }
        sum
    })
}

pub async fn skynet(size: u64) {
    let (mut tasks, mut leaves) = (1, 1);
    while leaves < size {
        leaves *= 10;
        tasks += leaves;
    }
    if leaves != size {
        fail("skynet wants a power of ten");
    }
    let start = Mark::now();
    let sum = join(subtree(0, size)).await;
    Mark::now().report(start, tasks, sum);
}

/// Sleeps, and returns how many nanoseconds too late it woke.
async fn sleeper(ms: u64) -> i64 {
    let start = Instant::now();
    tokio::time::sleep(Duration::from_millis(ms)).await;
    start.elapsed().as_nanos() as i64 - ms as i64 * 1_000_000
}

pub async fn timers(size: u64) {
    let asked = |i: u64| 1 + i * 7919 % 1000;
    let mut late = Vec::with_capacity(size as usize);
    let start = Mark::now();
    let tasks: Vec<_> = (0..size).map(|i| tokio::spawn(sleeper(asked(i)))).collect();
    for task in tasks {
        late.push(join(task).await);
    }
    let end = Mark::now();
    late.sort_unstable();
    let n = late.len();
    print!("late_p50_ns={} late_p99_ns={} ", late[n / 2], late[n - 1 - n / 100]);
    end.report(start, size, (0..size).map(asked).sum());
}

pub async fn memory(size: u64) {
    let never = Arc::new(Notify::new());
    let parked = Arc::new(AtomicU64::new(0));
    let before = memory_used();
    for _ in 0..size {
        let (never, parked) = (never.clone(), parked.clone());
        tokio::spawn(async move {
            parked.fetch_add(1, Relaxed);
            never.notified().await;
        });
    }
    while parked.load(Relaxed) < size {
        yield_now().await;
    }
    println!("bytes={} check={size}", (memory_used() - before) / size);
}

pub async fn files(size: u64) {
    let folder = std::env::var("PEERS_FILES");
    let folder =
        folder.unwrap_or_else(|_| fail("PEERS_FILES does not name the folder with the files"));
    let path = |i| format!("{folder}/{}", i % 100);
    let start = Mark::now();
    let read = |i| {
        let path = path(i);
        tokio::spawn(async move {
            let bytes = tokio::fs::read(path).await.unwrap_or_else(|why| fail(why));
            if bytes.len() != 4096 {
                fail("a file has not 4096 bytes");
            }
            u64::from_le_bytes(bytes[..8].try_into().unwrap())
        })
    };
    let tasks: Vec<_> = (0..size).map(read).collect();
    let mut sum = 0u64;
    for task in tasks {
        sum = sum.wrapping_add(join(task).await);
    }
    Mark::now().report(start, size, sum);
}
