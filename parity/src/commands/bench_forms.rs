//! What `parity bench` measures: the model on the CPU, and its form for CUDA devices.

use std::time::Instant;

use anyhow::Result;
use inference::machine::Machine;
use model::{Arithmetic, Batch, NoTaps, Request, SpliceSitePositions, Windows};
use terminal::Device;

use super::bench::Measured;
use crate::cli::{Bench, Dtype};

/// A form under measurement.
pub(super) enum Form {
    Cpu(Machine),
    #[cfg(feature = "cuda")]
    Cuda(Box<model::CudaAlphaGenome>, Arithmetic),
}

/// The arithmetic that was named, or XLA's on a device.
pub(super) fn arithmetic(args: &Bench, device: Device) -> Arithmetic {
    match (args.arithmetic, args.dtype, device) {
        (Some(named), _, _) => named.into(),
        (None, Dtype::F32, Device::Cpu) => Arithmetic::XlaCpuF32,
        (None, Dtype::F32, _) => Arithmetic::XlaGpuF32,
        (None, Dtype::Bf16, Device::Cpu) => Arithmetic::XlaCpuBf16,
        (None, Dtype::Bf16, _) => Arithmetic::XlaGpuBf16,
    }
}

/// Loads the model onto a device.
pub(super) fn load(args: &Bench, device: Device) -> Result<Form> {
    let arithmetic = arithmetic(args, device);
    #[cfg(feature = "cuda")]
    if let Device::Cuda(number) = device {
        let mut model = model::CudaAlphaGenome::load(&args.model, number, arithmetic)?;
        model.set_tuning(args.tune)?;
        return Ok(Form::Cuda(Box::new(model), arithmetic));
    }
    Ok(Form::Cpu(Machine::load(&args.model, arithmetic, device)?))
}

impl Form {
    /// The arithmetic and the device, by name.
    pub(super) fn describe(&self) -> (String, String) {
        match self {
            Self::Cpu(machine) => (machine.arithmetic().to_string(), machine.place().1),
            #[cfg(feature = "cuda")]
            Self::Cuda(model, arithmetic) => (
                arithmetic.to_string(),
                model.device().properties().name.clone(),
            ),
        }
    }

    /// Measures one batch.
    pub(super) fn measure(&mut self, batch: &Batch, args: &Bench) -> Result<Measured> {
        let asked = asked(args, batch.length())?;
        match self {
            Self::Cpu(machine) => on_cpu(machine, batch, &asked, args.repeats),
            #[cfg(feature = "cuda")]
            Self::Cuda(model, _) => on_cuda(model, batch, &asked, args.repeats),
        }
    }
}

/// All outputs, of whole sequences or of the part in their middle.
fn asked(args: &Bench, length: usize) -> Result<Request> {
    let Some(part) = args.part else {
        return Ok(Request::everything());
    };
    let part = part.min(length);
    let start = (length - part) / 2;
    let (config, _) = model::load::describe(&args.model)?;
    let wanted = vec![vec![start..start + part]];
    Ok(Request {
        windows: Some(Windows::new(
            length,
            wanted,
            Windows::margin(&config),
            |blocks| blocks,
        )),
        splice_site_positions: Some(SpliceSitePositions {
            count: 1,
            places: vec![start as i32; 4],
        }),
        ..Request::everything()
    })
}

fn on_cpu(machine: &Machine, batch: &Batch, asked: &Request, repeats: usize) -> Result<Measured> {
    let pass = || -> Result<_> {
        let started = Instant::now();
        let outputs = machine.run(batch, asked, &mut NoTaps)?;
        Ok((started.elapsed().as_secs_f64(), outputs))
    };
    let (first_s, outputs) = pass()?;
    let (config, metadata) = machine.describe();
    let non_finite = outputs.iter().map(|(name, array)| {
        let expected = metadata.as_ref().map_or(0, |metadata| {
            metadata.non_finite(&config, batch.organisms(), name, &array.shape)
        });
        (array.values.non_finite() as u64).abs_diff(expected)
    });
    let non_finite = non_finite.sum();
    drop(outputs);
    let mut times = Vec::new();
    for _ in 0..repeats {
        times.push(pass()?.0 * 1e3);
    }
    Ok(measured(batch.length(), first_s, times, non_finite))
}

/// What the times of a length say.
fn measured(length: usize, first_s: f64, mut times: Vec<f64>, non_finite: u64) -> Measured {
    times.sort_by(f64::total_cmp);
    let at = |index: usize| times.get(index).copied().unwrap_or(first_s * 1e3);
    Measured {
        length,
        first_s,
        median_ms: at(times.len() / 2),
        least_ms: at(0),
        most_ms: at(times.len().saturating_sub(1)),
        device_bytes: None,
        operations: None,
        non_finite,
        modules: Vec::new(),
    }
}

#[cfg(feature = "cuda")]
fn on_cuda(
    model: &mut model::CudaAlphaGenome,
    batch: &Batch,
    asked: &Request,
    repeats: usize,
) -> Result<Measured> {
    use std::collections::BTreeSet;

    use super::bench::Module;

    let started = Instant::now();
    model.prepare(batch, asked, &BTreeSet::new())?;
    model.run()?;
    let first_s = started.elapsed().as_secs_f64();
    let found = model.outputs().non_finite()?;
    let beyond = found
        .iter()
        .map(|output| output.found.saturating_sub(output.expected));
    let non_finite = beyond.sum();
    // The first of these is captured as a graph, so that none of the timed ones is.
    for _ in 0..3 {
        model.run()?;
    }
    let times = (0..repeats).map(|_| model.time().map(f64::from));
    let times = times.collect::<Result<Vec<_>, _>>()?;
    let costs = model.profile()?;
    let modules = costs.into_iter().map(|cost| Module {
        module: cost.module,
        milliseconds: cost.milliseconds,
        operations: cost.operations,
        bytes: cost.bytes,
        parts: super::bench::parts(&cost.parts),
        steps: cost.parts,
    });
    let modules: Vec<Module> = modules.collect();
    Ok(Measured {
        device_bytes: Some(model.memory().iter().sum()),
        operations: Some(modules.iter().map(|module| module.operations).sum()),
        modules,
        ..measured(batch.length(), first_s, times, non_finite)
    })
}
