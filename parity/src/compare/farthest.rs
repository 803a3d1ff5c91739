//! Every track and every window by itself: a pooled figure hides one wrong track of hundreds. The farthest decides.

use parity_stats::farthest::{GroupDistance, largest_by_chance};
use parity_stats::groups::GroupComparison;

use super::groups::Groups;
use crate::align::SITE_KINDS;
use crate::levels::Bounds;
use crate::outputs::Kind;
use crate::result::{Check, Farthest, KnownTracks, OutputResult};

/// The share of an output's root mean square that is added to a track's, where values have both signs.
const SIGNED: f64 = 0.5;
/// The probability with which chance takes the farthest track of an output of normal, independent differences beyond what its bound is
/// widened by. The bounds themselves are wider than JAX's distance to itself, so it is no rate of false alarms.
const CHANCE: f64 = 1e-3;

impl Groups {
    /// Names the track and the window that are farthest by themselves. Where values have both signs, noise does not become smaller
    /// with a track that is nearly zero: half the output's root mean square is added, in squares, to the track's own.
    pub(super) fn describe(&self, output: &mut OutputResult) {
        if output.summary.finite == 0 {
            return;
        }
        let floor = match output.kind {
            Kind::Embedding | Kind::Pair | Kind::ClassLogits | Kind::UsageLogits => SIGNED,
            _ => 0.0,
        };
        let floor = floor * rms(output);
        let far = |parts: &[GroupComparison], each| {
            self.farthest(parts, each, |part| part.distances(floor), f64::INFINITY)
        };
        output.farthest_track = far(&self.tracks, Each::Track);
        output.farthest_window = far(&self.windows, Each::Window);
    }

    /// Holds every track and window to the level's bounds.
    pub(super) fn judge(&self, output: &mut OutputResult, bounds: &Bounds) {
        let rms = rms(output);
        let floor = bounds.tracks.map_or(0.0, |each| each.floor) * rms;
        let mut hold = |name, bound: f64, farthest: Option<Farthest>| {
            let Some(farthest) = farthest else { return };
            // The bound is for many values: it grows by what chance allows the farthest of so many of so few.
            let allowed = match (farthest.distance.value(), farthest.typical.value()) {
                (Some(distance), Some(typical)) if typical > 0.0 => distance / typical,
                _ => 1.0,
            };
            let mut check = Check::at_most(name, farthest.distance, bound * allowed);
            // Not by way of a product and a quotient, each of which rounds.
            check.pass = farthest.beyond == 0;
            check.farthest = Some(farthest);
            output.checks.push(check);
        };
        let (tracks, windows) = (&self.tracks, &self.windows);
        if let Some(each) = bounds.tracks {
            let of = |part: &GroupComparison| part.distances(floor);
            let farthest = self.farthest(tracks, Each::Track, of, each.relative_l2);
            hold("track_relative_l2", each.relative_l2, farthest);
        }
        if let Some(each) = bounds.shapes {
            let of = |part: &GroupComparison| part.shapes(floor, each.floor);
            let farthest = self.farthest(tracks, Each::Track, of, each.relative_l2);
            hold("track_shape_l2", each.relative_l2, farthest);
        }
        if let Some(each) = bounds.windows {
            let of = |part: &GroupComparison| part.distances(each.floor * rms);
            let farthest = self.farthest(windows, Each::Window, of, each.relative_l2);
            hold("window_relative_l2", each.relative_l2, farthest);
        }
    }

    /// The farthest of all groups of `parts` in units of its bound.
    fn farthest(
        &self,
        parts: &[GroupComparison],
        each: Each,
        distances: impl Fn(&GroupComparison) -> Vec<GroupDistance>,
        bound: f64,
    ) -> Option<Farthest> {
        let by_part: Vec<Vec<GroupDistance>> = parts.iter().map(distances).collect();
        let groups = by_part.concat();
        let filled = || {
            let groups = groups.iter().enumerate();
            groups.filter(|(_, group)| group.count > 0)
        };
        let of = filled().count();
        let typical = |group: &GroupDistance| match each {
            Each::Track => {
                let allowed = largest_by_chance(group.count as f64, of, CHANCE);
                group.distance.map(|distance| distance / allowed)
            }
            // A window holds all tracks, which share what they are made from: their number allows nothing.
            Each::Window => group.distance,
        };
        // A distance that is not defined is that from a reference of zeros: only zeros are as good.
        let size = |group: &GroupDistance| typical(group).value().unwrap_or(f64::INFINITY);
        let (index, group) = filled().max_by(|a, b| size(a.1).total_cmp(&size(b.1)))?;
        let (mut part, mut local) = (0, index);
        while local >= by_part[part].len() {
            local -= by_part[part].len();
            part += 1;
        }
        let (factor, pearson) = parts[part].likeness(local);
        let (track, positions) = match each {
            Each::Track => (Some(self.track(index)), None),
            Each::Window => (None, Some(self.window(index))),
        };
        Some(Farthest {
            track,
            name: None,
            positions,
            values: group.count,
            distance: group.distance,
            typical: typical(group),
            factor,
            pearson,
            of,
            beyond: filled().filter(|(_, group)| size(group) > bound).count(),
        })
    }
}

/// What a group is.
#[derive(Clone, Copy)]
enum Each {
    Track,
    Window,
}

fn rms(output: &OutputResult) -> f64 {
    let reference = &output.summary.reference;
    let (mean, std) = (reference.mean.value(), reference.std.value());
    mean.unwrap_or(0.0).hypot(std.unwrap_or(0.0))
}

