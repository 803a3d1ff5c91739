//! Holds an output's figures against the bounds of a level.

use parity_stats::{Reason, Stat};

use super::Settings;
use super::groups::Groups;
use crate::levels::Bounds;
use crate::outputs::Kind;
use crate::result::{Check, FloorRatio, KnownTrack, KnownTracks, OutputResult};

/// Adds the level's checks to an output and says whether it passes. `groups` are its tracks and windows, where a bound is
/// about them.
pub(super) fn output<'a>(
    output: &mut OutputResult,
    settings: &Settings,
    groups: &dyn Fn() -> Option<&'a Groups>,
) {
    let mismatches = output.summary.non_finite.mismatches;
    if output.kind != Kind::SplicePositions {
        let value = Stat::of(mismatches as f64);
        let check = Check::at_most("non_finite_mismatches", value, 0.0);
        output.checks.push(match mismatches {
            0 => check,
            _ => check.with_note("NaN or infinity on one side alone"),
        });
    }
    let bare = output.name.trim_end_matches("@given").to_string();
    let bounds = (settings.level > 1)
        .then(|| {
            settings
                .thresholds
                .bounds(settings.level, settings.dtype, &bare)
        })
        .flatten();
    match (output.kind, bounds) {
        (Kind::SplicePositions, _) => {}
        (Kind::JunctionMask, Some(_)) => mask(output),
        (_, Some(bounds)) if output.reference_dtype.is_float() => floats(output, &bounds, settings),
        (_, Some(_)) => equal(output),
        (_, None) => {}
    }
    if let Some(bounds) =
        bounds.filter(|bounds| bounds.tracks.or(bounds.shapes).or(bounds.windows).is_some())
        && output.reference_dtype.is_float()
        && let Some(groups) = groups()
    {
        groups.judge(output, &bounds);
    }
    for check in &mut output.checks {
        if let Some(jax) = settings
            .thresholds
            .jax_fails(settings.dtype, &bare, &check.name)
        {
            check.note = Some(format!("JAX against JAX: {} ({})", jax.value, jax.pair));
        }
    }
    output.pass = output.checks.iter().all(|check| check.pass);
}

/// What is not finite on both sides agrees only where it is expected: in whole tracks of unscaled predictions that metadata
/// names as padding. Without metadata such tracks are not judged; anything else fails.
pub(super) fn not_finite(output: &mut OutputResult, organism: usize, known: Option<&KnownTracks>) {
    let summary = &output.summary;
    if !output.reference_dtype.is_float() {
        return;
    }
    if summary.finite == 0 {
        match summary.count {
            0 => output
                .notes
                .push("not judged: no value was compared".into()),
            _ => {
                let check = Check::at_least("finite_values", Stat::Defined(0.0), 1.0);
                let note = "an output without a finite value agrees with nothing";
                output.checks.push(check.with_note(note));
            }
        }
    }
    let both = summary.non_finite.reference_nan + summary.non_finite.reference_inf;
    if both > 0 {
        let tracks = &output.padding.channels;
        let rows = summary.count / output.compared_shape.last().map_or(1, |&n| n as u64).max(1);
        let known = known.map(|known| {
            let of_head = known.of(organism, output.head.as_deref());
            let padding = |&&track: &&usize| of_head.get(track).is_some_and(|known| known.padding);
            tracks.iter().filter(padding).count()
        });
        let padded = match output.kind {
            Kind::Tracks => known.unwrap_or(tracks.len()),
            _ => 0,
        };
        if known.is_none() && padded > 0 {
            output.notes.push(format!(
                "not judged: {padded} tracks, NaN throughout in the reference; no metadata at hand says that they are padding"
            ));
        }
        let unexpected = Stat::of((both - padded as u64 * rows) as f64);
        let check = Check::at_most("unexpected_non_finite", unexpected, 0.0);
        output.checks.push(match unexpected {
            Stat::Defined(0.0) => check,
            _ => check.with_note("NaN or infinity in the reference that no padding track explains"),
        });
    }
    if output.kind == Kind::Tracks && !output.padding.zeroed.is_empty() {
        let zeroed = &output.padding.zeroed;
        let of_head = known.map_or(&[][..], |known| known.of(organism, output.head.as_deref()));
        let note = format!(
            "zero throughout, and not in the reference: {}",
            named(zeroed, of_head)
        );
        let check = Check::at_most("zeroed_tracks", Stat::of(zeroed.len() as f64), 0.0);
        output.checks.push(check.with_note(note));
    }
    output.pass = output.checks.iter().all(|check| check.pass);
}

