//! Accept, validate or fall back.
//!
//! | | agreement of predictions | ratio to the floor, where one is given | the level's checks | shapes, NaN, Inf |
//! |---|---|---|---|---|
//! | accept | above 99 % | at most the limit | all pass | as in the reference |
//! | validate | 95 % to 99 % | up to twice the limit | one fails | as in the reference |
//! | fall back | below 95 % | more | | differ, or an output is missing |
//!
//! The worst column decides. An output's agreement is the share of positions with the same class for a classification head
//! (without near-ties, where the reference's two best are closer than its own noise),
//! and for every other prediction the share of values within the level's tolerance; the lowest counts. The bounds are the
//! `[decision]` table of a profile.

use parity_stats::Stat;

use crate::floor::FALSE_ALARM;
use crate::levels::DecisionRule;
use crate::outputs::Kind;
use crate::result::{CaseResult, Decision, Farthest, OutputResult, Report, Run};

/// What was decided, and on what evidence.
#[derive(Clone, Debug)]
pub struct Decided {
    /// The decision.
    pub decision: Decision,
    /// Evidence, one line a column of the table.
    pub evidence: Vec<String>,
}

/// Decides on results.
pub fn decide(reports: &[Report], rule: &DecisionRule) -> Decided {
    let parts = [
        agreement(reports, rule),
        floor(reports, rule),
        checks(reports),
        soundness(reports),
    ];
    let decision = parts
        .iter()
        .map(|(decision, _)| *decision)
        .max_by_key(|decision| severity(*decision))
        .unwrap_or(Decision::FallBack);
    Decided {
        decision,
        evidence: parts.into_iter().map(|(_, line)| line).collect(),
    }
}

/// The word for a decision.
pub fn word(decision: Decision) -> &'static str {
    match decision {
        Decision::Accept => "accept",
        Decision::Validate => "validate",
        Decision::FallBack => "fall back",
    }
}

fn severity(decision: Decision) -> u8 {
    match decision {
        Decision::Accept => 0,
        Decision::Validate => 1,
        Decision::FallBack => 2,
    }
}

type Place<'a> = (&'a Run, &'a CaseResult, &'a OutputResult);

fn outputs(reports: &[Report]) -> impl Iterator<Item = Place<'_>> {
    reports
        .iter()
        .flat_map(|report| &report.runs)
        .flat_map(|run| run.cases.iter().map(move |case| (run, case)))
        .flat_map(|(run, case)| case.outputs.iter().map(move |output| (run, case, output)))
}

