//! The model on the device where it runs.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail};
use burn::backend::Flex;
use model::metadata::Metadata;
use model::{AlphaGenome, Arithmetic, AttentionForm, Batch, Config, Request, Taps};

use terminal::{Device, Devices};

/// The arithmetic that stands in on a device for one that only another kind of device has: XLA's for this device.
pub fn nearest(device: Device, arithmetic: Arithmetic) -> Arithmetic {
    match (device, arithmetic) {
        (Device::Cuda(_) | Device::BurnCuda(_), Arithmetic::XlaCpuF32) => Arithmetic::XlaGpuF32,
        (Device::Cuda(_) | Device::BurnCuda(_), Arithmetic::XlaCpuBf16) => Arithmetic::XlaGpuBf16,
        _ => arithmetic,
    }
}

/// The devices that are meant, each once a model.
///
/// # Errors
/// Where all are meant, and there is none or this program runs on none.
pub fn devices(wish: &Devices) -> Result<Vec<Device>> {
    match wish {
        Devices::Named(list) => Ok(list.clone()),
        #[cfg(feature = "cuda")]
        Devices::AllCuda => match model::CudaAlphaGenome::devices()? {
            0 => bail!("--device {wish}: the driver shows no device"),
            count => Ok((0..count).map(Device::Cuda).collect()),
        },
        #[cfg(not(feature = "cuda"))]
        Devices::AllCuda => bail!("--device {wish}: this program was built without cuda"),
    }
}

/// What loads a model on each of `devices`, in the thread that will own it. On the CPU they share their parameters.
///
/// # Errors
/// Where the model cannot be loaded on the CPU.
pub fn loaders(dir: &Path, arithmetic: Arithmetic, devices: &[Device]) -> Result<Vec<Loader>> {
    let on_cpu = match devices.contains(&Device::Cpu) {
        true => Machine::load(dir, arithmetic, Device::Cpu)?
            .on_cpu()
            .cloned(),
        false => None,
    };
    let loader = |device: &Device| {
        let (device, dir) = (*device, dir.to_owned());
        let shared = on_cpu.clone().filter(|_| device == Device::Cpu);
        Box::new(move || match shared {
            Some(model) => Ok(Machine::of(model, arithmetic)),
            None => Machine::load(&dir, arithmetic, device),
        }) as Loader
    };
    Ok(devices.iter().map(loader).collect())
}

/// Loads a model in the thread that will own it.
pub type Loader = Box<dyn FnOnce() -> Result<Machine> + Send>;

/// The model on the CPU. Clones share its parameters, and may go to other threads.
pub type CpuModel = AlphaGenome<Flex>;

/// A loaded model and where it runs.
pub struct Machine {
    arithmetic: Arithmetic,
    pub(crate) form: Form,
}

pub(crate) enum Form {
    Cpu(Box<CpuModel>),
    #[cfg(feature = "cuda")]
    Cuda(Box<std::cell::RefCell<model::CudaAlphaGenome>>),
    #[cfg(feature = "burn-cuda")]
    BurnCuda(Box<AlphaGenome<burn::backend::Cuda>>),
}

impl Machine {
    /// Loads the folder that `convert` wrote.
    ///
    /// # Errors
    /// Where the folder cannot be loaded, or the device is not there.
    pub fn load(dir: &Path, arithmetic: Arithmetic, device: Device) -> Result<Self> {
        let what = || format!("the model in {} cannot be loaded", dir.display());
        let form = match device {
            Device::Cpu => {
                model::memory::keep();
                let model = AlphaGenome::load(dir, &Default::default(), arithmetic);
                Form::Cpu(Box::new(model.with_context(what)?))
            }
            #[cfg(feature = "cuda")]
            Device::Cuda(number) => {
                let model = model::CudaAlphaGenome::load(dir, number, arithmetic);
                Form::Cuda(Box::new(model.with_context(what)?.into()))
            }
            #[cfg(feature = "burn-cuda")]
            Device::BurnCuda(number) => {
                let device = burn::backend::cuda::CudaDevice::new(number as usize);
                let model = AlphaGenome::load(dir, &device, arithmetic);
                Form::BurnCuda(Box::new(model.with_context(what)?))
            }
            #[cfg(not(all(feature = "cuda", feature = "burn-cuda")))]
            other => {
                let name = other.to_string();
                let feature = name.split(':').next().unwrap_or_default();
                bail!(
                    "this program was built without {name}: build it with `cargo build --release --workspace --features {feature}`"
                )
            }
        };
        Ok(Self { arithmetic, form })
    }

    /// A model that was loaded with this arithmetic.
    #[must_use]
    pub fn of(model: CpuModel, arithmetic: Arithmetic) -> Self {
        let form = Form::Cpu(Box::new(model));
        Self { arithmetic, form }
    }

    /// The arithmetic that was chosen.
    pub fn arithmetic(&self) -> Arithmetic {
        self.arithmetic
    }

    /// The model, where it runs on the CPU.
    pub fn on_cpu(&self) -> Option<&CpuModel> {
        match &self.form {
            Form::Cpu(model) => Some(model),
            #[cfg(any(feature = "cuda", feature = "burn-cuda"))]
            _ => None,
        }
    }

