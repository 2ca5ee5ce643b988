// SPDX-License-Identifier: MIT

//! The contender Tokio: tasks on the current_thread runtime, as one core wants it.
//!
//! This file has the command line, the clocks and what the rows share. What many tasks do by turns
//! is measured from when all of them are warm until the last is done, so what it costs to make and
//! to end them is not in the figure.

use std::fmt::Display;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::Mutex;
use std::time::Instant;
use tokio::runtime::{Builder, Runtime};

mod servers;
mod work;

/// Ends the program with a sentence.
pub fn fail(why: impl Display) -> ! {
    eprintln!("{why}");
    std::process::exit(1)
}

/// Processor time of this process, in nanoseconds: the standard library does not tell it.
fn cpu_now() -> u64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut now) };
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

/// A moment, on the clock of the wall and on the processor's.
#[derive(Clone, Copy)]
pub struct Mark {
    wall: Instant,
    cpu: u64,
}

impl Mark {
    pub fn now() -> Mark {
        Mark { wall: Instant::now(), cpu: cpu_now() }
    }

    /// The line of a row whose work lasted from then until this moment.
    pub fn report(self, since: Mark, count: u64, check: u64) {
        let cpu = self.cpu - since.cpu;
        let wall = (self.wall - since.wall).as_nanos();
        println!("cpu_ns={cpu} wall_ns={wall} count={count} check={check}");
    }
}

/// How often each of many tasks does something: to warm up, and while the clock runs.
pub struct Share {
    pub size: u64,
    pub warm: u64,
    pub each: u64,
    entered: AtomicU64,
    done: [AtomicU64; 8],
    marks: Mutex<Vec<Mark>>, // begin and end
}

impl Share {
    pub fn plan(size: u64, count: u64) -> Share {
        let each = (count / size).max(1);
        Share {
            size,
            warm: (each / 10).max(1),
            each,
            entered: AtomicU64::new(0),
            done: Default::default(),
            marks: Mutex::new(Vec::new()),
        }
    }

    /// One task is warm; the last one starts the clock.
    pub fn enter(&self) {
        if self.entered.fetch_add(1, Relaxed) + 1 == self.size {
            self.mark();
        }
    }

    /// One task, at this of the eight sites, did it so many times; the last one stops the clock.
    pub fn leave(&self, site: usize, times: u64) {
        self.done[site].fetch_add(times, Relaxed);
        if self.total() == self.size * self.each {
            self.mark();
        }
    }

    /// The tasks did it so many times: where they do not take turns, each time is counted.
    pub fn tick(&self, times: u64) {
        let warm = self.size * self.warm;
        if times == warm || times == warm + self.size * self.each {
            self.mark();
        }
    }

    fn mark(&self) {
        self.marks.lock().unwrap().push(Mark::now());
    }

    pub fn total(&self) -> u64 {
        self.done.iter().map(|n| n.load(Relaxed)).sum()
    }

    pub fn report(&self, check: u64) {
        match self.marks.lock().unwrap()[..] {
            [begin, end] => end.report(begin, self.size * self.each, check),
            _ => fail("the work was not done"),
        }
    }
}

/// Bytes of memory that this process has, and of its page tables.
pub fn memory_used() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_else(|why| fail(why));
    let mut sum = 0;
    for line in status.lines() {
        if line.starts_with("VmRSS:") || line.starts_with("VmPTE:") {
            let kib = line.split_whitespace().nth(1).and_then(|n| n.parse::<u64>().ok());
            sum += kib.unwrap_or_else(|| fail(line)) * 1024;
        }
    }
    sum
}

/// As many descriptors as this process may have.
fn raise_limit() {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    unsafe {
        if libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) == 0 {
            limit.rlim_cur = limit.rlim_max;
            libc::setrlimit(libc::RLIMIT_NOFILE, &limit);
        }
    }
}

const ROWS: [&str; 12] = [
    "yield",
    "spawn_join",
    "channel_buffered",
    "channel_handoff",
    "mutex_handoff",
    "ring",
    "skynet",
    "timers",
    "memory",
    "files",
    "echo",
    "http",
];

async fn run(row: &str, size: u64, count: u64) {
    match row {
        "yield" => work::yields(size, count).await,
        "spawn_join" => work::spawn_join(size, count).await,
        "channel_buffered" => work::channel_buffered(size, count).await,
        "channel_handoff" => work::channel_handoff(size, count).await,
        "mutex_handoff" => work::mutex_handoff(size, count).await,
        "ring" => work::ring(size, count).await,
        "skynet" => work::skynet(size).await,
        "timers" => work::timers(size).await,
        "memory" => work::memory(size).await,
        "files" => work::files(size).await,
        "echo" => servers::echo().await,
        "http" => servers::http().await,
        _ => fail(format!("there is no row {row}")),
    }
}

fn number(text: &str, least: u64) -> u64 {
    match text.parse() {
        Ok(n) if n >= least => n,
        _ => fail(format!("{text} is no number to use")),
    }
}

/// The runtime of a row: it has a driver for what the row waits for outside, and no other. A driver
/// would be asked after each round of tasks that yield, which costs a system call.
fn runtime(row: &str) -> std::io::Result<Runtime> {
    let mut builder = Builder::new_current_thread();
    match row {
        "timers" => builder.enable_time().build(),
        "echo" | "http" => builder.enable_io().build(),
        _ => builder.build(),
    }
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (size, count) = match args.len() {
        1 if args[0] == "--rows" => return ROWS.iter().for_each(|row| println!("{row}")),
        1 => (0, 0),
        3 => (number(&args[1], 0), number(&args[2], 1)),
        _ => fail("usage: peer --rows | ROW SIZE COUNT | SERVER"),
    };
    raise_limit();
    let runtime = runtime(&args[0]).unwrap_or_else(|why| fail(why));
    runtime.block_on(run(&args[0], size, count));
    std::process::exit(0) // nobody waits until a million tasks are gone
}
