//! Scores of recorded predictions, and the rows, missing values and errors of every case and scorer.

mod support;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use scorers::{
    Aggregation, ContactMap, Error, Junctions, OutputType, Places, Predictions, Row, Scorer,
    Scores, Track, Tracks,
};
use support::{Array, CASES, Case, arrays, predictions, runs, scorers, table};

const PREDICTED: [&str; 9] = [
    "s11.main", "s01.neg", "i03.main", "i03.neg", "d03.main", "d03.neg", "i04.main", "s16.main",
    "d07.main",
];

/// What a score may differ by.
struct Bounds(toml::Table);

impl Bounds {
    fn read() -> Self {
        Self(include_str!("../bounds.toml").parse().unwrap())
    }

    /// One bound a value. `active` are the scores of the same window with the larger allele's mean or sum.
    fn of(&self, scorer: Scorer, recorded: &[f32], active: &[f32]) -> Vec<f64> {
        let aggregation = match scorer {
            Scorer::CenterMask { aggregation, .. } => aggregation.name(),
            _ => "ALL",
        };
        let bound = &self.0[scorer.base()][aggregation];
        let number = |key: &str| {
            bound
                .get(key)
                .map_or(0.0, |value| value.as_float().unwrap())
        };
        let sizes = if bound["size"].as_str() == Some("active") {
            active
        } else {
            recorded
        };
        sizes
            .iter()
            .map(|size| number("absolute") + number("relative") * f64::from(size.abs()))
            .collect()
    }
}

/// The scorer whose score is the size that a difference is made from.
fn active(scorer: Scorer) -> Scorer {
    match scorer {
        Scorer::CenterMask {
            output,
            width,
            aggregation: Aggregation::DiffMean,
        } => Scorer::CenterMask {
            output,
            width,
            aggregation: Aggregation::ActiveMean,
        },
        Scorer::CenterMask { output, width, .. } => Scorer::CenterMask {
            output,
            width,
            aggregation: Aggregation::ActiveSum,
        },
        other => other,
    }
}

fn same_missing(own: &[f32], recorded: &[f32]) -> bool {
    own.len() == recorded.len()
        && own
            .iter()
            .zip(recorded)
            .all(|(own, recorded)| own.is_nan() == recorded.is_nan())
}

/// The largest difference over its bound.
fn excess(own: &[f32], recorded: &[f32], bounds: &[f64]) -> f64 {
    let ratios = own
        .iter()
        .zip(recorded)
        .zip(bounds)
        .map(|((own, recorded), bound)| {
            if recorded.is_nan() {
                0.0
            } else {
                f64::from((own - recorded).abs()) / bound
            }
        });
    ratios.fold(0.0, f64::max)
}

#[test]
fn scores_of_recorded_predictions_are_within_float_noise() {
    let bounds = Bounds::read();
    let mut worst: BTreeMap<String, (f64, String)> = BTreeMap::new();
    let mut scored: HashMap<&str, usize> = HashMap::new();
    for case in PREDICTED.map(Case::get) {
        let (own, other) = (predictions(case, "ref"), predictions(case, "alt"));
        for (id, scorer) in scorers() {
            let Some(recorded) = case.recorded(&id) else {
                continue;
            };
            let tracks = case.tracks(scorer.output());
            let score = |scorer: Scorer| {
                let plan = scorer
                    .prepare(&case.interval, &case.variant, &case.setting())
                    .unwrap();
                plan.score(&own, &other, &tracks)
            };
            let scores = match score(scorer) {
                Ok(scores) => scores,
                // Not all of the window was kept in the recording.
                Err(Error::NotPredicted { .. } | Error::NoOutput { .. }) => continue,
                Err(error) => panic!("{} {id}: {error}", case.name),
            };
            assert!(
                same_missing(&scores.values, &recorded.values),
                "{} {scorer}: {:?}",
                case.name,
                scores.values
            );
            if recorded.values.is_empty() {
                continue;
            }
            let sizes = score(active(scorer)).unwrap().values;
            let excess = excess(
                &scores.values,
                &recorded.values,
                &bounds.of(scorer, &recorded.values, &sizes),
            );
            let key = match scorer {
                Scorer::CenterMask { aggregation, .. } => format!("CENTER_MASK {aggregation}"),
                _ => scorer.base().to_owned(),
            };
            let entry = worst.entry(key).or_default();
            if excess > entry.0 {
                *entry = (excess, format!("{} {scorer}", case.name));
            }
            *scored.entry(scorer.base()).or_default() += 1;
        }
    }
    println!("{worst:#?}\n{scored:?}");
    assert!(
        worst.values().all(|(excess, _)| *excess <= 1.0),
        "times the bound: {worst:#?}"
    );
    for (base, least) in [
        ("CENTER_MASK", 300),
        ("CONTACT_MAP", 9),
        ("GENE_MASK_LFC", 9),
        ("GENE_MASK_ACTIVE", 9),
    ] {
        assert!(scored[base] >= least, "{scored:?}");
    }
}