fn agreement(reports: &[Report], rule: &DecisionRule) -> (Decision, String) {
    let all: Vec<(f64, Place<'_>)> = outputs(reports)
        .filter_map(|place| Some((output_agreement(place.2)?, place)))
        .collect();
    let Some((least, place)) = all.iter().min_by(|a, b| a.0.total_cmp(&b.0)) else {
        return (
            Decision::FallBack,
            "agreement: no prediction was compared".into(),
        );
    };
    let decision = match *least {
        share if share > rule.accept => Decision::Accept,
        share if share >= rule.validate => Decision::Validate,
        _ => Decision::FallBack,
    };
    let above = all.iter().filter(|(share, _)| *share > rule.accept).count();
    let line = format!(
        "agreement: {above} of {} predictions above {} %; the least is {:.4} % ({}){}: {}",
        all.len(),
        rule.accept * 100.0,
        least * 100.0,
        name(*place),
        near_ties(reports),
        word(decision)
    );
    (decision, line)
}

/// What was not counted, in words.
fn near_ties(reports: &[Report]) -> String {
    let classes = || outputs(reports).filter_map(|place| place.2.classes.as_ref());
    let near = || classes().filter_map(|classes| classes.near_ties);
    let turned: u64 = near().map(|near| near.disagreements).sum();
    let margin = near().map(|near| near.margin).fold(0.0, f64::max);
    let mut words = match turned {
        0 => String::new(),
        _ => format!(
            "; {turned} positions with another class are near-ties, within {margin:.2e} in the reference, and not counted"
        ),
    };
    let blank = near()
        .filter(|near| near.agreement.value().is_none())
        .count();
    if blank > 0 {
        words.push_str(&format!(
            "; {blank} outputs of classes not judged, of which every position is a near-tie"
        ));
    }
    words
}

/// The share of equal classes without near-ties, or of values within the tolerance; none for what is no prediction.
fn output_agreement(output: &OutputResult) -> Option<f64> {
    match output.kind {
        Kind::ClassLogits | Kind::ClassProbabilities => {
            let classes = output.classes.as_ref()?;
            let clear = classes.near_ties.map(|near| near.agreement);
            clear.unwrap_or(classes.agreement).value()
        }
        Kind::Tracks
        | Kind::ScaledTracks
        | Kind::Usage
        | Kind::UsageLogits
        | Kind::Junctions
        | Kind::Other => within(output),
        // Contact maps are predictions, the pair embeddings are none.
        Kind::Pair if output.head.is_some() => within(output),
        _ => None,
    }
}

fn within(output: &OutputResult) -> Option<f64> {
    let mut checks = output.checks.iter();
    checks.find(|check| check.name == "within")?.value.value()
}

fn floor(reports: &[Report], rule: &DecisionRule) -> (Decision, String) {
    let all: Vec<_> = outputs(reports)
        .flat_map(|place| ratios(place.2).map(move |ratio| (ratio, place)))
        .collect();
    let worst = all
        .iter()
        .max_by(|a, b| a.0.share().total_cmp(&b.0.share()));
    let Some((worst, place)) = worst else {
        let line =
            "floor: none was given, so the distance to JAX in units of its own noise is not judged";
        return (Decision::Accept, line.into());
    };
    let decision = match worst.share() {
        share if share <= 1.0 => Decision::Accept,
        share if share <= rule.floor_factor => Decision::Validate,
        _ => Decision::FallBack,
    };
    let held = || outputs(reports).filter(|place| place.2.floor.is_some());
    let beyond = |output: &OutputResult| ratios(output).any(|ratio| ratio.share() > 1.0);
    let within = held().filter(|place| !beyond(place.2)).count();
    let count = held().count();
    let measured = place.2.floor.as_ref().is_none_or(|floor| floor.same_case);
    let line = format!(
        "floor: {within} of {count} outputs within the limit of JAX's distance to itself; the farthest is {} at {:.3} of {:.3} ({}{}); chance takes one of {} sound runs of as many outputs beyond: {}",
        worst.what,
        worst.ratio,
        worst.limit,
        name(*place),
        if measured {
            ""
        } else {
            ", whose case was not measured"
        },
        (1.0 / (count as f64 * FALSE_ALARM)).round().max(1.0),
        word(decision)
    );
    (decision, line)
}

/// A distance in units of JAX's to itself.
struct Ratio {
    what: String,
    ratio: f64,
    limit: f64,
}

impl Ratio {
    fn share(&self) -> f64 {
        self.ratio / self.limit
    }
}

/// The ratios of an output: of all its values, of its farthest track and of its farthest window.
fn ratios(output: &OutputResult) -> impl Iterator<Item = Ratio> {
    // A ratio that is not defined passes only by equality.
    let value = |ratio: Stat, pass: bool| match (ratio.value(), pass) {
        (Some(ratio), _) => ratio,
        (None, true) => 0.0,
        (None, false) => f64::INFINITY,
    };
    let whole = output.floor.iter().map(move |floor| Ratio {
        what: "all values together".into(),
        ratio: value(floor.ratio, floor.pass),
        limit: floor.limit,
    });
    let checks = output.checks.iter();
    let parts = checks.filter(|check| check.name.ends_with("_floor_ratio"));
    whole.chain(parts.map(move |check| {
        Ratio {
            what: check
                .farthest
                .as_ref()
                .map_or(String::new(), Farthest::place),
            ratio: value(check.value, check.pass),
            limit: check.bound,
        }
    }))
}

/// What disagrees at its level is not accepted unseen, whatever its agreement.
fn checks(reports: &[Report]) -> (Decision, String) {
    let failing = |place: &Place<'_>| place.2.checks.iter().any(|check| !check.pass);
    let failed: Vec<_> = outputs(reports).filter(failing).collect();
    let decision = match failed.as_slice() {
        [] => Decision::Accept,
        _ => Decision::Validate,
    };
    let first = failed.first().map_or(String::new(), |place| {
        format!(" (the first: {})", name(*place))
    });
    let line = format!(
        "checks: {} of {} outputs fail a check of the level{first}: {}",
        failed.len(),
        outputs(reports).count(),
        word(decision)
    );
    (decision, line)
}

fn soundness(reports: &[Report]) -> (Decision, String) {
    let differ = outputs(reports)
        .filter(|(_, _, output)| output.summary.non_finite.mismatches > 0)
        .count();
    let missing: usize = reports
        .iter()
        .flat_map(|report| &report.runs)
        .flat_map(|run| &run.cases)
        .map(|case| case.not_compared.iter().filter(|entry| entry.fails).count())
        .sum();
    // A side beside itself is no evidence, whatever it shows.
    let itself = reports
        .iter()
        .flat_map(|report| &report.runs)
        .filter(|run| run.reference.path == run.candidate.path)
        .count();
    let decision = if differ + missing + itself == 0 {
        Decision::Accept
    } else {
        Decision::FallBack
    };
    let line = format!(
        "soundness: {missing} outputs missing or of another shape, {differ} with NaN or infinity elsewhere than the reference{}: {}",
        match itself {
            0 => String::new(),
            _ => format!(", {itself} recordings compared with themselves"),
        },
        word(decision)
    );
    (decision, line)
}

fn name((run, case, output): Place<'_>) -> String {
    format!("{} {} {}", run.reference.name, case.name, output.name)
}
