//! Scores of substitutions on the tiny model, from sequence to table, against those of DeepMind's code.

#[path = "../../model/scorers/tests/support/mod.rs"]
mod support;

use std::collections::BTreeMap;
use std::path::Path;

use burn::backend::Flex;
use genome::alleles::alleles;
use genome::fasta::Fasta;
use model::{
    AlphaGenome, Arithmetic, Array, Batch, NoTaps, Request, Sequence, SpliceSitePositions,
};
use scorers::alignment::Alignment;
use scorers::{
    Behaviour, ContactMap, Junctions, Organism, OutputType, Predictions, Track, sites, strands,
};
use serde_json::Value;
use support::{ANNOTATION, CASES, Case, SPLICE_SITES, arrays, scorers, table};
use tests::fixtures::{self, Form};

/// How many times as far as JAX from itself, compiled in two ways, a scorer may be.
const TIMES: f64 = 2.0;
/// Gene bodies to sites: exonic, intronic, without a gene, cut at edges, both strands, several bases.
const TAKEN: [&str; 12] = [
    "s01.main", "s01.neg", "s11.main", "s11.neg", "s14.main", "s16.main", "s17.main", "s19.main",
    "s20.main", "s24.main", "f01.far", "m03.main",
];

fn load(scratch: &Path) -> AlphaGenome<Flex> {
    let out = scratch.join("model");
    let arguments = [
        "--snapshot".into(),
        Form::Ocdbt.path(),
        "--metadata".into(),
        fixtures::metadata(),
        "--out".into(),
        out.clone(),
    ];
    let command = tests::program::command(env!("CARGO_BIN_EXE_tested-convert"), scratch, arguments);
    tests::program::run(command).expect_code(0);
    AlphaGenome::load(&out, &Default::default(), Arithmetic::XlaCpuF32)
        .expect("the converted model")
}

fn forward(model: &AlphaGenome<Flex>, bases: &[u8], request: &Request) -> BTreeMap<String, Array> {
    let sequence = Sequence::parse(std::str::from_utf8(bases).unwrap()).unwrap();
    let batch = Batch::new(vec![sequence], vec![0]).unwrap();
    model
        .forward(&batch, request, &mut NoTaps)
        .unwrap()
        .into_arrays()
}

/// Names, strands and padding of an output's channels.
struct Channels {
    kept: Vec<usize>,
    reindex: Vec<usize>,
}

fn channels(metadata: &Value, output: OutputType) -> Channels {
    let output = &metadata[format!("HOMO_SAPIENS|{output}")];
    let padding: Vec<bool> = serde_json::from_value(output["padding"].clone()).unwrap();
    let reindex = serde_json::from_value(output["strand_reindexing"].clone()).unwrap();
    Channels {
        kept: (0..padding.len()).filter(|at| !padding[*at]).collect(),
        reindex,
    }
}

fn without_padding(values: &[f32], channels: &Channels) -> Vec<f32> {
    values
        .chunks(channels.reindex.len())
        .flat_map(|row| channels.kept.iter().map(|at| row[*at]))
        .collect()
}

fn predictions(
    arrays: &BTreeMap<String, Array>,
    case: &Case,
    positions: &SpliceSitePositions,
    metadata: &Value,
) -> Predictions {
    let mut predictions = Predictions::default();
    let negative = case.interval.negative_strand();
    for output in OutputType::ALL {
        let name = match output {
            OutputType::SpliceSites => "splice_sites_classification/predictions".to_owned(),
            OutputType::SpliceSiteUsage => "splice_sites_usage/predictions".to_owned(),
            OutputType::SpliceJunctions => "splice_sites_junction/predictions".to_owned(),
            OutputType::ContactMaps => "contact_maps/predictions".to_owned(),
            other => format!(
                "{}/predictions_{}bp",
                other.name().to_lowercase(),
                other.resolution()
            ),
        };
        let array = &arrays[&name];
        let mut values = array.values.to_f32();
        if *output == OutputType::SpliceJunctions {
            let kind = |kind| positions.kind(0, kind).to_vec();
            let tissues = array.shape[3] / 2;
            let mut junctions = Junctions {
                positions: [kind(0), kind(1), kind(2), kind(3)],
                tissues,
                values,
                sites: array.shape[1],
            };
            if negative {
                strands::turn_junctions(&mut junctions, case.width());
            }
            predictions.junctions = Some(junctions);
            continue;
        }
        let channels = channels(metadata, *output);
        if *output == OutputType::ContactMaps {
            if negative {
                strands::turn_contacts(&mut values, channels.reindex.len());
            }
            let values = without_padding(&values, &channels);
            predictions.contact_maps =
                Some(ContactMap::new(array.shape[1], channels.kept.len(), values));
            continue;
        }
        if negative {
            strands::turn_track(*output, &mut values, &channels.reindex);
        }
        predictions.tracks.insert(
            *output,
            Track::new(channels.kept.len(), without_padding(&values, &channels)),
        );
    }
    predictions
}

