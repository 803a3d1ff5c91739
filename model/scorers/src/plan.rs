use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use genome::polya::PolyaSites;
use genome::{Annotation, Interval, Strand, Variant};

use crate::alignment::{Alignment, merged};
use crate::center_mask::CenterMask;
use crate::contact_map::ContactRow;
use crate::folds::Fold;
use crate::gene_mask::GenePlan;
use crate::junctions::{JunctionGene, JunctionPlan, Strongest};
use crate::polyadenylation::PolyadenylationPlan;
use crate::scores::{Row, ScoredBy, Scores};
use crate::{Behaviour, Error, Organism, OutputType, Predictions, Scorer, Tracks};

/// One of the two alleles of a variant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Allele {
    /// REF.
    Reference,
    /// ALT.
    Alternate,
}

impl fmt::Display for Allele {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if *self == Self::Reference {
            "REF"
        } else {
            "ALT"
        })
    }
}

/// What scoring needs beside the predictions.
#[derive(Clone, Copy, Debug)]
pub struct Setting<'a> {
    /// Whose scorers are asked for.
    pub organism: Organism,
    /// Genes.
    pub annotation: &'a Annotation,
    /// Polyadenylation sites, for the scorer that needs them.
    pub polya: Option<&'a PolyaSites>,
    /// Whose behaviour is wanted.
    pub behaviour: Behaviour,
}

/// What a scorer reads of an output for one allele.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    /// For which allele.
    pub allele: Allele,
    /// Of which output.
    pub output: OutputType,
    /// Where.
    pub places: Places,
    /// Which tracks, ascending; values of others are not looked at.
    pub tracks: Vec<usize>,
}

/// Places of an output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Places {
    /// Bins, as ascending runs.
    Bins(Vec<Range<usize>>),
    /// One row of the contact map, with all of its columns.
    Row(usize),
    /// Junctions between at most the first `most` sites of a kind. The sites are those of [`crate::sites::union`], which reads
    /// SPLICE_SITES at `bodies`.
    Junctions {
        /// Bases that sites may come from.
        bodies: Vec<Range<usize>>,
        /// Sites of a kind.
        most: usize,
    },
}

/// A scorer that is ready for a variant in an interval.
#[derive(Clone, Debug)]
pub struct Plan {
    scorer: Scorer,
    variant: Variant,
    interval: Interval,
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    Folds(Folds),
    ContactMap(ContactRow),
    Junctions(JunctionPlan),
}

/// Scorers of sums over positions.
#[derive(Clone, Debug)]
enum Folds {
    CenterMask(CenterMask),
    Gene(GenePlan),
    Polyadenylation(PolyadenylationPlan),
}

impl Folds {
    fn fold(&self, output: OutputType) -> Fold {
        match self {
            Self::CenterMask(mask) => mask.fold(output),
            Self::Gene(plan) => plan.fold(output),
            Self::Polyadenylation(plan) => plan.fold(output),
        }
    }

    fn scores(&self, folded: &[[f64; 2]], tracks: &Tracks) -> (Vec<Row>, Vec<f32>) {
        match self {
            Self::CenterMask(mask) => (vec![Row::default()], mask.scores(folded)),
            Self::Gene(plan) => (plan.rows.clone(), plan.scores(folded, tracks)),
            Self::Polyadenylation(plan) => (plan.rows.clone(), plan.scores(folded, tracks.len())),
        }
    }
}

impl Scorer {
    /// Finds what the scorer looks at for `variant` in `interval`, whose strand plays no part: scores are made on the positive
    /// strand.
    pub fn prepare(
        self,
        interval: &Interval,
        variant: &Variant,
        setting: &Setting<'_>,
    ) -> Result<Plan, Error> {
        let interval = interval.as_unstranded();
        let scorer = self.checked()?;
        if !scorer.supports(setting.organism) {
            return Err(Error::Organism {
                scorer: scorer.to_string(),
                organism: setting.organism.name(),
            });
        }
        let alignment = || Alignment::new(variant, &interval, setting.behaviour);
        if setting.behaviour == Behaviour::V0_3_0 {
            // 0.3.0 aligns splice sites before any scorer runs, so an indel that cannot be aligned has no score at all.
            alignment()?;
        }
        let kind = match scorer {
            Self::CenterMask {
                output,
                width,
                aggregation,
            } => Kind::Folds(Folds::CenterMask(CenterMask::new(
                &interval,
                variant,
                output,
                width,
                aggregation,
            ))),
            Self::ContactMap => Kind::ContactMap(ContactRow::new(&interval, variant)?),
            Self::GeneMaskLfc { .. }
            | Self::GeneMaskActive { .. }
            | Self::GeneMaskSplicing { .. } => Kind::Folds(Folds::Gene(GenePlan::new(
                scorer,
                &interval,
                variant,
                setting.annotation,
                alignment,
            )?)),
            Self::SpliceJunction => Kind::Junctions(JunctionPlan::new(&interval, variant, setting)),
            Self::Polyadenylation => Kind::Folds(Folds::Polyadenylation(PolyadenylationPlan::new(
                scorer, &interval, variant, setting, alignment,
            )?)),
        };
        Ok(Plan {
            scorer,
            variant: variant.clone(),
            interval,
            kind,
        })
    }
}

impl Plan {
    /// The scorer.
    pub fn scorer(&self) -> Scorer {
        self.scorer
    }

