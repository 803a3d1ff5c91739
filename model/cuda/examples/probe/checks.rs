//! Every operation against f64 on the CPU: fresh random operands, poisoned results, odd sizes.

use cuda::choice::fastest;
use cuda::graph::Graph;
use cuda::module::Module;
use cuda::{Device, Element, Error, Result, arguments};

use crate::compare::report;
use crate::random::{Random, add_one};
use crate::{convolutions, products};

/// Runs all checks, prints a line each, and tells how many failed.
pub fn run(device: &Device, module: &Module) -> Result<usize> {
    let mut random = Random::new();
    let mut failures = memory(device, &mut random)?;
    failures += kernels(device, module, &mut random)?;
    failures += products::run(device, &mut random)?;
    failures += convolutions::run(device, &mut random)?;
    failures += choice(device)?;
    Ok(failures + errors(device)?)
}

/// Copies longer than the staging memory, and of odd lengths.
fn memory(device: &Device, random: &mut Random) -> Result<usize> {
    let mut failures = 0;
    for count in [1usize, 1001, (8 << 20) + 3, (40 << 20) + 1] {
        let seed = random.normal(Element::F32).to_bits();
        let values = (0..count as u64)
            .map(|i| (i.wrapping_mul(seed) >> 13) as u8)
            .collect::<Vec<_>>();
        let buffer = device.allocate(count as u64)?;
        device.poison(&buffer)?;
        device.write(&values, &buffer)?;
        let back: Vec<u8> = device.download(&buffer)?;
        failures += report(
            &format!("copy of {count} bytes"),
            back == values,
            "there and back",
        );
    }
    Ok(failures)
}

/// A launch with more than 48 KiB of shared memory, and a captured graph against the same work run directly.
fn kernels(device: &Device, module: &Module, random: &mut Random) -> Result<usize> {
    let count = 50_000usize;
    let values = random
        .normals(count, Element::F32)
        .iter()
        .map(|&value| value as f32)
        .collect::<Vec<_>>();
    let (from, to) = (device.upload(&values)?, device.allocate(count as u64 * 4)?);
    device.poison(&to)?;
    let reverse = module.kernel("reverse")?;
    let shared = count as u32 * 4;
    reverse.allow_shared(shared)?;
    let arguments = arguments![&from, &to, count as i32];
    // SAFETY: the kernel takes two pointers to so many floats, and so much shared memory.
    unsafe { reverse.launch([1, 1, 1], [256, 1, 1], shared, &arguments)? };
    let back: Vec<f32> = device.download(&to)?;
    let mut failures = report(
        "shared memory",
        back.iter().eq(values.iter().rev()),
        "200,000 bytes in one block",
    );
    let add = module.kernel("add_one")?;
    let ones = device.upload(&[0.0f32; 32])?;
    let graph = Graph::capture(device, || (0..10).try_for_each(|_| add_one(&add, &ones)))?;
    graph.replay()?;
    graph.replay()?;
    let sums: Vec<f32> = device.download(&ones)?;
    let detail = format!("{} nodes replayed twice give {}", graph.nodes()?, sums[31]);
    failures += report("graph", sums == [20.0; 32], &detail);
    let before = device.used_bytes();
    drop(ones);
    let kept = device.used_bytes() == before;
    graph.replay()?;
    drop(graph);
    let given_back = device.used_bytes() < before;
    failures += report(
        "memory of a graph",
        kept && given_back,
        "kept as long as the graph",
    );
    Ok(failures)
}

/// The faster way is chosen, and remembered.
fn choice(device: &Device) -> Result<usize> {
    let folder = std::env::temp_dir().join(format!("probe-{}", std::process::id()));
    let (small, large) = (device.allocate(1 << 10)?, device.allocate(1 << 30)?);
    let choose = |ways: [u64; 3]| {
        fastest(
            device,
            "fills",
            Some(&folder),
            ways.to_vec(),
            |&bytes| match bytes {
                0 => device.synchronize().and(Err(Error::Contract {
                    operation: "a way".into(),
                    problem: "fails".into(),
                })),
                1 => device.fill(&small, 0),
                _ => device.fill(&large, 0),
            },
        )
    };
    let (first, second) = (choose([0, 2, 1])?, choose([7, 8, 9])?);
    // Whether it can be removed does not matter to the check.
    let _ = std::fs::remove_dir_all(folder);
    Ok(report(
        "choice",
        (first, second) == (1, 9),
        &format!("took {first}, then {second}"),
    ))
}

/// What a user can meet comes back as an error, and the device still works after it.
fn errors(device: &Device) -> Result<usize> {
    let memory = device.memory()?;
    let found = device.allocate(memory.total * 2).err();
    let full =
        matches!(&found, Some(Error::OutOfMemory { asked, .. }) if *asked == memory.total * 2);
    let mut failures = report(
        "out of memory",
        full,
        &found.map_or(String::new(), |error| error.to_string()),
    );
    let found = Device::open(4096)
        .err()
        .map_or(String::new(), |error| error.to_string());
    failures += report(
        "no such device",
        found.contains("no CUDA device 4096"),
        &found,
    );
    let failed = Graph::capture(device, || device.synchronize())
        .err()
        .map_or(String::new(), |error| error.to_string());
    failures += report(
        "waiting inside a capture",
        failed.contains("cuStreamSynchronize"),
        &failed,
    );
    let after: Vec<u8> = device.download(&device.upload(&[7u8; 9])?)?;
    Ok(failures + report("the device after errors", after == [7; 9], "copies"))
}
