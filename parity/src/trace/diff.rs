//! How two traces differ.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::group::{Groups, Work};
use super::kind::Place;

/// One side's work of a row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Side {
    /// Slices.
    pub count: u64,
    /// Microseconds, without the slices inside.
    pub microseconds: f64,
    /// Share of the side's time.
    pub share: f64,
}

/// A kernel of a module.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// The module; empty where no slice names one.
    pub module: String,
    /// The kernel.
    pub kernel: String,
    /// In the first trace.
    pub a: Option<Side>,
    /// In the second.
    pub b: Option<Side>,
    /// Time of the second over time of the first, where both have some.
    pub ratio: Option<f64>,
}

/// All kernels of a module.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ModuleRow {
    /// The module; empty where no slice names one.
    pub module: String,
    /// In the first trace.
    pub a: Option<Side>,
    /// In the second.
    pub b: Option<Side>,
    /// Time of the second over time of the first, where both have some.
    pub ratio: Option<f64>,
}

/// What one trace has alone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Only {
    /// Modules.
    pub modules: Vec<String>,
    /// Kernels, in whatever module.
    pub kernels: Vec<String>,
}

/// Two traces beside each other; rows by the larger time, largest first.
#[derive(Clone, Debug, Serialize)]
pub struct Difference {
    /// Where the work that is compared ran.
    pub place: Place,
    /// Microseconds of work in both.
    pub busy: [f64; 2],
    /// Microseconds from the first start to the last end in both.
    pub wall: [f64; 2],
    /// By module.
    pub modules: Vec<ModuleRow>,
    /// By module and kernel.
    pub kernels: Vec<Row>,
    /// In the first alone.
    pub only_a: Only,
    /// In the second alone.
    pub only_b: Only,
}

/// Compares what ran in one place: on a device, if both traces have one and `place` says nothing else.
pub fn diff(a: &Groups, b: &Groups, place: Option<Place>) -> Difference {
    let place = place.unwrap_or(match a.has_device() && b.has_device() {
        true => Place::Device,
        false => Place::Host,
    });
    let (left, right) = (select(a, place), select(b, place));
    let busy = [&left, &right].map(|work| work.values().map(|work| work.time).sum::<f64>());
    let side = |work: Option<&Work>, which: usize| {
        work.map(|work| Side {
            count: work.count,
            microseconds: work.time,
            share: if busy[which] > 0.0 {
                work.time / busy[which]
            } else {
                0.0
            },
        })
    };
    let keys: BTreeSet<_> = left.keys().chain(right.keys()).collect();
    let mut kernels: Vec<Row> = keys
        .into_iter()
        .map(|key| {
            let (a, b) = (side(left.get(key), 0), side(right.get(key), 1));
            Row {
                module: key.0.clone(),
                kernel: key.1.clone(),
                ratio: ratio(a, b),
                a,
                b,
            }
        })
        .collect();
    kernels.sort_by(|x, y| larger(y.a, y.b).total_cmp(&larger(x.a, x.b)));
    let mut modules: BTreeMap<&str, [Option<Work>; 2]> = BTreeMap::new();
    for (which, work) in [&left, &right].into_iter().enumerate() {
        for ((module, _), work) in work {
            let sum = modules.entry(module).or_default()[which].get_or_insert_default();
            sum.count += work.count;
            sum.time += work.time;
        }
    }
    let mut modules: Vec<ModuleRow> = modules
        .into_iter()
        .map(|(module, [a, b])| {
            let (a, b) = (side(a.as_ref(), 0), side(b.as_ref(), 1));
            ModuleRow {
                module: module.into(),
                ratio: ratio(a, b),
                a,
                b,
            }
        })
        .collect();
    modules.sort_by(|x, y| larger(y.a, y.b).total_cmp(&larger(x.a, x.b)));
    Difference {
        place,
        busy,
        wall: [a.wall, b.wall],
        only_a: only(&left, &right),
        only_b: only(&right, &left),
        modules,
        kernels,
    }
}

type Selected = BTreeMap<(String, String), Work>;

fn select(groups: &Groups, place: Place) -> Selected {
    let here = groups.work.iter().filter(|((at, _, _), _)| *at == place);
    here.map(|((_, module, kernel), work)| ((module.clone(), kernel.clone()), *work))
        .collect()
}

fn only(these: &Selected, those: &Selected) -> Only {
    let names = |work: &Selected, of: fn(&(String, String)) -> &String| {
        work.keys().map(of).cloned().collect::<BTreeSet<_>>()
    };
    let alone = |of: fn(&(String, String)) -> &String| {
        let (these, those) = (names(these, of), names(those, of));
        these
            .difference(&those)
            .filter(|name| !name.is_empty())
            .cloned()
            .collect()
    };
    Only {
        modules: alone(|key| &key.0),
        kernels: alone(|key| &key.1),
    }
}

fn ratio(a: Option<Side>, b: Option<Side>) -> Option<f64> {
    let (a, b) = (a?, b?);
    (a.microseconds > 0.0).then(|| b.microseconds / a.microseconds)
}

fn larger(a: Option<Side>, b: Option<Side>) -> f64 {
    let time = |side: Option<Side>| side.map_or(0.0, |side| side.microseconds);
    time(a).max(time(b))
}