/// A bound that a wrong window, an indel that is not aligned or a shift by a base would pass is no bound.
#[test]
fn bounds_tell_a_window_that_is_one_base_off() {
    let bounds = Bounds::read();
    let mut told: BTreeMap<String, [usize; 2]> = BTreeMap::new();
    for case in PREDICTED.map(Case::get) {
        let (own, other) = (predictions(case, "ref"), predictions(case, "alt"));
        let variant = &case.variant;
        let moved = genome::Variant::new(
            variant.chromosome(),
            variant.position() + 1,
            variant.reference(),
            variant.alternate(),
        );
        let moved = moved.unwrap();
        for (id, scorer) in scorers() {
            // A whole interval stays whole, and bins of 128 bp and more mostly stay too.
            let whole = matches!(
                scorer,
                Scorer::CenterMask {
                    width: None | Some(100_001..),
                    ..
                }
            );
            let Some(recorded) = case
                .recorded(&id)
                .filter(|_| !whole && scorer.output().resolution() == 1)
            else {
                continue;
            };
            let tracks = case.tracks(scorer.output());
            let score = |scorer: Scorer, variant| {
                let plan = scorer
                    .prepare(&case.interval, variant, &case.setting())
                    .unwrap();
                plan.score(&own, &other, &tracks)
            };
            let (Ok(wrong), Ok(sizes)) = (score(scorer, &moved), score(active(scorer), variant))
            else {
                continue;
            };
            if recorded.values.is_empty() || wrong.values.len() != recorded.values.len() {
                continue;
            }
            // Genes do not move with a variant of one length; only indels are aligned elsewhere.
            let gene = !matches!(scorer, Scorer::CenterMask { .. });
            if gene && !(variant.is_insertion() || variant.is_deletion()) {
                continue;
            }
            let excess = excess(
                &wrong.values,
                &recorded.values,
                &bounds.of(scorer, &recorded.values, &sizes.values),
            );
            let key = match scorer {
                Scorer::CenterMask { aggregation, .. } => format!("CENTER_MASK {aggregation}"),
                _ => scorer.base().to_owned(),
            };
            let [told, of] = told.entry(key).or_default();
            *told += usize::from(excess > 1.0);
            *of += 1;
        }
    }
    println!("{told:#?}");
    for (key, [told, of]) in told {
        // Where a base of change at either edge of a wide window is below float32's noise, no bound can tell it.
        let least = if key.starts_with("CENTER") {
            of.div_ceil(3) * 2
        } else {
            1
        };
        assert!(
            told >= least,
            "{key}: a shift by a base is told in {told} of {of} cases"
        );
    }
}