    /// Its configuration, and what its tracks are.
    pub fn describe(&self) -> (Config, Option<Metadata>) {
        match &self.form {
            Form::Cpu(model) => (model.config().clone(), model.metadata().cloned()),
            #[cfg(feature = "cuda")]
            Form::Cuda(model) => {
                let model = model.borrow();
                (model.config().clone(), model.metadata().cloned())
            }
            #[cfg(feature = "burn-cuda")]
            Form::BurnCuda(model) => (model.config().clone(), model.metadata().cloned()),
        }
    }

    /// Chooses how the attention of the sequence runs, and gives the form that runs then: a device may have one alone.
    pub fn set_attention(&mut self, form: AttentionForm) -> AttentionForm {
        match &mut self.form {
            Form::Cpu(model) => model.set_attention(form),
            #[cfg(feature = "cuda")]
            Form::Cuda(model) => {
                let model = model.get_mut();
                model.set_attention(form);
                return model.attention();
            }
            // Burn's own operations are the definition.
            #[cfg(feature = "burn-cuda")]
            Form::BurnCuda(_) => return AttentionForm::Plain,
        }
        form
    }

    /// Bytes of the parameters and of the tensors of the pass that ran last; nothing where the device does not tell.
    pub fn memory(&self) -> Option<u64> {
        match &self.form {
            #[cfg(feature = "cuda")]
            Form::Cuda(model) => Some(model.borrow().memory().iter().sum()),
            _ => None,
        }
    }

    /// The most device memory that was in use at once; nothing where the device does not tell.
    pub fn peak_memory(&self) -> Option<u64> {
        match &self.form {
            #[cfg(feature = "cuda")]
            Form::Cuda(model) => Some(model.borrow().device().peak_bytes()),
            _ => None,
        }
    }

    /// The platform as recordings name it, and the device's name.
    pub fn place(&self) -> (&'static str, String) {
        match &self.form {
            Form::Cpu(_) => ("cpu", "cpu".into()),
            #[cfg(feature = "cuda")]
            Form::Cuda(model) => ("gpu", model.borrow().device().properties().name.clone()),
            #[cfg(feature = "burn-cuda")]
            Form::BurnCuda(_) => ("gpu", "burn-cuda".into()),
        }
    }

    /// Whether a pass is planned for its shapes, so that few different ones are better.
    pub fn plans(&self) -> bool {
        match &self.form {
            #[cfg(feature = "cuda")]
            Form::Cuda(_) => true,
            _ => false,
        }
    }

    /// From now on, how many planned passes are kept beside the one that runs, where the device plans.
    pub fn keep_passes(&self, spares: usize) {
        #[cfg(feature = "cuda")]
        if let Form::Cuda(model) = &self.form {
            model.borrow_mut().keep_passes(spares);
        }
        let _ = spares;
    }

    /// Milliseconds of every module of a pass on the device, by the module's path; nothing where the device does not tell.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub fn profile(&self, batch: &Batch, request: &Request) -> Result<Option<Vec<(String, f64)>>> {
        #[cfg(feature = "cuda")]
        if let Form::Cuda(model) = &self.form {
            let mut model = model.borrow_mut();
            warm(&mut model, batch, request)?;
            let costs = model.profile()?.into_iter();
            return Ok(Some(
                costs.map(|cost| (cost.module, cost.milliseconds)).collect(),
            ));
        }
        let _ = (batch, request);
        Ok(None)
    }

    /// Milliseconds of some passes, outputs left on the device; nothing where outputs are on the host.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub fn times(
        &self,
        batch: &Batch,
        request: &Request,
        count: usize,
    ) -> Result<Option<Vec<f64>>> {
        #[cfg(feature = "cuda")]
        if let Form::Cuda(model) = &self.form {
            let mut model = model.borrow_mut();
            warm(&mut model, batch, request)?;
            let times = (0..count).map(|_| Ok(f64::from(model.time()?)));
            return times.collect::<Result<_>>().map(Some);
        }
        let _ = (batch, request, count);
        Ok(None)
    }

    /// Runs a batch and brings all outputs to the host.
    ///
    /// # Errors
    /// Where the batch or the request does not fit the model, or the device fails.
    pub fn run(
        &self,
        batch: &Batch,
        request: &Request,
        taps: &mut dyn Taps,
    ) -> Result<BTreeMap<String, model::Array>> {
        match &self.form {
            Form::Cpu(model) => Ok(model.run(batch, request, taps)?),
            #[cfg(feature = "cuda")]
            Form::Cuda(model) => {
                let mut model = model.borrow_mut();
                Ok(model.forward(batch, request, taps)?.into_arrays()?)
            }
            #[cfg(feature = "burn-cuda")]
            Form::BurnCuda(model) => Ok(model.run(batch, request, taps)?),
        }
    }
}

/// Runs a pass twice: the first one warms up, the second is captured as a graph.
#[cfg(feature = "cuda")]
fn warm(model: &mut model::CudaAlphaGenome, batch: &Batch, request: &Request) -> Result<()> {
    model.prepare(batch, request, &Default::default())?;
    model.run()?;
    Ok(model.run()?)
}