/// Tracks in words, with their names where these are known: `track 1, K562 +; 12 to 127, Padding`.
fn named(tracks: &[usize], known: &[KnownTrack]) -> String {
    let name = |track: usize| known.get(track).map_or("", |known| known.name.as_str());
    let together = |&a: &usize, &b: &usize| b == a + 1 && name(a) == name(b);
    let runs = tracks.chunk_by(together).map(|run| {
        let ends = match run {
            [track] => format!("track {track}"),
            _ => format!("tracks {} to {}", run[0], run[run.len() - 1]),
        };
        match name(run[0]) {
            "" => ends,
            name => format!("{ends}, {name}"),
        }
    });
    runs.collect::<Vec<_>>().join("; ")
}

fn floats(output: &mut OutputResult, bounds: &Bounds, settings: &Settings) {
    let summary = &output.summary;
    if summary.finite == 0 {
        // What is not finite is judged by itself.
        return;
    }
    let mut checks = Vec::new();
    if let Some(within) = bounds.within {
        let share = summary.share_within(within.tolerance());
        let check = Check::at_least("within", share, within.share);
        checks.push(check.with_tolerance(within.tolerance()));
    }
    if let Some(bound) = bounds.pearson {
        match constant(output, settings) {
            None => pearson(&mut checks, output, bound, bounds.constant_l2, settings),
            Some(why) => {
                let bound = bounds.constant_l2.unwrap_or(0.0);
                checks.push(
                    Check::at_most("constant_relative_l2", distance(output), bound)
                        .with_note(format!("{why}: judged by distance")),
                );
            }
        }
    }
    if let Some(bound) = bounds.relative_l2 {
        checks.push(Check::at_most("relative_l2", distance(output), bound));
    }
    if let Some((bound, outliers)) = bounds.outliers.zip(summary.outliers.as_ref()) {
        checks.push(Check::at_most("outliers", outliers.share, bound));
    }
    if let Some(bound) = bounds.t_test_p {
        checks.push(t_test(output, bound));
    }
    if let Some((bound, ulp)) = bounds.steps.zip(summary.ulp.as_ref()) {
        let value = Stat::of(ulp.max as f64);
        checks.push(Check::at_most("steps", value, bound as f64));
    }
    output.checks.extend(checks);
}

/// The correlation. Where an output hardly varies, roundings of its values alone take it below the bound: noise of a relative
/// size `e` beside a signal whose standard deviation is the share `s` of its root mean square leaves `1 - r = (e / s)^2 / 2`.
/// The bound follows that for one rounding to its type, and the distance is bounded as of a constant output.
fn pearson(
    checks: &mut Vec<Check>,
    output: &OutputResult,
    bound: f64,
    constant_l2: Option<f64>,
    settings: &Settings,
) {
    let value = output.summary.pearson;
    let rounding = variation(output).map_or(0.0, |share| {
        0.5 * (roundoff(output, settings) / share).powi(2)
    });
    if rounding <= 1.0 - bound {
        checks.push(Check::at_least("pearson", value, bound));
        return;
    }
    let note = "hardly varies: the correlation that roundings to its type leave";
    checks.push(Check::at_least("pearson", value, 1.0 - rounding).with_note(note));
    if let Some(bound) = constant_l2 {
        checks.push(Check::at_most(
            "constant_relative_l2",
            distance(output),
            bound,
        ));
    }
}

