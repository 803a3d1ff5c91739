use std::ops::Range;

use genome::polya::Site;
use genome::{Interval, Strand, Variant};

use crate::alignment::Alignment;
use crate::folds::{Fold, Folding};
use crate::genes::{overlapping, within};
use crate::scores::Row;
use crate::{Behaviour, Error, OutputType, Scorer, Setting};

/// Genes that 0.3.0 scores at most.
const MOST_GENES: usize = 22;
/// Sites of a gene that 0.3.0 scores at most.
const MOST_SITES: usize = 136;
/// Bases of coverage a site, upstream of it.
const COVERAGE: i64 = 400;
/// The part of a gene's sites that must lie in the interval.
const SHARE: f64 = 0.8;

/// The genes that overlap the variant and have sites in the interval, with the bases of each site.
#[derive(Clone, Debug)]
pub(crate) struct PolyadenylationPlan {
    pub(crate) rows: Vec<Row>,
    sites: Vec<Vec<Option<Range<usize>>>>,
    pub(crate) alignment: Alignment,
}

impl PolyadenylationPlan {
    pub(crate) fn new(
        scorer: Scorer,
        interval: &Interval,
        variant: &Variant,
        setting: &Setting<'_>,
        alignment: impl FnOnce() -> Result<Alignment, Error>,
    ) -> Result<Self, Error> {
        let table = setting
            .polya
            .ok_or_else(|| Error::NoPolyadenylationSites(scorer.to_string()))?;
        let genes = overlapping(setting.annotation, variant);
        if genes.len() > MOST_GENES {
            let (found, interval) = (genes.len(), Box::new(interval.clone()));
            return Err(Error::Genes {
                found,
                most: MOST_GENES,
                variant: variant.to_string(),
                interval,
            });
        }
        let (mut rows, mut sites) = (Vec::new(), Vec::new());
        for gene in genes
            .into_iter()
            .map(|gene| &setting.annotation.genes()[gene])
        {
            let Some(mut chosen) = chosen(table.of(&gene.id), gene.interval.strand, interval)
            else {
                continue;
            };
            if chosen.len() > MOST_SITES {
                return Err(Error::Sites {
                    gene: gene.id.clone(),
                    found: chosen.len(),
                    most: MOST_SITES,
                });
            }
            // 0.3.0 means to sort the sites, but takes their places from the unsorted ones. Sites next to each other then
            // count as proximal by their order in the file. And it counts the variant's position from one here.
            let at = match setting.behaviour {
                Behaviour::V0_3_0 => variant.position(),
                Behaviour::Corrected => variant.start(),
            };
            if setting.behaviour == Behaviour::Corrected {
                chosen.sort_by_key(|site| {
                    if gene.interval.strand == Strand::Negative {
                        -site.start
                    } else {
                        site.start
                    }
                });
            }
            let nearest = chosen
                .iter()
                .map(|site| (site.start - at).abs())
                .min()
                .unwrap_or(0);
            rows.push(Row {
                polyadenylation: Some((chosen.len(), nearest)),
                ..Row::of(gene, interval)
            });
            sites.push(chosen.iter().map(|site| coverage(site, interval)).collect());
        }
        Ok(Self {
            rows,
            sites,
            alignment: alignment()?,
        })
    }

    pub(crate) fn positions(&self) -> Vec<Range<usize>> {
        self.sites.iter().flatten().flatten().cloned().collect()
    }

    /// Coverage of each site of each gene, one after another.
    pub(crate) fn fold(&self, output: OutputType) -> Fold {
        let sites = self.sites.iter().flatten();
        let groups = sites.map(|site| site.iter().cloned().collect()).collect();
        Fold::new(output, Folding::Sums, groups, &self.alignment)
    }

    /// `[genes, tracks]`: the largest `|log2|` of proximal over distal change, over all cuts between sites. The change at a site
    /// is coverage of ALT over coverage of REF, zero where it is not finite.
    pub(crate) fn scores(&self, folded: &[[f64; 2]], tracks: usize) -> Vec<f32> {
        let mut values = Vec::with_capacity(self.rows.len() * tracks);
        let mut coverages = folded.chunks(tracks.max(1));
        for sites in &self.sites {
            let of_gene: Vec<_> = coverages.by_ref().take(sites.len()).collect();
            values.extend((0..tracks).map(|track| {
                let ratios = of_gene
                    .iter()
                    .map(|site| finite(site[track][1] / site[track][0]));
                largest_shift(sites, &ratios.collect::<Vec<_>>()) as f32
            }));
        }
        values
    }
}

/// The sites on the gene's strand that lie in the interval; `None` where fewer than two do, or too many of the gene's lie
/// outside. A site must end before the interval's last base.
fn chosen(sites: &[Site], strand: Strand, interval: &Interval) -> Option<Vec<Site>> {
    let sites: Vec<_> = sites
        .iter()
        .filter(|site| site.strand == strand)
        .copied()
        .collect();
    let starts = |site: &&Site| site.start >= interval.start;
    let ends = |site: &&Site| site.end < interval.end;
    let share = |count: usize| count as f64 / sites.len() as f64;
    let enough = share(sites.iter().filter(starts).count()) >= SHARE
        && share(sites.iter().filter(ends).count()) >= SHARE;
    if sites.is_empty() || !enough {
        return None;
    }
    let chosen: Vec<_> = sites.iter().filter(starts).filter(ends).copied().collect();
    (chosen.len() != 1).then_some(chosen)
}

/// The bases upstream of a site, clipped to the interval.
fn coverage(site: &Site, interval: &Interval) -> Option<Range<usize>> {
    let (start, end) = match site.strand {
        Strand::Positive => (site.start + 1 - COVERAGE, site.start + 1),
        _ => (site.start, site.start + COVERAGE),
    };
    within(interval, start, end)
}

fn largest_shift(sites: &[Option<Range<usize>>], ratios: &[f64]) -> f64 {
    let all = sites.iter().flatten().count() as f64;
    let (mut count, mut proximal, mut most) = (0.0, 0.0, 0.0f64);
    for (at, (site, ratio)) in sites.iter().zip(ratios).enumerate() {
        count += if site.is_some() { 1.0 } else { 0.0 };
        proximal += ratio;
        let distal: f64 = ratios[at + 1..].iter().sum();
        most = most.max(finite(
            ((all - count) / count * proximal / distal).log2().abs(),
        ));
    }
    most
}

fn finite(value: f64) -> f64 {
    if value.is_finite() { value } else { 0.0 }
}