/// The splice sites of both alleles and of the table, as the model takes them.
fn positions(model: &AlphaGenome<Flex>, both: [&[u8]; 2], case: &Case) -> SpliceSitePositions {
    let request = Request::heads(["splice_sites_classification"]);
    let [own, other] = both.map(|bases| {
        let array = forward(model, bases, &request)
            .remove("splice_sites_classification/predictions")
            .unwrap();
        Track::new(array.shape[2], array.values.to_f32())
    });
    let behaviour = Behaviour::V0_3_0;
    let bodies = sites::gene_bodies(&ANNOTATION, &case.interval, &case.variant, behaviour);
    let alignment = Alignment::new(&case.variant, &case.interval, behaviour).unwrap();
    let union = sites::union(
        &own,
        &other,
        &alignment,
        &SPLICE_SITES,
        &case.interval,
        &bodies,
    )
    .unwrap();
    let kind = |positions: Vec<usize>| {
        let mut places: Vec<_> = positions.into_iter().map(|at| at as i32).collect();
        places.resize(sites::MOST, -1);
        places
    };
    SpliceSitePositions {
        count: sites::MOST,
        places: union.map(kind).concat(),
    }
}

#[test]
fn scores_of_substitutions_are_those_of_jax() {
    let scratch = tempfile::tempdir().unwrap();
    let model = load(scratch.path());
    let fasta = scratch.path().join("genome.fa.gz");
    std::fs::copy(support::fixture("genome.fa.gz"), &fasta).unwrap();
    let genome = Fasta::open(&fasta).unwrap();
    let metadata = support::json("tracks.json.gz");
    let recorded_positions = arrays("splice_site_positions");
    let noise: BTreeMap<_, f64> = table("noise_f32_f32_opt0.tsv")
        .into_iter()
        .map(|row| {
            (
                row["scorer"].clone(),
                row["largest_difference"].parse().unwrap(),
            )
        })
        .collect();
    let (mut worst, mut faults, mut rows) = (BTreeMap::new(), Vec::new(), BTreeMap::new());
    for case in TAKEN.map(|name| &CASES[name]) {
        assert_eq!(case.organism, Organism::Human);
        let both = alleles(&genome, &case.interval, &case.variant).unwrap();
        let positions = positions(&model, [&both.reference, &both.alternate], case);
        let request = Request {
            splice_site_positions: Some(positions.clone()),
            embeddings: Default::default(),
            ..Request::everything()
        };
        let [own, other] = [&both.reference, &both.alternate].map(|bases| {
            predictions(
                &forward(&model, bases, &request),
                case,
                &positions,
                &metadata,
            )
        });
        let known = &recorded_positions[&case.name];
        let places = own.junctions.as_ref().unwrap().positions.iter();
        let ours: Vec<_> = places
            .flat_map(|kind| kind[..known.shape[1]].iter().map(|at| i64::from(*at)))
            .collect();
        if ours != known.integers() {
            faults.push(format!("{}: other splice sites", case.name));
        }
        for (id, scorer) in scorers().into_iter().filter(|(id, _)| id.starts_with('r')) {
            let plan = scorer
                .prepare(&case.interval, &case.variant, &case.setting())
                .unwrap();
            let scores = plan
                .score(&own, &other, &case.tracks(scorer.output()))
                .unwrap();
            let known = case.recorded(&id).unwrap();
            let same = scores.values.len() == known.values.len()
                && scores
                    .values
                    .iter()
                    .zip(&known.values)
                    .all(|(own, known)| own.is_nan() == known.is_nan());
            if !same {
                faults.push(format!(
                    "{} {scorer}: {} values, not {}",
                    case.name,
                    scores.values.len(),
                    known.values.len()
                ));
                continue;
            }
            let pairs = scores
                .values
                .iter()
                .zip(&known.values)
                .filter(|(own, _)| !own.is_nan());
            let far = pairs
                .map(|(own, known)| f64::from((own - known).abs()))
                .fold(0.0, f64::max);
            let entry: &mut f64 = worst.entry(id.clone()).or_default();
            *entry = entry.max(far);
            *rows.entry(id.clone()).or_insert(0) += scores.rows.len();
            if far > TIMES * noise[&id] {
                faults.push(format!(
                    "{} {scorer}: {far:.3e}, and JAX is {:.3e} from itself",
                    case.name, noise[&id]
                ));
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}; worst: {worst:#?}");
    assert!(
        rows["r11"] > 10 && rows["r12"] > 5,
        "junctions and polyadenylation are scored: {rows:?}"
    );
}
