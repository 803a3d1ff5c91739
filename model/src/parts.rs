//! Single modules, loaded with a change in them.

use std::path::Path;
use std::sync::Arc;

use safetensors::Dtype;

use crate::config::Config;
use crate::forward::AlphaGenome;
use crate::load::{LoadError, describe};
use crate::metadata::Metadata;
use crate::operations::Operations;
use crate::parameters::{Edit, Loader};
use crate::precision::Arithmetic;
use crate::store::Store;

/// How a module is to compute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Form {
    /// Where it rounds.
    pub arithmetic: Arithmetic,
    /// Whether it takes the other form of gelu: in the pair path, the output pair and blocks of width 1.
    pub other_gelu: bool,
}

impl From<Arithmetic> for Form {
    fn from(arithmetic: Arithmetic) -> Self {
        Self {
            arithmetic,
            other_gelu: false,
        }
    }
}

/// The files of a conversion, kept open, so that a module can be loaded from them many times.
pub struct Parts {
    config: Config,
    metadata: Option<Arc<Metadata>>,
    store: Store,
}

impl Parts {
    /// Opens the folder of a conversion.
    ///
    /// # Errors
    /// [`LoadError`] when a file cannot be read.
    pub fn open(dir: &Path) -> Result<Self, LoadError> {
        let (config, metadata) = describe(dir)?;
        Ok(Self {
            config,
            metadata: metadata.map(Arc::new),
            store: Store::open(dir)?,
        })
    }

    /// Loads the module whose keys begin with `prefix` (see [`Stage::weights`](crate::stages::Stage::weights)), with its
    /// weights or its configuration changed: to try what a fault in it would do.
    ///
    /// `edit` sees every value of the module by key and shape before it is used. All other weights are stand-ins: only
    /// [`run_stage`](AlphaGenome::run_stage) of that module means anything. A tensor that does not fit is a stand-in too:
    /// [`AlphaGenome::load`] tells.
    pub fn load<B: Operations>(
        &self,
        device: &B::Device,
        form: Form,
        prefix: &str,
        configure: &dyn Fn(&mut Config),
        edit: &Edit<'_>,
    ) -> AlphaGenome<B> {
        let mut config = self.config.clone();
        configure(&mut config);
        let roundings = form.arithmetic.roundings();
        let reader = Loader::reader(&self.store, config.folds, roundings, device);
        let mut loader = reader.part(prefix, edit).with_gelu(form.other_gelu);
        let metadata = self.metadata.as_deref();
        let mut model = AlphaGenome::build(&mut loader, &config, metadata, form);
        model.metadata.clone_from(&self.metadata);
        model
    }

    /// Stored tensors whose key `wanted` accepts by name and shape, with their values as float32, by name.
    pub fn tensors(
        &self,
        wanted: impl Fn(&str, &[usize]) -> bool,
    ) -> impl Iterator<Item = (&str, &[usize], Vec<f32>)> {
        let stored = self.store.names().filter_map(|name| {
            let stored = self.store.get(name)?;
            Some((name.as_str(), stored))
        });
        stored
            .filter(move |(name, stored)| wanted(name, &stored.shape))
            .filter(|(_, stored)| matches!(stored.dtype, Dtype::F32 | Dtype::BF16))
            .filter_map(|(name, stored)| {
                Some((name, &stored.shape[..], self.store.values(stored)?))
            })
    }
}
