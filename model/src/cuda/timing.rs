//! What a pass costs on a GPU.

use std::collections::{BTreeMap, BTreeSet};

use super::steps::{Steps, Work};
use super::{CudaAlphaGenome, CudaError};

/// What a pass costs: counted work, and measured time.
#[derive(Clone, Debug)]
pub struct ModuleCost {
    /// The module's Haiku path.
    pub module: String,
    /// Floating-point operations of products and convolutions.
    pub operations: f64,
    /// Bytes that it moves at least: weights of its products, tensors that it reads from other modules and gives to them,
    /// each once.
    pub bytes: u64,
    /// Milliseconds on the device.
    pub milliseconds: f64,
    /// Operations with their milliseconds, in order.
    pub parts: Vec<(&'static str, f64)>,
}

impl CudaAlphaGenome {
    /// Milliseconds of the planned pass on the device, by events.
    ///
    /// # Errors
    /// When the device fails.
    pub fn time(&mut self) -> Result<f32, CudaError> {
        let Self {
            device,
            pass,
            plans,
            ..
        } = self;
        let Some((_, pass)) = pass else {
            return Ok(0.0);
        };
        Ok(device.time(|| pass.run(device, plans))?)
    }

    /// The planned pass operation by operation: work and time, module by module.
    ///
    /// # Errors
    /// When the device fails.
    pub fn profile(&mut self) -> Result<Vec<ModuleCost>, CudaError> {
        let Some((_, pass)) = &self.pass else {
            return Ok(Vec::new());
        };
        let times = pass.profile(&self.device, &self.plans)?;
        let mut costs: Vec<ModuleCost> = Vec::new();
        for (step, time) in pass.steps.steps.iter().zip(times) {
            let module = &pass.steps.modules[step.module];
            let index = match costs.iter().position(|cost| cost.module == *module) {
                Some(index) => index,
                None => {
                    costs.push(ModuleCost {
                        module: module.clone(),
                        operations: 0.0,
                        bytes: bytes(&pass.steps, module, self.weights.element()),
                        milliseconds: 0.0,
                        parts: Vec::new(),
                    });
                    costs.len() - 1
                }
            };
            let (name, operations) = match &step.work {
                Work::Launch {
                    kernel, operations, ..
                } => (*kernel, *operations),
                Work::Product { product, .. } => ("product", product.operations()),
                Work::Convolution { convolution, .. } => ("convolution", convolution.operations()),
            };
            costs[index].operations += operations;
            costs[index].milliseconds += f64::from(time);
            costs[index].parts.push((name, f64::from(time)));
        }
        Ok(costs)
    }
}

/// What a module moves at least: the weights of its products, and every tensor that other modules touch too or that is kept.
fn bytes(steps: &Steps, module: &str, element: usize) -> u64 {
    let mut weights = BTreeMap::new();
    let (mut ours, mut others) = (BTreeSet::new(), BTreeSet::new());
    for step in &steps.steps {
        let inside = steps.modules[step.module] == module;
        if let Some((parameter, values)) = step.work.weights().filter(|_| inside) {
            weights.insert(parameter, (values * element) as u64);
        }
        match inside {
            true => ours.extend(step.work.tensors()),
            false => others.extend(step.work.tensors()),
        }
    }
    let end = steps.steps.len();
    let shared = ours.iter().filter(|id| {
        let lifetime = steps.tensors[id.0];
        others.contains(id) || lifetime.last == end
    });
    shared.map(|id| steps.tensors[id.0].bytes).sum::<u64>() + weights.values().sum::<u64>()
}
