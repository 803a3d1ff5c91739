//! The graph of a model with its modules, kept for the batches that follow.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use super::{Stage, StageError};
use crate::attention::AttentionForm;
use crate::batch::Batch;
use crate::config::Config;
use crate::forward::AlphaGenome;
use crate::graph::{Edit, Graph, ValueId, chosen, describe};
use crate::heads::junctions::SpliceSitePositions;
use crate::metadata::Metadata;
use crate::operations::Operations;
use crate::parts::Form;
use crate::request::Request;

/// Graphs that are kept on a thread: of a few forms of a model.
const KEPT: usize = 4;

/// A graph with its modules, and what it is the graph of.
pub(super) struct Network {
    config: Config,
    metadata: Option<Arc<Metadata>>,
    form: (Form, AttentionForm),
    shape: [usize; 2],
    edit: Option<Edit>,
    pub(super) graph: Graph,
    /// Those of the graph before it was changed: what a module reads and gives stays.
    stages: Vec<Stage>,
}

thread_local! {
    static NETWORKS: RefCell<Vec<Rc<Network>>> = const { RefCell::new(Vec::new()) };
}

/// The graph of everything; where no head chooses splice sites, on given ones.
pub(super) fn graph(
    config: &Config,
    metadata: Option<&Metadata>,
    form: (Form, AttentionForm),
    batch: &Batch,
) -> Graph {
    let everything = Request::everything();
    let given = Request {
        splice_site_positions: Some(SpliceSitePositions {
            count: 1,
            places: vec![-1; 4 * batch.size()],
        }),
        ..everything.clone()
    };
    // Nothing of such a request can be refused but organisms that the model does not have, which have no part in a graph.
    describe(config, metadata, form, batch, &everything)
        .or_else(|_| describe(config, metadata, form, batch, &given))
        .unwrap_or_default()
}

/// Whether two are the same, and not only alike.
fn same<T: ?Sized>(a: &Option<Arc<T>>, b: &Option<Arc<T>>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => Arc::ptr_eq(a, b),
        (a, b) => a.is_none() && b.is_none(),
    }
}

impl<B: Operations> AlphaGenome<B> {
    /// The graph of this model on batches of this shape, with the change that is chosen.
    pub(super) fn network(&self, batch: &Batch) -> Rc<Network> {
        let form = (self.form, self.attention());
        let (shape, edit) = ([batch.size(), batch.length()], chosen());
        let fits = |network: &&Rc<Network>| {
            same(&network.metadata, &self.metadata)
                && same(&network.edit, &edit)
                && (network.form, network.shape) == (form, shape)
                && network.config == *self.config()
        };
        let found = NETWORKS.with_borrow(|kept| kept.iter().find(fits).cloned());
        found.unwrap_or_else(|| {
            let mut graph = graph(self.config(), self.metadata(), form, batch);
            let stages = graph.stages();
            if let Some(edit) = &edit {
                edit(&mut graph);
            }
            let network = Rc::new(Network {
                config: self.config().clone(),
                metadata: self.metadata.clone(),
                form,
                shape,
                edit,
                stages,
                graph,
            });
            NETWORKS.with_borrow_mut(|kept| {
                kept.truncate(KEPT - 1);
                kept.insert(0, network.clone());
            });
            network
        })
    }
}

impl Network {
    /// The module at a Haiku path.
    ///
    /// # Errors
    /// [`StageError::Unknown`] where there is none.
    pub(super) fn stage(&self, path: &str) -> Result<&Stage, StageError> {
        let mut stages = self.stages.iter();
        let found = stages.find(|stage| stage.path == path);
        found.ok_or_else(|| StageError::Unknown(path.into()))
    }

    /// The splice sites between which the head at a path counts junctions, by their name among the outputs.
    pub(super) fn sites(&self, path: &str) -> Option<(&str, ValueId)> {
        let head = path.strip_prefix("alphagenome/head/")?;
        let name = format!("{head}/splice_site_positions");
        let mut outputs = self.graph.outputs.iter();
        let found = outputs.find(|(its, ..)| *its == name);
        found.map(|(name, value, _)| (name.as_str(), *value))
    }
}
