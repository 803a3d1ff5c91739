//! Where a forward pass spends its time, by module: `profile DIR [BASE_PAIRS] [ARITHMETIC]`.
//!
//! Modules say when they are done by asking whether their output is wanted; the time since the last one did is theirs.
//! Convolution blocks ask before they begin, so that the whole of a down or up block counts as the block's.

use std::cell::RefCell;
use std::path::Path;
use std::time::{Duration, Instant};

use burn::backend::Flex;
use model::{AlphaGenome, Arithmetic, Array, Batch, Request, Sequence, Taps};

/// The times at which modules asked.
struct Clock(RefCell<Vec<(String, Instant)>>);

impl Taps for Clock {
    fn wants(&self, path: &str) -> bool {
        self.0.borrow_mut().push((path.to_owned(), Instant::now()));
        false
    }

    fn take(&mut self, _path: &str, _array: Array) {}
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let usage = "usage: profile DIR [BASE_PAIRS] [ARITHMETIC]";
    let dir = arguments.next().ok_or(usage)?;
    let length: usize = arguments.next().map_or(Ok(4096), |text| text.parse())?;
    let arithmetic = arguments
        .next()
        .map_or(Ok(Arithmetic::XlaCpuF32), |text| text.parse())?;
    let model = AlphaGenome::<Flex>::load(Path::new(&dir), &Default::default(), arithmetic)?;
    let bases: Vec<u8> = (0..length).map(|i| (i * i / 7 % 4) as u8).collect();
    let batch = Batch::new(vec![Sequence::from_indices(&bases)?], vec![0])?;
    // Once before, so that memory and threads are there.
    model.forward(&batch, &Request::everything(), &mut model::NoTaps)?;

    let mut clock = Clock(RefCell::default());
    let begin = Instant::now();
    let outputs = model.forward(&batch, &Request::everything(), &mut clock)?;
    let forward = begin.elapsed();
    let arrays = outputs.into_arrays();
    let whole = begin.elapsed();

    let mut times: Vec<(String, Duration)> = Vec::new();
    let mut last = begin;
    let mut add = |name: String, time: Duration| match times.iter_mut().find(|(n, _)| *n == name) {
        Some((_, sum)) => *sum += time,
        None => times.push((name, time)),
    };
    for (path, time) in clock.0.into_inner() {
        add(module(&path), time - last);
        last = time;
    }
    add(
        "splice sites and junctions".to_owned(),
        begin + forward - last,
    );
    add("outputs to the host".to_owned(), whole - forward);
    for (name, time) in times {
        println!("{name:50} {:8.1} ms", 1e3 * time.as_secs_f64());
    }
    println!("{:50} {:8.1} ms", "all", 1e3 * whole.as_secs_f64());
    drop(arrays);
    Ok(())
}

/// The module of a path, without the numbers that tell its instances apart in the tower.
fn module(path: &str) -> String {
    let parts: Vec<&str> = path.split('/').skip(1).take(2).collect();
    let [first, rest @ ..] = parts.as_slice() else {
        return path.to_owned();
    };
    let rest = rest.first().copied().unwrap_or_default();
    let rest = match *first {
        "transformer_tower" => rest.trim_end_matches(|c: char| c.is_ascii_digit() || c == '_'),
        _ => rest,
    };
    format!("{first} {rest}")
}
