//! The plan of a conversion: which leaves become which tensors, worked out and checked before any data is read.

pub mod dimensions;
mod matching;
mod shapes;
mod violation;

use std::collections::BTreeMap;

use crate::{
    checkpoint::{Checkpoint, Leaf, Other},
    config,
    spec::{
        Spec,
        pattern::Captures,
        rule::{Rule, Target as TargetName, join_name},
    },
    tensor::{Dtype, TensorType},
    transform::{Transform, infer_chain, peak_in_pieces},
};

use dimensions::{Dimensions, Ground, Seen, ground};
use matching::{Matching, Unit};
pub use violation::{Report, Violation};

/// A tensor that will be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Its name.
    pub name: String,
    /// Shape and element type.
    pub kind: TensorType,
}

/// Leaves that become tensors together.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// What messages call it.
    pub label: String,
    /// Indices of the leaves.
    pub sources: Vec<usize>,
    /// What happens to them.
    pub chain: Vec<Transform>,
    /// Indices of the targets.
    pub targets: Vec<usize>,
    /// Bytes held at once while it runs.
    pub peak: usize,
}

/// A checked plan.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The jobs, in the spec's order.
    pub jobs: Vec<Job>,
    /// The tensors: larger element types first, then by name, which keeps every tensor aligned.
    pub targets: Vec<Target>,
    /// Indices of the leaves that the spec ignores.
    pub ignored: Vec<usize>,
    /// What else the checkpoint holds, none of which the spec reads.
    pub others: Vec<Other>,
    /// The dimensions' values.
    pub dimensions: Dimensions,
    /// `config.json`.
    pub config: serde_json::Value,
}

impl Plan {
    /// Plans the conversion of a checkpoint; floats that the spec does not cast itself become `dtype`.
    ///
    /// # Errors
    /// All violations at once.
    pub fn of(spec: &Spec, checkpoint: &dyn Checkpoint, dtype: Dtype) -> Result<Plan, Report> {
        Plan::with_others(spec, checkpoint.leaves(), checkpoint.others(), dtype)
    }

    /// Plans the conversion of `leaves`, beside which there is nothing.
    ///
    /// # Errors
    /// All violations at once.
    pub fn new(spec: &Spec, leaves: &[Leaf], dtype: Dtype) -> Result<Plan, Report> {
        Plan::with_others(spec, leaves, &[], dtype)
    }

    fn with_others(
        spec: &Spec,
        leaves: &[Leaf],
        others: &[Other],
        dtype: Dtype,
    ) -> Result<Plan, Report> {
        let mut violations: Vec<Violation> =
            spec.problems.iter().cloned().map(Violation::Spec).collect();
        let matching = Matching::new(spec, leaves, others, &mut violations);
        if matching.foreign {
            return Err(Report {
                spec: spec.name.clone(),
                violations,
            });
        }
        let dimensions = shapes::solve(spec, leaves, &matching, &mut violations);
        let mut builder = Builder {
            leaves,
            dtype,
            dimensions: &dimensions,
            seen: &matching.seen,
            jobs: Vec::new(),
            targets: Vec::new(),
            makers: BTreeMap::new(),
        };
        for unit in &matching.units {
            builder.add(
                &spec.blocks[unit.block].rules[unit.rule],
                unit,
                &mut violations,
            );
        }
        let Builder {
            mut jobs,
            targets,
            makers,
            ..
        } = builder;
        for (target, rules) in makers.into_iter().filter(|(_, rules)| rules.len() > 1) {
            violations.push(Violation::DuplicateTarget { target, rules });
        }
        // A config needs every dimension: after other violations it would only repeat them.
        let config = if violations.is_empty() {
            config::evaluate(spec, &dimensions, &matching.seen, dtype, &mut violations)
        } else {
            serde_json::Value::Null
        };
        if !violations.is_empty() {
            return Err(Report {
                spec: spec.name.clone(),
                violations,
            });
        }
        let targets = sort_targets(targets, &mut jobs);
        Ok(Plan {
            jobs,
            targets,
            ignored: matching.ignored,
            others: others.to_vec(),
            dimensions,
            config,
        })
    }

    /// Bytes of all tensors.
    pub fn target_bytes(&self) -> u64 {
        self.targets
            .iter()
            .map(|target| target.kind.bytes() as u64)
            .sum()
    }
}

