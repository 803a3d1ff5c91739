//! Reads every array of a checkpoint on some threads, and says how fast that was.
//!
//! `cargo run --release --example throughput -- CHECKPOINT [THREADS]`

use std::{
    error::Error,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::Instant,
};

use orbax::{Checkpoint, ReadError};

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let folder = args
        .next()
        .ok_or("usage: throughput CHECKPOINT [THREADS]")?;
    let threads = args.next().map_or(Ok(1), |threads| threads.parse())?;
    let start = Instant::now();
    let checkpoint = Checkpoint::open(folder)?;
    println!(
        "opened in {:.3} s: {}",
        start.elapsed().as_secs_f64(),
        checkpoint.layout()
    );
    let start = Instant::now();
    let next = AtomicUsize::new(0);
    let read_some = || -> Result<usize, ReadError> {
        let mut bytes = 0;
        while let Some(leaf) = checkpoint
            .leaves()
            .get(next.fetch_add(1, Ordering::Relaxed))
        {
            bytes += checkpoint.read(leaf)?.len();
        }
        Ok(bytes)
    };
    let bytes = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(read_some)).collect();
        workers
            .into_iter()
            .map(|worker| {
                worker
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            })
            .sum::<Result<usize, _>>()
    })?;
    let seconds = start.elapsed().as_secs_f64();
    let gigabytes = bytes as f64 / 1e9;
    println!(
        "{} arrays, {gigabytes:.3} GB on {threads} thread(s) in {seconds:.3} s: {:.2} GB/s",
        checkpoint.leaves().len(),
        gigabytes / seconds
    );
    Ok(())
}
