//! One model's values, module by module.

use std::collections::BTreeMap;
use std::time::Instant;

use anyhow::Result;
use burn::backend::Flex;
use inference::machine::Machine;
use model::{AlphaGenome, Array, Batch, Known, Request, SpliceSitePositions, Stage};

use super::modules::{bare, distance};
use super::{Loss, Module, Output};
use crate::closeness::{Closeness, floats};
use crate::outputs::{Kind, kind_of, reading_order};
use crate::run::Modules;

/// A sequence, the modules that read it, and the splice sites that all arithmetics are given.
pub struct Subject {
    /// The sequence.
    pub batch: Batch,
    /// The modules in the order of the data.
    pub stages: Vec<Stage>,
    /// Junctions are only compared at equal sites; nothing before the reference has chosen them.
    pub sites: Option<SpliceSitePositions>,
}

/// Milliseconds by module.
pub type Times = BTreeMap<String, f64>;
/// Relative L2 distances by module; nothing for an infinite one.
pub type Distances = BTreeMap<String, Option<f64>>;

/// The outputs of all modules and heads in one arithmetic, and what the modules take.
pub struct Values {
    /// By tap's path and output's name.
    pub known: Known,
    /// Milliseconds a module.
    pub milliseconds: Times,
}

/// An ordinary pass, and how long modules take on the device.
///
/// # Errors
/// Where the batch does not fit the model, or the device fails.
pub fn values(machine: &Machine, subject: &Subject) -> Result<Values> {
    let mut taps = Modules::of(&subject.stages);
    let request = Request {
        splice_site_positions: subject.sites.clone(),
        ..Request::everything()
    };
    let outputs = machine.run(&subject.batch, &request, &mut taps)?;
    let mut known = taps.arrays;
    known.extend(outputs);
    let mut milliseconds = BTreeMap::new();
    for (path, time) in machine
        .profile(&subject.batch, &request)?
        .unwrap_or_default()
    {
        let path = owner(&path, &subject.stages).unwrap_or(path);
        *milliseconds.entry(path).or_insert(0.0) += time;
    }
    Ok(Values {
        known,
        milliseconds,
    })
}

/// The module that a part of it belongs to: the longest path that begins it. A GPU's profile leaves the root out.
fn owner(path: &str, stages: &[Stage]) -> Option<String> {
    let path = bare(path);
    let begins = |stage: &&Stage| {
        let rest = path.strip_prefix(bare(&stage.path));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let stage = stages
        .iter()
        .filter(begins)
        .max_by_key(|stage| stage.path.len());
    stage.map(|stage| stage.path.clone())
}

/// Every module alone, on the outputs that `known` has: what it gives, and its milliseconds.
///
/// # Errors
/// Where a module cannot be run.
pub fn locally(
    model: &AlphaGenome<Flex>,
    subject: &Subject,
    known: &Known,
    progress: &dyn Fn(&str),
) -> Result<(Times, Distances)> {
    let (mut times, mut distances) = (BTreeMap::new(), BTreeMap::new());
    for stage in &subject.stages {
        progress(&stage.path);
        let started = Instant::now();
        let given = model.run_stage(&stage.path, &subject.batch, known)?;
        times.insert(stage.path.clone(), started.elapsed().as_secs_f64() * 1e3);
        let apart = given.iter().filter_map(|(name, array)| {
            let reference = known.get(name)?;
            is_compared(name).then(|| distance(reference, array))
        });
        let apart = apart.max_by(|a, b| order(*a).total_cmp(&order(*b)));
        distances.insert(stage.path.clone(), apart.flatten());
    }
    Ok((times, distances))
}

fn order(distance: Option<f64>) -> f64 {
    distance.unwrap_or(f64::INFINITY)
}

/// Whether the distance of an output says something: sites and masks are given.
pub fn is_compared(name: &str) -> bool {
    !matches!(
        kind_of(name).kind,
        Kind::SplicePositions | Kind::JunctionMask
    )
}

/// Puts together what an arithmetic loses; `local` and `times` by module.
pub fn loss(
    arithmetic: &str,
    subject: &Subject,
    (reference, values): (&Values, &Values),
    local: &Distances,
) -> Loss {
    let modules = subject.stages.iter().map(|stage| {
        let of = |name: &String| {
            let (a, b) = (reference.known.get(name)?, values.known.get(name)?);
            Some(order(distance(a, b)))
        };
        let names = stage.outputs.iter().filter(|name| is_compared(name));
        let propagated = names.filter_map(of).reduce(f64::max);
        Module {
            path: stage.path.clone(),
            propagated: propagated.filter(|distance| distance.is_finite()),
            local: local.get(&stage.path).copied().flatten(),
            milliseconds: values.milliseconds.get(&stage.path).copied(),
            reference_milliseconds: reference.milliseconds.get(&stage.path).copied(),
        }
    });
    let mut names: Vec<&String> = reference.known.keys().collect();
    names.retain(|name| !name.starts_with("alphagenome/") && is_compared(name));
    names.sort_by_key(|name| reading_order(name));
    let outputs = names.into_iter().filter_map(|name| {
        let (a, b) = (&reference.known[name], values.known.get(name)?);
        let all = |array: &Array| floats(&array.values, 0, array.values.len()).into_owned();
        let found = Closeness::of(all(a).into_iter().zip(all(b)));
        Some(Output {
            name: name.clone(),
            relative_l2: found.relative_l2,
            cosine: found.cosine,
        })
    });
    Loss {
        arithmetic: arithmetic.into(),
        outputs: outputs.collect(),
        modules: modules.collect(),
    }
}