/// Names the tracks that are farthest, by the model's metadata where it is at hand, and says in the checks which they are.
pub(super) fn name(output: &mut OutputResult, organism: usize, known: Option<&KnownTracks>) {
    let tracks = known.map_or(&[][..], |known| known.of(organism, output.head.as_deref()));
    let tissues = output
        .full_shape
        .last()
        .map_or(1, |&channels| channels / 2)
        .max(1);
    let (kind, checks) = (output.kind, &mut output.checks);
    let name = |track: usize| match kind {
        // The same in every metadata.
        Kind::ClassLogits | Kind::ClassProbabilities => {
            Some((*SITE_KINDS.get(track).unwrap_or(&"no site")).to_owned())
        }
        Kind::Junctions => {
            let strand = if track < tissues { '+' } else { '-' };
            let tissue = tracks.get(track % tissues)?;
            Some(format!("{} ({strand})", tissue.name))
        }
        _ => tracks.get(track).map(|track| track.name.clone()),
    };
    let of_checks = checks
        .iter_mut()
        .filter_map(|check| check.farthest.as_mut());
    for farthest in of_checks.chain(&mut output.farthest_track) {
        farthest.name = farthest.track.and_then(name);
    }
    for check in &mut output.checks {
        if let Some(farthest) = &check.farthest {
            check.note = Some(farthest.sentence(!check.pass));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;
    use std::collections::BTreeMap;

    use crate::compare::{Settings, compare_pair};
    use crate::levels::Thresholds;
    use crate::recording::{DType, Values};
    use crate::result::Check;
    use crate::sample::{Layout, Pair};

    const TRACKS: usize = 100;
    const POSITIONS: usize = 640;

    fn reference() -> Vec<f32> {
        let value = |i: usize| 1e-4 * (1.0 + (i * 7919 % 1013) as f32 / 1013.0);
        (0..POSITIONS * TRACKS).map(value).collect()
    }

    /// The checks of level 2 that fail, with their notes.
    fn failing(dtype: DType, change: impl Fn(usize, usize, &mut f32)) -> Vec<Check> {
        let mut b = reference();
        for (i, value) in b.iter_mut().enumerate() {
            change(i / TRACKS, i % TRACKS, value);
        }
        compared(dtype, reference(), b)
    }

    fn compared(dtype: DType, a: Vec<f32>, b: Vec<f32>) -> Vec<Check> {
        let pair = Pair {
            reference: Cow::Owned(Values::F32(a)),
            candidate: Cow::Owned(Values::F32(b)),
            layout: Layout::Grid {
                full_shape: vec![1, 2 * POSITIONS, TRACKS],
                kept: BTreeMap::from([(1, (0..POSITIONS).map(|i| 2 * i).collect())]),
            },
        };
        let settings = Settings {
            level: 2,
            sides: 1,
            known: None,
            dtype,
            thresholds: Thresholds::profile("default").unwrap(),
            floor: None,
            tables: false,
            only: None,
        };
        let full = vec![1, 2 * POSITIONS, TRACKS];
        let dtypes = (DType::Float32, DType::Float32);
        let output = compare_pair("rna_seq/predictions_1bp", &pair, full, dtypes, &settings);
        let mut checks = output.checks;
        checks.retain(|check| !check.pass);
        checks
    }

    #[test]
    fn one_wrong_track_of_a_hundred_fails_and_is_named() {
        for dtype in [DType::Float32, DType::Bfloat16] {
            for factor in [0.0, 0.5, 2.0] {
                let failed = failing(dtype, |_, track, value| {
                    *value *= if track == 42 { factor } else { 1.0 }
                });
                let by_track = failed.iter().find(|c| c.name == "track_relative_l2");
                let farthest = by_track.and_then(|check| check.farthest.clone()).unwrap();
                assert_eq!((farthest.track, farthest.values), (Some(42), 640));
                assert_eq!((farthest.beyond, farthest.of), (1, TRACKS));
                let found = farthest.factor.value().unwrap();
                assert!(
                    (found - f64::from(factor)).abs() < 1e-6,
                    "{dtype:?} {found}"
                );
            }
        }
    }

    /// Of a track that varies by 1.4 % the distance of one position too far is less than what bfloat16 is allowed.
    #[test]
    fn a_flat_track_at_another_place_fails_by_its_shape() {
        let tracks = |shift: usize| -> Vec<f32> {
            let of = |i: usize| {
                let (position, track) = (i / TRACKS, i % TRACKS);
                let place = position + if track == 7 { shift } else { 0 };
                (1 + track % 13) as f32 * (1.0 + 0.02 * (2.0 * place as f32).sin())
            };
            (0..POSITIONS * TRACKS).map(of).collect()
        };
        let failed = compared(DType::Bfloat16, tracks(0), tracks(1));
        let names: Vec<&str> = failed.iter().map(|check| check.name.as_str()).collect();
        assert_eq!(names, ["track_shape_l2"]);
    }

    #[test]
    fn one_wrong_window_fails_and_is_named_by_its_positions() {
        let failed = failing(DType::Bfloat16, |position, _, value| {
            *value *= if (20..40).contains(&position) {
                0.0
            } else {
                1.0
            }
        });
        let by_window = failed.iter().find(|c| c.name == "window_relative_l2");
        let farthest = by_window.and_then(|check| check.farthest.clone()).unwrap();
        assert_eq!(farthest.place(), "positions 40 to 78");
    }

    #[test]
    fn the_noise_of_jax_fails_nothing() {
        let sign = |i: usize| if i.is_multiple_of(2) { 1.0 } else { -1.0 };
        for (dtype, noise) in [(DType::Float32, 1e-3), (DType::Bfloat16, 2.8e-2)] {
            let failed = failing(dtype, |position, track, value| {
                *value *= 1.0 + noise * sign(position + track);
            });
            let own = |check: &&Check| check.name.ends_with("_relative_l2");
            assert_eq!(failed.iter().filter(own).count(), 0, "{failed:?}");
        }
    }
}