/// Orders the targets for the file and lets the jobs follow.
fn sort_targets(targets: Vec<Target>, jobs: &mut [Job]) -> Vec<Target> {
    let mut order: Vec<usize> = (0..targets.len()).collect();
    order.sort_by(|&a, &b| {
        let key = |at: usize| {
            (
                std::cmp::Reverse(targets[at].kind.dtype.size()),
                &targets[at].name,
            )
        };
        key(a).cmp(&key(b))
    });
    let mut place = vec![0; targets.len()];
    order
        .iter()
        .enumerate()
        .for_each(|(new, &old)| place[old] = new);
    for job in jobs {
        job.targets
            .iter_mut()
            .for_each(|target| *target = place[*target]);
    }
    order.into_iter().map(|at| targets[at].clone()).collect()
}

struct Builder<'a> {
    leaves: &'a [Leaf],
    dtype: Dtype,
    dimensions: &'a Dimensions,
    seen: &'a Seen,
    jobs: Vec<Job>,
    targets: Vec<Target>,
    makers: BTreeMap<String, Vec<String>>,
}

impl Builder<'_> {
    fn add(&mut self, rule: &Rule, unit: &Unit, violations: &mut Vec<Violation>) {
        let names: Vec<String> = match rule
            .targets
            .iter()
            .map(|target| name_of(target, &unit.captures, self.seen))
            .collect()
        {
            Ok(names) => names,
            Err(reason) => {
                return violations.push(Violation::Transform {
                    rule: rule.label.clone(),
                    reason,
                });
            }
        };
        for name in &names {
            self.makers
                .entry(name.clone())
                .or_default()
                .push(format!("`{}`", rule.label));
        }
        if unit.sources.is_empty() {
            return; // A leaf is missing, which has been said.
        }
        match self.job(rule, unit, names) {
            Ok(Some((mut job, targets))) => {
                job.targets = (self.targets.len()..self.targets.len() + targets.len()).collect();
                self.targets.extend(targets);
                self.jobs.push(job);
            }
            Ok(None) => {}
            Err(reason) => violations.push(Violation::Transform {
                rule: rule.label.clone(),
                reason,
            }),
        }
    }

    /// The job and its targets, or nothing if the rule's transforms are wrong, which has been said.
    fn job(
        &self,
        rule: &Rule,
        unit: &Unit,
        names: Vec<String>,
    ) -> Result<Option<(Job, Vec<Target>)>, String> {
        let Some(steps) = &rule.chain else {
            return Ok(None);
        };
        let length = |expression: &_| {
            let ground = ground(expression, &unit.captures, self.seen)?;
            let value = self
                .dimensions
                .evaluate(&ground)
                .map_err(|unknown| unknown.to_string())?;
            usize::try_from(value).map_err(|_| format!("a length is {value}"))
        };
        let mut chain = steps
            .iter()
            .map(|step| step.resolve(&length))
            .collect::<Result<Vec<_>, _>>()?;
        let input: Vec<TensorType> = unit
            .sources
            .iter()
            .map(|&leaf| self.leaves[leaf].kind.clone())
            .collect();
        let (output, _) = infer_chain(&chain, input.clone())?;
        if output
            .iter()
            .any(|kind| kind.dtype.is_float() && kind.dtype != self.dtype)
        {
            if output.iter().any(|kind| !kind.dtype.is_float()) {
                return Err(
                    "floats and other types end in one chain, which cannot be cast together"
                        .to_owned(),
                );
            }
            chain.push(Transform::Cast { dtype: self.dtype });
        }
        let source = input.first().cloned().filter(|_| input.len() == 1);
        let (output, peak) = infer_chain(&chain, input)?;
        if output.len() != names.len() {
            return Err(format!(
                "they give {} tensors for {} targets",
                output.len(),
                names.len()
            ));
        }
        let in_pieces = match source {
            Some(kind) if names.len() == 1 => peak_in_pieces(&chain, &kind),
            _ => None,
        };
        let targets = names
            .into_iter()
            .zip(output)
            .map(|(name, kind)| Target { name, kind })
            .collect();
        let label = rule.label.clone();
        Ok(Some((
            Job {
                label,
                sources: unit.sources.clone(),
                chain,
                targets: Vec::new(),
                peak: in_pieces.unwrap_or(peak),
            },
            targets,
        )))
    }
}

fn name_of(target: &TargetName, captures: &Captures, seen: &Seen) -> Result<String, String> {
    let number = |expression: &_| match ground(expression, captures, seen)? {
        Ground::Integer(value) => Ok(value),
        _ => Err("a name is made of captures, not of dimensions".to_owned()),
    };
    let name = match target {
        TargetName::Template(template) => template.render(captures, &number)?,
        TargetName::Like {
            module,
            prefix,
            name,
            separator,
        } => {
            let module = module.render(captures).replace('/', separator);
            join_name(
                &[prefix, &module, &name.render(captures, &number)?],
                separator,
            )
        }
    };
    if name.is_empty() || name == "__metadata__" {
        return Err(format!("a tensor cannot be called `{name}`"));
    }
    Ok(name)
}