    /// Every value that [`Plan::score`] looks at, for both alleles. With predictions of these alone it gives the same scores.
    pub fn reads(&self, tracks: &Tracks) -> Vec<Read> {
        let output = self.scorer.output();
        let all = || (0..tracks.len()).collect::<Vec<_>>();
        let same = |places: Places, tracks: Vec<usize>| {
            let read = |allele| Read {
                allele,
                output,
                places: places.clone(),
                tracks: tracks.clone(),
            };
            vec![read(Allele::Reference), read(Allele::Alternate)]
        };
        match &self.kind {
            Kind::Folds(Folds::CenterMask(mask)) => {
                same(Places::Bins(vec![mask.window.clone()]), all())
            }
            Kind::ContactMap(row) => same(Places::Row(row.row), all()),
            Kind::Junctions(plan) => same(
                Places::Junctions {
                    bodies: plan.bodies.clone(),
                    most: crate::junctions::MOST_SITES,
                },
                all(),
            ),
            Kind::Folds(Folds::Gene(plan)) => aligned(
                output,
                plan.positions(),
                &plan.alignment,
                plan.tracks(tracks),
            ),
            Kind::Folds(Folds::Polyadenylation(plan)) => {
                aligned(output, plan.positions(), &plan.alignment, all())
            }
        }
    }

    /// The scores of single junctions, strand, start and end of each, whether [`Plan::score`] lists them or not: `None` where the
    /// sites are not looked at. Of near ties it lists one, and another implementation may list another.
    pub fn junctions(
        &self,
        reference: &Predictions,
        alternate: &Predictions,
        tracks: &Tracks,
        wanted: &[(Strand, i64, i64)],
    ) -> Result<Vec<Option<Vec<f32>>>, Error> {
        match &self.kind {
            Kind::Junctions(plan) => plan.of(reference, alternate, tracks.len(), wanted),
            _ => Ok(vec![None; wanted.len()]),
        }
    }

    /// What the scorer sums up of its output; nothing where it reads single values.
    pub fn fold(&self) -> Option<Fold> {
        match &self.kind {
            Kind::Folds(folds) => Some(folds.fold(self.scorer.output())),
            Kind::ContactMap(_) | Kind::Junctions(_) => None,
        }
    }

    /// The scores from what [`Plan::fold`] asks for, `[groups, tracks, 2]`; nothing where it asks for nothing.
    pub fn score_folded(&self, folded: &[[f64; 2]], tracks: &Arc<Tracks>) -> Option<Scores> {
        let Kind::Folds(folds) = &self.kind else {
            return None;
        };
        let (rows, values) = folds.scores(folded, tracks);
        Some(self.scores(tracks.clone(), rows, values))
    }

    /// The scores. `tracks` is the table of the output's tracks.
    pub fn score(
        &self,
        reference: &Predictions,
        alternate: &Predictions,
        tracks: &Arc<Tracks>,
    ) -> Result<Scores, Error> {
        let (table, rows, values) = match &self.kind {
            Kind::Folds(folds) => {
                let fold = folds.fold(self.scorer.output());
                let reference = reference.track(fold.output, Allele::Reference)?;
                let alternate = alternate.track(fold.output, Allele::Alternate)?;
                reference.check(tracks.len())?;
                alternate.check(tracks.len())?;
                let (rows, values) = folds.scores(&fold.of(reference, alternate)?, tracks);
                (tracks.clone(), rows, values)
            }
            Kind::ContactMap(row) => {
                let values = row.score(reference, alternate, tracks.len())?;
                (tracks.clone(), vec![Row::default()], values)
            }
            Kind::Junctions(plan) => {
                let (rows, values) =
                    plan.score(reference, alternate, tracks.len(), &self.variant)?;
                (Arc::new(tracks.for_junctions()), rows, values)
            }
        };
        Ok(self.scores(table, rows, values))
    }

    /// The genes in which [`Plan::score_strongest`] wants to know the junctions that change most; nothing for other scorers.
    pub fn junction_genes(&self) -> Option<Vec<JunctionGene>> {
        match &self.kind {
            Kind::Junctions(plan) => Some(plan.genes().collect()),
            _ => None,
        }
    }

    /// The scores of junctions that were chosen already; nothing where the scorer reads none.
    ///
    /// # Errors
    /// As [`Plan::score`].
    pub fn score_strongest(
        &self,
        strongest: &Strongest,
        tracks: &Tracks,
    ) -> Result<Option<Scores>, Error> {
        let Kind::Junctions(plan) = &self.kind else {
            return Ok(None);
        };
        let (rows, values) = plan.score_strongest(strongest, &self.variant)?;
        Ok(Some(self.scores(
            Arc::new(tracks.for_junctions()),
            rows,
            values,
        )))
    }

    fn scores(&self, tracks: Arc<Tracks>, rows: Vec<Row>, values: Vec<f32>) -> Scores {
        Scores {
            by: ScoredBy::Variant {
                scorer: self.scorer,
                variant: self.variant.clone(),
            },
            interval: self.interval.clone(),
            rows,
            tracks,
            values,
            quantiles: None,
        }
    }
}

fn aligned(
    output: OutputType,
    positions: Vec<Range<usize>>,
    alignment: &Alignment,
    tracks: Vec<usize>,
) -> Vec<Read> {
    let positions = merged(positions);
    let moved = alignment.reads(&positions);
    let read = |allele, runs| Read {
        allele,
        output,
        places: Places::Bins(runs),
        tracks: tracks.clone(),
    };
    vec![
        read(Allele::Reference, positions),
        read(Allele::Alternate, moved),
    ]
}