/// Predictions that are one everywhere, for rows and missing values.
fn ones(case: &Case) -> Predictions {
    let mut predictions = Predictions::default();
    for output in OutputType::ALL {
        let (bins, tracks) = (
            case.width() / output.resolution(),
            case.tracks(*output).len(),
        );
        if *output == OutputType::ContactMaps {
            predictions.contact_maps = Some(ContactMap::new(
                bins,
                tracks,
                vec![1.0; bins * bins * tracks],
            ));
        } else if *output != OutputType::SpliceJunctions {
            predictions
                .tracks
                .insert(*output, Track::new(tracks, vec![1.0; bins * tracks]));
        }
    }
    predictions
}

/// Fails where the rows are not those of the recorded `obs`.
fn check_rows(
    case: &str,
    id: &str,
    rows: &[Row],
    obs: &HashMap<(String, String), Vec<HashMap<String, String>>>,
) {
    let recorded = obs
        .get(&(case.to_owned(), id.to_owned()))
        .map_or(&[][..], Vec::as_slice);
    assert_eq!(
        rows.iter().filter(|row| row.gene.is_some()).count(),
        recorded.len(),
        "{case} {id}"
    );
    for (own, recorded) in rows.iter().zip(recorded) {
        for (column, value) in own.fields() {
            let text = recorded[column].trim_end_matches(".0");
            assert_eq!(value, text, "{case} {id} {column}");
        }
    }
}

fn obs(name: &str) -> HashMap<(String, String), Vec<HashMap<String, String>>> {
    let mut obs: HashMap<_, Vec<_>> = HashMap::new();
    for row in table(name) {
        obs.entry((row["case"].clone(), row["scorer"].clone()))
            .or_default()
            .push(row);
    }
    obs
}

#[test]
fn rows_missing_values_and_errors_of_every_case_are_those_of_the_recording() {
    let obs = obs("obs.tsv.gz");
    let failing: HashSet<_> = table("errors.tsv.gz")
        .into_iter()
        .map(|row| (row["case"].clone(), row["scorer"].clone()))
        .collect();
    let (mut checked, mut failed) = (0, 0);
    for case in CASES.values() {
        let predictions = ones(case);
        for (id, scorer) in scorers() {
            let tracks = case.tracks(scorer.output());
            if scorer == Scorer::SpliceJunction || tracks.is_empty() {
                continue;
            }
            let plan = scorer.prepare(&case.interval, &case.variant, &case.setting());
            let key = (case.name.clone(), id.clone());
            let Some(recorded) = case.recorded(&id) else {
                assert!(
                    plan.is_err(),
                    "{} {scorer} is not in the recording",
                    case.name
                );
                failed += usize::from(failing.contains(&key));
                continue;
            };
            assert!(!failing.contains(&key), "{key:?}");
            let scores = plan
                .unwrap()
                .score(&predictions, &predictions, &tracks)
                .unwrap();
            assert_eq!(
                [scores.rows.len(), tracks.len()],
                recorded.shape[..],
                "{} {scorer}",
                case.name
            );
            assert!(
                same_missing(&scores.values, &recorded.values),
                "{} {scorer}",
                case.name
            );
            check_rows(&case.name, &id, &scores.rows, &obs);
            checked += 1;
        }
    }
    assert!(checked > 13_000 && failed > 100, "{checked} {failed}");
}