/// The reference's standard deviation as a share of its root mean square.
fn variation(output: &OutputResult) -> Option<f64> {
    let reference = &output.summary.reference;
    let (mean, std) = (reference.mean.value()?, reference.std.value()?);
    // Squares of the smallest numbers are zero.
    let rms = mean.hypot(std);
    Some(if rms > 0.0 { std / rms } else { 0.0 })
}

/// The relative size of one rounding: of the output's type, or of the compute dtype's where that is coarser.
fn roundoff(output: &OutputResult, settings: &Settings) -> f64 {
    let own = output.reference_dtype.unit_roundoff();
    own.max(settings.dtype.unit_roundoff())
}

/// Why an output has no correlation worth the name: no variance, or no more than rounding to its type makes.
fn constant(output: &OutputResult, settings: &Settings) -> Option<&'static str> {
    if output.summary.pearson.reason() == Some(Reason::Constant) {
        return Some("constant");
    }
    (variation(output)? <= roundoff(output, settings)).then_some("varies by less than a rounding")
}

/// The relative L2 distance; where the reference is zero throughout, the root mean square of the candidate.
fn distance(output: &OutputResult) -> Stat {
    match output.summary.relative_l2 {
        Stat::Undefined(Reason::ZeroNorm) => output.summary.rms,
        other => other,
    }
}

/// Differences that are all zero have no variance to test, and no bias.
fn t_test(output: &OutputResult, bound: f64) -> Check {
    let p = output.summary.t_test.p;
    let none = output.summary.equal == output.summary.finite;
    if none {
        Check::at_least("t_test_p", Stat::Defined(1.0), bound).with_note("no difference at all")
    } else {
        Check::at_least("t_test_p", p, bound)
    }
}

/// At equal positions both sites exist on both sides, so the mask says only which tissues an organism has.
fn mask(output: &mut OutputResult) {
    let unequal = output.summary.finite - output.summary.equal;
    let check = Check::at_most("unequal", Stat::of(unequal as f64), 0.0);
    output.checks.push(check.with_note("at equal positions"));
}

fn equal(output: &mut OutputResult) {
    let unequal = output.summary.finite - output.summary.equal;
    let check = Check::at_most("unequal", Stat::of(unequal as f64), 0.0);
    output.checks.push(check);
}

/// Holds an output's distance against JAX's distance to itself.
pub(super) fn against_floor(
    output: &mut OutputResult,
    case: &str,
    floor: &crate::floor::Floor,
    ratio_allowed: f64,
    sides: u8,
) {
    if !output.reference_dtype.is_float() || output.summary.finite == 0 {
        return;
    }
    let Some(held) = floor.of(case, &output.name) else {
        output
            .notes
            .push("the floor file does not have this output".into());
        return;
    };
    let entry = held.entry;
    let ratio = match distance(output) {
        Stat::Defined(distance) => Stat::ratio(distance, entry.relative_l2, Reason::ZeroNorm),
        undefined => undefined,
    };
    let limit = held.limit(ratio_allowed, output.summary.finite, sides);
    // Where JAX equals JAX, only equality is as good.
    let equal = output.summary.equal == output.summary.finite;
    let pass = equal || ratio.value().is_some_and(|ratio| ratio <= limit);
    output.floor = Some(FloorRatio {
        floor: entry.relative_l2,
        pair: entry.pair.clone(),
        ratio,
        limit,
        same_case: held.same_case,
        pass,
    });
    output.pass &= pass;
    let limit = held.limit_of_farthest(ratio_allowed, sides);
    for (name, farthest, floor) in [
        ("track_floor_ratio", &output.farthest_track, entry.track),
        ("window_floor_ratio", &output.farthest_window, entry.window),
    ] {
        let (Some(farthest), Some(floor)) = (farthest, floor) else {
            continue;
        };
        let ratio = match farthest.typical {
            Stat::Defined(0.0) => Stat::Defined(0.0),
            Stat::Defined(distance) => Stat::ratio(distance, floor, Reason::ZeroNorm),
            undefined => undefined,
        };
        let mut check = Check::at_most(name, ratio, limit);
        check.farthest = Some(farthest.clone());
        output.pass &= check.pass;
        output.checks.push(check);
    }
}
