//! `parity scores`: scores of variants against those that DeepMind's code gave.

use std::path::Path;

use anyhow::{Context, Result, bail};
use inference::predictor::Predictor;
use inference::scoring::Scoring;
use model::Arithmetic;
use scorers::{Organism, Scorer};
use serde::Serialize;

use super::write::print;
use crate::cli::Scores;
use crate::exit::Exit;
use crate::progress;
use crate::report::grid::{Grid, terminal_width, wrapped};
use crate::scores::compare::{Candidate, Compared, compare, same_sites, tracks};
use crate::scores::summary::{Measures, Short, Summary, summary};
use crate::scores::{Bounds, Case, Recorded, run as scored};

/// Faults that are named.
const NAMED: usize = 20;

/// The document of `--json`.
#[derive(Debug, Serialize)]
struct Document {
    schema: &'static str,
    schema_version: u32,
    model: String,
    arithmetic: &'static str,
    device: String,
    recording: String,
    setting: String,
    floor: Option<String>,
    floor_limit: f64,
    scorers: Vec<Summary>,
    faults: Vec<String>,
    cases: Vec<Compared>,
    agree: bool,
    seconds: f64,
}

/// Scores the recording's cases and holds them to it.
///
/// # Errors
/// Where the model or the recording cannot be read, or nothing says how far scores may be.
pub fn run(args: &Scores) -> Result<Exit> {
    let started = std::time::Instant::now();
    let mut recorded = open(args, &args.recording, &args.setting)?;
    let arithmetic = args.computing.arithmetic();
    let exact = !args.by_floor && ["xla-cpu-f32", "xla-gpu-f32"].contains(&arithmetic.name());
    if !exact && args.floor.is_none() {
        bail!(
            "scores in {arithmetic} have no bounds of their own: name a setting of JAX in that arithmetic with --floor, and scores \
             are held to its distance from {}",
            args.setting
        );
    }
    recorded
        .cases
        .retain(|case| args.case.is_empty() || args.case.contains(&case.name));
    let only = args.only.as_deref().unwrap_or("");
    recorded
        .scorers
        .retain(|(id, scorer)| id == only || scorer.to_string().contains(only));
    if recorded.cases.is_empty() || recorded.scorers.is_empty() {
        bail!("{}: no case or no scorer is left", args.recording.display());
    }
    let bounds = Bounds::shipped()?;
    let (cases, mut faults) = model(args, &recorded, arithmetic, &bounds, exact)?;
    let floor = args
        .floor
        .as_deref()
        .map(|name| floor(args, name, &recorded))
        .transpose()?;
    // Where bounds decide, it is shown beside.
    let limit = if exact {
        f64::INFINITY
    } else {
        args.floor_limit
    };
    let floor = floor.as_deref().map(|cases| (cases, limit));
    let scorers = recorded
        .scorers
        .iter()
        .map(|(id, scorer)| summary(id, *scorer, &cases, floor));
    let scorers: Vec<Summary> = scorers.collect();
    let named = |case: &Compared, text: &String| format!("{} {}: {text}", case.case, case.scorer);
    faults.extend(
        cases
            .iter()
            .flat_map(|case| case.faults.iter().map(|text| named(case, text))),
    );
    for scorer in &scorers {
        for (group, kind) in [
            (&scorer.substitutions, "substitutions"),
            (&scorer.indels, "indels"),
        ] {
            faults.extend(
                group
                    .faults
                    .iter()
                    .map(|text| format!("{} {kind}: {text}", scorer.id)),
            );
        }
    }
    let document = Document {
        schema: "parity-scores",
        schema_version: 1,
        model: args.model.display().to_string(),
        arithmetic: arithmetic.name(),
        device: args.computing.device.to_string(),
        recording: args.recording.display().to_string(),
        setting: args.setting.clone(),
        floor: args.floor.clone(),
        floor_limit: args.floor_limit,
        // Nothing compared is no agreement.
        agree: faults.is_empty() && cases.iter().any(|case| case.effects.is_some()),
        scorers,
        faults,
        cases,
        seconds: started.elapsed().as_secs_f64(),
    };
    match args.json {
        true => print(&format!("{}\n", serde_json::to_string_pretty(&document)?))?,
        false => print(&table(&document))?,
    }
    Ok(Exit::of(document.agree))
}

