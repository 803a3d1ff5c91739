//! The choice of splice sites: which positions, and in which order.

use std::collections::BTreeSet;

use anyhow::Result;
use model::config::Head;
use model::{Known, Values};

use super::kind::{Kind, Trial};
use super::report::{Culprit, Row};
use super::walk::{JUNCTIONS, Walk};

/// AlphaGenome's lowest probability of a splice site.
const PUBLISHED_THRESHOLD: f32 = 0.1;

/// Holds the sites that the model chooses from recorded input to the recorded ones; nothing where none were recorded.
pub(super) fn check(walk: &Walk<'_>) -> Result<Option<(Row, Culprit)>> {
    let head = walk.subject.config().heads.get(JUNCTIONS);
    let (
        Some(recorded),
        Some(Head::SpliceSitesJunction {
            top_k, threshold, ..
        }),
    ) = (&walk.sites, head)
    else {
        return Ok(None);
    };
    let module = format!("alphagenome/head/{JUNCTIONS}");
    let choose = |known: &Known, threshold: Option<f32>| -> Result<Option<Vec<i32>>> {
        let sites = walk.subject.sites(&walk.batch, known, threshold)?;
        Ok(sites.and_then(|sites| match sites.values {
            Values::I32(places) => Some(places),
            _ => None,
        }))
    };
    let Some(chosen) = choose(&walk.known, None)? else {
        return Ok(None);
    };
    let error = far(recorded, &chosen, *top_k);
    let rule = &walk.settings.floor;
    let moved = match rule.roundings {
        0.0 => 0.0,
        _ => choose(&walk.noisy, None)?.map_or(0.0, |noisy| set_distance(&chosen, &noisy, *top_k)),
    };
    // One site at the edge of the choice may always be another one; what repeats bit by bit chooses the same.
    let one = match rule.roundings {
        0.0 => 0.0,
        _ => rule.least / valid(recorded).max(1) as f64,
    };
    let floor = (rule.roundings * moved)
        .hypot(one)
        .max(rule.least * rule.unit);
    let name = format!("{JUNCTIONS}/splice_site_positions");
    let row = Row {
        module: module.clone(),
        output: name.clone(),
        values: recorded.len(),
        propagated: walk.ours.get(&name).and_then(|ours| match &ours.values {
            Values::I32(ours) => Some(far(recorded, ours, *top_k)),
            _ => None,
        }),
        gain: None,
        local: Some(error),
        floor: Some(floor),
        ratio: Some(error / floor),
        limit: Some(walk.settings.limit),
        input: None,
    };
    let mut trials = Vec::new();
    let mut add = |kind, what: String, sites: &[i32]| {
        let explained = 1.0 - far(recorded, sites, *top_k) / error;
        if error > 0.0 && explained > 0.05 {
            trials.push(Trial {
                kind,
                what,
                explained: Some(explained),
            });
        }
    };
    add(
        Kind::Permuted,
        "the sites in the order of their positions".into(),
        &sorted(&chosen, *top_k),
    );
    if *threshold != PUBLISHED_THRESHOLD {
        let kind = match *threshold > PUBLISHED_THRESHOLD {
            true => Kind::Dropped,
            false => Kind::Offset,
        };
        let what =
            format!("sites from a probability of {PUBLISHED_THRESHOLD} instead of {threshold}");
        if let Some(sites) = choose(&walk.known, Some(PUBLISHED_THRESHOLD))? {
            add(kind, what, &sites);
        }
    }
    let culprit = Culprit {
        module,
        seen_in: None,
        output: name,
        weights: Vec::new(),
        kind: trials
            .first()
            .filter(|trial| trial.explained >= Some(super::kind::NAMED))
            .map(|trial| trial.kind),
        trials,
        command: walk.settings.command.clone(),
    };
    Ok(Some((row, culprit)))
}

/// How far a choice of sites is from another: the share of sites that one alone has, or that of neighbours in another order.
fn far(recorded: &[i32], chosen: &[i32], count: usize) -> f64 {
    set_distance(recorded, chosen, count)
        .max((disorder(chosen, count) - disorder(recorded, count)).abs())
}

fn set_distance(a: &[i32], b: &[i32], count: usize) -> f64 {
    let pairs = a.chunks(count.max(1)).zip(b.chunks(count.max(1)));
    let set =
        |sites: &[i32]| -> BTreeSet<i32> { sites.iter().copied().filter(|&x| x >= 0).collect() };
    let other = pairs.map(|(a, b)| set(a).symmetric_difference(&set(b)).count());
    other.sum::<usize>() as f64 / (valid(a) + valid(b)).max(1) as f64
}

/// The share of neighbours of which the first stands behind the second.
fn disorder(sites: &[i32], count: usize) -> f64 {
    let neighbours = sites.chunks(count.max(1)).flat_map(|kind| kind.windows(2));
    let both = neighbours.filter(|pair| pair[0] >= 0 && pair[1] >= 0);
    let (wrong, all) = both.fold((0, 0), |(wrong, all), pair| {
        (wrong + usize::from(pair[0] > pair[1]), all + 1_usize)
    });
    wrong as f64 / all.max(1) as f64
}

fn valid(sites: &[i32]) -> usize {
    sites.iter().filter(|&&site| site >= 0).count()
}

/// The sites of each kind by position, holes last.
fn sorted(sites: &[i32], count: usize) -> Vec<i32> {
    let mut sites = sites.to_vec();
    for kind in sites.chunks_mut(count.max(1)) {
        kind.sort_unstable_by_key(|&site| (site < 0, site));
    }
    sites
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sites_differ_by_what_one_side_lacks_or_by_their_order() {
        let sites = [1, 5, 9, -1, 2, 3, 4, 8, 1, 2, 3, 4, 1, 2, 3, 4];
        assert_eq!(far(&sites, &sites, 4), 0.0);
        let mut lacks = sites;
        lacks[2] = -1;
        assert_eq!(far(&sites, &lacks, 4), 1.0 / 29.0);
        let mut turned = sites;
        turned.swap(4, 7);
        assert!(far(&sites, &turned, 4) > 0.0);
        assert_eq!(sorted(&turned, 4), sites);
    }
}