/// Counts whose largest changes are those of the recorded rows, at the recorded splice sites.
fn counted(
    case: &Case,
    positions: &Array,
    recorded: &Array,
    rows: &[HashMap<String, String>],
) -> [Predictions; 2] {
    let sites = positions.shape[1];
    let positions: Vec<Vec<i32>> = positions
        .values
        .chunks(sites)
        .map(|kind| kind.iter().map(|at| *at as i32).collect())
        .collect();
    let tissues = recorded.shape[1];
    let mut values = vec![1.0; sites * sites * 2 * tissues];
    for (row, scores) in rows.iter().zip(recorded.values.chunks(tissues.max(1))) {
        let place = |column: &str| row[column].parse::<i64>().unwrap() - case.interval.start;
        let (start, end) = (place("junction_Start"), place("junction_End"));
        let (strand, donor, acceptor) = if row["strand"] == "+" {
            (0, start - 1, end)
        } else {
            (1, end, start - 1)
        };
        let find = |kind: usize, at: i64| {
            positions[kind]
                .iter()
                .position(|own| i64::from(*own) == at)
                .unwrap()
        };
        let (d, a) = (find(2 * strand, donor), find(2 * strand + 1, acceptor));
        let from = ((d * sites + a) * 2 + strand) * tissues;
        for (value, score) in values[from..from + tissues].iter_mut().zip(scores) {
            *value = score.exp();
        }
    }
    let make = |values: Vec<f32>| Predictions {
        junctions: Some(Junctions {
            positions: positions.clone().try_into().unwrap(),
            tissues,
            values,
            sites,
        }),
        ..Predictions::default()
    };
    [make(vec![1.0; values.len()]), make(values)]
}

#[test]
fn junctions_of_every_case_are_found_in_the_order_of_the_recording() {
    let (obs, positions) = (obs("obs.tsv.gz"), arrays("splice_site_positions"));
    let (mut checked, mut rows) = (0, 0);
    for case in CASES.values() {
        let tracks = case.tracks(OutputType::SpliceJunctions);
        let Some(recorded) = case.recorded("r11") else {
            continue;
        };
        let Some(positions) = positions.get(&case.name) else {
            continue;
        };
        let plan = Scorer::SpliceJunction
            .prepare(&case.interval, &case.variant, &case.setting())
            .unwrap();
        let listed = obs
            .get(&(case.name.clone(), "r11".to_owned()))
            .map_or(&[][..], Vec::as_slice);
        let [own, other] = counted(case, positions, recorded, listed);
        let scores = plan.score(&own, &other, &tracks).unwrap();
        // Where nothing changes every junction ties, and the first is taken.
        if recorded.values.iter().any(|score| *score > 1e-6) || recorded.values.is_empty() {
            check_rows(&case.name, "r11", &scores.rows, &obs);
            // The counts were made with an exponential, which costs a step of float16 near zero.
            let near = |(own, recorded): (&f32, &f32)| (own - recorded).abs() <= 2e-7;
            assert!(
                scores.values.iter().zip(&recorded.values).all(near),
                "{}: {:?}",
                case.name,
                scores.values
            );
            checked += 1;
            rows += listed.len();
        }
    }
    assert!(checked > 100 && rows > 100, "{checked} {rows}");
}

/// Junctions that overlap a gene of two bases and cannot lie within it.
#[test]
fn junctions_that_overlap_a_gene_without_lying_in_it_are_refused_as_recorded() {
    let case = Case::get("f03.far2");
    assert!(case.recorded("r11").is_none());
    let tracks = case.tracks(OutputType::SpliceJunctions);
    let gene = (60_150 - case.interval.start) as i32;
    let junctions = Junctions {
        positions: [
            vec![gene - 9, gene],
            vec![gene + 1, gene + 9],
            vec![-1; 2],
            vec![-1; 2],
        ],
        tissues: tracks.len(),
        values: vec![1.0; 8 * tracks.len()],
        sites: 2,
    };
    let predictions = Predictions {
        junctions: Some(junctions),
        ..Predictions::default()
    };
    let score = |behaviour| {
        let plan = Scorer::SpliceJunction
            .prepare(&case.interval, &case.variant, &case.setting_as(behaviour))
            .unwrap();
        plan.score(&predictions, &predictions, &tracks)
    };
    assert!(matches!(
        score(scorers::Behaviour::V0_3_0),
        Err(Error::NoJunction(_))
    ));
    assert!(
        score(scorers::Behaviour::Corrected)
            .unwrap()
            .rows
            .is_empty()
    );
}