fn open(args: &Scores, folder: &Path, setting: &str) -> Result<Recorded> {
    let mut recorded = Recorded::open(folder, args.inputs.as_deref(), setting)?;
    if let Some(region) = &args.region {
        for case in &mut recorded.cases {
            case.interval = region.clone();
        }
    }
    Ok(recorded)
}

/// The model's scores of all cases, held to the recording; and what is wrong with its tracks.
fn model(
    args: &Scores,
    recorded: &Recorded,
    arithmetic: Arithmetic,
    bounds: &Bounds,
    exact: bool,
) -> Result<(Vec<Compared>, Vec<String>)> {
    let (mut found, mut faults) = (Vec::new(), Vec::new());
    let bar = progress::bar(recorded.cases.len());
    for organism in [Organism::Human, Organism::Mouse] {
        let mut cases = recorded
            .cases
            .iter()
            .filter(|case| case.organism == organism)
            .peekable();
        if cases.peek().is_none() {
            continue;
        }
        progress::step(&bar, &format!("loading {}", args.model.display()));
        let predictor = Predictor::open(&args.model, arithmetic, args.computing.device, organism)?;
        let scoring = scored::open(recorded, predictor, !args.no_stitching)?;
        for output in scorers::OutputType::ALL {
            if let (Some(own), Some(known)) = (
                scoring.predictor.tracks(*output),
                recorded.tracks(organism, *output),
            ) {
                faults.extend(tracks(own, *output, known));
            }
        }
        for case in cases {
            progress::step(&bar, &case.name);
            found.extend(one(&scoring, recorded, case, bounds, exact)?);
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    Ok((found, faults))
}

/// One case with every scorer that was recorded for it.
fn one(
    scoring: &Scoring,
    recorded: &Recorded,
    case: &Case,
    bounds: &Bounds,
    exact: bool,
) -> Result<Vec<Compared>> {
    let predictions = scored::predict(scoring, case)?;
    let setting = scored::setting(scoring, case.organism)?;
    let mut found = Vec::new();
    for (id, scorer) in &recorded.scorers {
        let Some(known) = recorded.get(&case.name, id) else {
            continue;
        };
        let blank = Default::default();
        let beside = (bounds, known.unwrap_or(&blank));
        let own = match (&predictions, scoring.predictor.tracks(scorer.output())) {
            (Err(reason), _) => Err(reason.clone()),
            (_, None) => match known {
                // Neither has a track.
                Ok(side) if side.tracks == 0 => Ok(side.clone().into()),
                _ => Err(format!("the model has no {}", scorer.output())),
            },
            (Ok(both), Some(tracks)) => {
                scored::score(*scorer, case, &setting, both, tracks, beside)
                    .map_err(|error| terminal::message(&error))
            }
        };
        let mut compared = held(case, id, *scorer, own, known, exact.then_some(bounds))?;
        if let (Scorer::SpliceJunction, true, Ok([reference, _])) = (scorer, exact, &predictions)
            && let (Some(own), Some(known)) = (&reference.junctions, recorded.sites(&case.name))
            && !same_sites(&own.positions, known)
        {
            compared
                .faults
                .push("junctions are counted between other splice sites".into());
        }
        found.push(compared);
    }
    Ok(found)
}

/// Scores or a refusal, held to the recorded one.
fn held(
    case: &Case,
    id: &str,
    scorer: Scorer,
    own: Result<Candidate, String>,
    known: Result<&crate::scores::Side, &str>,
    bounds: Option<&Bounds>,
) -> Result<Compared> {
    let bound = bounds.map(|bounds| bounds.of(scorer)).transpose()?;
    let bound = bound
        .as_ref()
        .map(|bound| bound as &dyn Fn(f32, f32) -> f64);
    let refused = |faults| Compared {
        faults,
        ..Compared::default()
    };
    let compared = match (own, known) {
        (Ok(own), Ok(known)) => compare(scorer, known, &own, bound),
        (Err(_), Err(_)) => refused(Vec::new()),
        (Err(reason), Ok(_)) => refused(vec![format!("not scored: {reason}")]),
        (Ok(_), Err(reason)) => {
            let line = reason.lines().next().unwrap_or("");
            refused(vec![format!(
                "scored, and the recorded code raises: {line}"
            )])
        }
    };
    Ok(Compared {
        case: case.name.clone(),
        scorer: id.to_owned(),
        indel: case.variant.is_insertion() || case.variant.is_deletion(),
        ..compared
    })
}

/// Another setting's scores beside the recording's: a folder, or a setting of the same one.
fn floor(args: &Scores, name: &str, recorded: &Recorded) -> Result<Vec<Compared>> {
    let folder = Path::new(name);
    let other = match folder.is_dir() {
        true => open(args, folder, &args.setting)?,
        false => open(args, &args.recording, name).with_context(|| format!("--floor {name}"))?,
    };
    let mut found = Vec::new();
    for case in &recorded.cases {
        for (id, scorer) in &recorded.scorers {
            let sides = (recorded.get(&case.name, id), other.get(&case.name, id));
            if let (Some(Ok(known)), Some(Ok(side))) = sides {
                let own = Ok(side.clone().into());
                found.push(held(case, id, *scorer, own, Ok(known), None)?);
            }
        }
    }
    if found.iter().all(|case| case.effects.is_none()) {
        bail!(
            "--floor {name}: has no score in common with {}",
            args.setting
        );
    }
    Ok(found)
}

fn table(document: &Document) -> String {
    let width = terminal_width();
    let mut text = String::new();
    let Document {
        model,
        recording,
        setting,
        arithmetic,
        ..
    } = document;
    let mut line = |line: String| text.push_str(&format!("{}\n", wrapped(&line, 2, width)));
    line(format!(
        "scores of {model} in {arithmetic} against {setting} of {recording}: medians over variants"
    ));
    let mut titles = vec!["scorer", "variants", "n", "rel L2", "r", "sign", "rank"];
    if document.floor.is_some() {
        titles.extend(["JAX's L2", "r", "sign", "rank"]);
    }
    titles.extend(["of bound", ""]);
    let mut rows = vec![titles.into_iter().map(String::from).collect::<Vec<_>>()];
    for scorer in &document.scorers {
        for (group, kind) in [
            (&scorer.substitutions, "subst."),
            (&scorer.indels, "indels"),
        ] {
            if group.cases == 0 {
                continue;
            }
            let mut row = vec![
                Short(&scorer.scorer).to_string(),
                kind.into(),
                group.cases.to_string(),
            ];
            row.extend(figures(&group.median));
            row.extend(group.floor.iter().flat_map(figures));
            let share = scorer.farthest.as_ref().map(|(_, far)| far.share);
            row.push(share.map_or("-".into(), |share| format!("{share:.2}")));
            row.push(if scorer.pass { "pass" } else { "FAILS" }.into());
            rows.push(row);
        }
    }
    Grid {
        rows,
        droppable: &["n", "r", "sign", "rank"],
    }
    .write(&mut text, width);
    let mut line = |line: String| text.push_str(&format!("{}\n", wrapped(&line, 2, width)));
    for fault in document.faults.iter().take(NAMED) {
        line(format!("  {fault}"));
    }
    if document.faults.len() > NAMED {
        line(format!("  and {} more", document.faults.len() - NAMED));
    }
    let ties: usize = document.scorers.iter().map(|scorer| scorer.ties).sum();
    if ties > 0 {
        line(format!(
            "{ties} rows of junctions are listed by one side alone: near ties, whose scores are compared all the same"
        ));
    }
    let passed = document.scorers.iter().filter(|scorer| scorer.pass).count();
    line(format!(
        "the model {}: {passed} of {} scorers pass, {} scores of cases compared, in {:.1} s",
        if document.agree {
            "agrees"
        } else {
            "disagrees"
        },
        document.scorers.len(),
        document.cases.len(),
        document.seconds
    ));
    text
}

fn figures(measures: &Measures) -> [String; 4] {
    let or_dash = |value: Option<f64>, text: fn(f64) -> String| value.map_or("-".into(), text);
    let share = |x: f64| format!("{x:.4}");
    [
        or_dash(measures.relative_l2, |x| format!("{x:.1e}")),
        or_dash(measures.pearson, share),
        or_dash(measures.sign_agreement, share),
        or_dash(measures.spearman, share),
    ]
}