/// Drops all but what `reads` names, and the tracks that it does not name become NaN.
fn kept(
    predictions: &Predictions,
    plan: &scorers::Plan,
    tracks: &Arc<Tracks>,
    which: scorers::Allele,
) -> Predictions {
    let mut kept = Predictions::default();
    for read in plan
        .reads(tracks)
        .into_iter()
        .filter(|read| read.allele == which)
    {
        match read.places {
            Places::Bins(bins) => {
                let whole = &predictions.tracks[&read.output];
                let mut values = Vec::new();
                for at in bins.iter().cloned().flatten() {
                    let row = whole.row(at).unwrap();
                    values.extend((0..row.len()).map(|t| {
                        if read.tracks.contains(&t) {
                            row[t]
                        } else {
                            f32::NAN
                        }
                    }));
                }
                kept.tracks
                    .insert(read.output, Track::partial(whole.tracks(), bins, values));
            }
            Places::Row(row) => {
                let whole = predictions.contact_maps.as_ref().unwrap();
                let values = whole.row(row).unwrap().to_vec();
                kept.contact_maps = Some(ContactMap::partial(
                    whole.bins(),
                    whole.tracks(),
                    std::iter::once(row..row + 1),
                    values,
                ));
            }
            Places::Junctions { .. } => kept.junctions = predictions.junctions.clone(),
        }
    }
    kept
}

fn bits(scores: &Scores) -> Vec<u32> {
    scores.values.iter().map(|value| value.to_bits()).collect()
}

/// What a scorer says that it reads is all that it reads, and none of it can be left out.
#[test]
fn scores_of_what_is_read_alone_are_the_same_bits() {
    let mut checked = 0;
    for case in [
        "s11.main", "i03.main", "d03.main", "d07.main", "o06.main", "i08.main", "s01.neg",
    ]
    .map(Case::get)
    {
        let mut both = [ones(case), ones(case)];
        for (seed, predictions) in both.iter_mut().enumerate() {
            for (output, track) in &mut predictions.tracks {
                let bins = case.width() / output.resolution();
                let value =
                    |at: usize| ((at * 2_654_435_761 + seed * 97 + 11) % 1009) as f32 / 100.0;
                *track = Track::new(
                    track.tracks(),
                    (0..bins * track.tracks()).map(value).collect(),
                );
            }
        }
        for (_, scorer) in scorers()
            .into_iter()
            .filter(|(_, scorer)| *scorer != Scorer::SpliceJunction)
        {
            let tracks = case.tracks(scorer.output());
            let Ok(plan) = scorer.prepare(&case.interval, &case.variant, &case.setting()) else {
                continue;
            };
            let whole = plan.score(&both[0], &both[1], &tracks).unwrap();
            let [own, other] = [
                (0, scorers::Allele::Reference),
                (1, scorers::Allele::Alternate),
            ]
            .map(|(at, allele)| kept(&both[at], &plan, &tracks, allele));
            let part = plan.score(&own, &other, &tracks).unwrap();
            assert_eq!(bits(&part), bits(&whole), "{} {scorer}", case.name);
            // One place less, and the scorer says which it misses.
            if let Some(Places::Bins(bins)) = plan
                .reads(&tracks)
                .into_iter()
                .map(|read| read.places)
                .next()
                && let Some(last) = bins.iter().cloned().flatten().last()
            {
                let whole = &both[0].tracks[&scorer.output()];
                let fewer: Vec<_> = bins
                    .iter()
                    .cloned()
                    .flatten()
                    .filter(|at| *at != last)
                    .collect();
                let values = fewer
                    .iter()
                    .flat_map(|at| whole.row(*at).unwrap().to_vec())
                    .collect();
                let mut own = own.clone();
                own.tracks.insert(
                    scorer.output(),
                    Track::partial(whole.tracks(), runs(fewer), values),
                );
                let error = plan.score(&own, &other, &tracks).unwrap_err();
                assert!(
                    matches!(error, Error::NotPredicted { position, .. } if position == last),
                    "{error}"
                );
            }
            checked += 1;
        }
    }
    assert!(checked > 800, "{checked}");
}
