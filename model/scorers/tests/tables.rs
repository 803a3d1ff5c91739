//! Long tables, quantiles, scores of intervals and the variants of mutagenesis.

mod support;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use genome::alleles::Bases;
use genome::{Interval, Variant};
use scorers::tidy::{Options, Order, Values};
use scorers::{
    Behaviour, Calibration, Error, GeneRow, IntervalScorer, OutputType, Row, ScoredBy, Scorer,
    Scores, Table, Tracks, ism, tidy_scores,
};
use support::{ANNOTATION, Array, CASES, Case, arrays, organism, scorers, table, text, tracks};

type Rows = HashMap<(String, String), Vec<Row>>;

/// The recorded `obs` by case and scorer.
fn rows(name: &str) -> Rows {
    let mut rows = Rows::new();
    for row in table(name) {
        let number = |column: &str| {
            row.get(column)?
                .parse::<f64>()
                .ok()
                .map(|number| number as i64)
        };
        let gene = &ANNOTATION.genes()[ANNOTATION.gene(&row["gene_id"]).unwrap()];
        let made = Row {
            gene: Some(GeneRow {
                id: gene.id.clone(),
                name: gene.name.clone(),
                biotype: gene.biotype.clone(),
                interval: gene.interval.clone(),
                interval_start: number("interval_start").unwrap(),
            }),
            junction: number("junction_Start").zip(number("junction_End")),
            polyadenylation: number("num_pas")
                .map(|sites| (sites as usize, number("min_pas_var_distance").unwrap())),
        };
        rows.entry((row["case"].clone(), row["scorer"].clone()))
            .or_default()
            .push(made);
    }
    rows
}

fn recorded(case: &Case, id: &str, scorer: Scorer, rows: &Rows) -> Option<Scores> {
    let array = case.recorded(id)?;
    let own = rows.get(&(case.name.clone(), id.to_owned())).cloned();
    let genes = scorer.base() != "CENTER_MASK" && scorer.base() != "CONTACT_MAP";
    Some(scores(
        ScoredBy::Variant {
            scorer,
            variant: case.variant.clone(),
        },
        case.interval.as_unstranded(),
        own.unwrap_or_else(|| {
            if genes {
                Vec::new()
            } else {
                vec![Row::default()]
            }
        }),
        case.tracks(scorer.output()),
        array,
    ))
}

fn scores(
    by: ScoredBy,
    interval: Interval,
    rows: Vec<Row>,
    tracks: Arc<Tracks>,
    array: &Array,
) -> Scores {
    assert_eq!(array.shape, [rows.len(), tracks.len()]);
    Scores {
        by,
        interval,
        rows,
        tracks,
        values: array.values.clone(),
        quantiles: None,
    }
}

fn cells(values: &Values) -> Vec<String> {
    match values {
        Values::Text(texts) => texts
            .iter()
            .map(|text| text.as_deref().unwrap_or("").to_owned())
            .collect(),
        Values::Integer(numbers) => numbers
            .iter()
            .map(|n| n.map_or(String::new(), |n| n.to_string()))
            .collect(),
        Values::Real(numbers) => numbers
            .iter()
            .map(|n| {
                if n.is_nan() {
                    String::new()
                } else {
                    n.to_string()
                }
            })
            .collect(),
    }
}

/// Fails where columns, their order, rows, or a value differ. Numbers are compared as float32.
fn check(own: &Table, name: &str, skip: usize, only: impl Fn(&[&str]) -> bool, columns: bool) {
    let text = text(name);
    let header: Vec<_> = text
        .lines()
        .next()
        .unwrap()
        .split('\t')
        .skip(skip)
        .collect();
    let lines: Vec<Vec<_>> = text
        .lines()
        .skip(1)
        .map(|line| line.split('\t').collect())
        .filter(|row: &Vec<_>| only(row))
        .collect();
    let names: Vec<_> = own.columns().iter().map(|column| column.name).collect();
    if columns {
        assert_eq!(names, header, "{name}");
    }
    assert_eq!(own.len(), lines.len(), "{name}");
    for (place, column) in header.iter().enumerate() {
        let Some(values) = own.column(column) else {
            assert!(
                lines.iter().all(|line| line[skip + place].is_empty()),
                "{name}: column {column} is missing"
            );
            continue;
        };
        let number = |text: &str| text.parse::<f32>().map_err(|_| text.to_owned());
        for (row, (cell, line)) in cells(values).into_iter().zip(&lines).enumerate() {
            let recorded = line[skip + place];
            let same = match values {
                Values::Text(_) => cell == recorded,
                _ => number(&cell) == number(recorded),
            };
            assert!(
                same,
                "{name}, row {row}, {column}: {cell:?} is not {recorded:?}"
            );
        }
    }
}

#[test]
fn tidy_scores_of_every_case_is_the_recorded_table() {
    let rows = rows("obs.tsv.gz");
    let recommended: Vec<_> = scorers()
        .into_iter()
        .filter(|(id, _)| id.starts_with('r'))
        .collect();
    let mut checked = 0;
    for case in CASES.values() {
        let all: Vec<_> = recommended
            .iter()
            .filter_map(|(id, scorer)| recorded(case, id, *scorer, &rows))
            .collect();
        let Some(table) = tidy_scores(&all, Options::default()).unwrap_or(None) else {
            continue;
        };
        check(&table, "tidy.tsv.gz", 1, |line| line[0] == case.name, false);
        checked += 1;
    }
    assert!(checked > 110, "{checked}");
}

/// Flat and nested lists order rows differently, and the forms that give no table.
#[test]
fn point_22_s15_main_forms_of_tidy_scores_are_those_of_the_recording() {
    let (case, rows) = (Case::get("s15.main"), rows("obs.tsv.gz"));
    let find = |id: &str, scorer: Scorer| recorded(case, id, scorer, &rows).unwrap();
    let by_id: HashMap<_, _> = scorers().into_iter().collect();
    let all: Vec<_> = ["r00", "r07", "r09", "r11"]
        .iter()
        .map(|id| find(id, by_id[*id]))
        .collect();
    let whole = Options::default();
    let forms: [(&str, Options); 4] = [
        ("tidy_nested.tsv.gz", whole),
        (
            "tidy_flat.tsv.gz",
            Options {
                order: Order::ByGene,
                ..whole
            },
        ),
        (
            "tidy_nested_strands_not_matched.tsv.gz",
            Options {
                match_gene_strand: false,
                ..whole
            },
        ),
        (
            "tidy_nested_short.tsv.gz",
            Options {
                include_extended_metadata: false,
                ..whole
            },
        ),
    ];
    for (name, options) in forms {
        check(
            &tidy_scores(&all, options).unwrap().unwrap(),
            name,
            0,
            |_| true,
            true,
        );
    }
    check(
        &tidy_scores(&all[1..2], whole).unwrap().unwrap(),
        "tidy_one_AnnData.tsv.gz",
        0,
        |_| true,
        true,
    );
    let mut empty = all[3].clone();
    empty.rows.clear();
    empty.values.clear();
    assert!(matches!(
        tidy_scores([&empty], whole),
        Err(Error::NothingToTidy)
    ));
    assert!(
        tidy_scores(
            [&empty],
            Options {
                order: Order::ByGene,
                ..whole
            }
        )
        .unwrap()
        .is_none()
    );
    assert!(
        tidy_scores(
            [&empty],
            Options {
                behaviour: Behaviour::Corrected,
                ..whole
            }
        )
        .unwrap()
        .is_none()
    );
    assert!(tidy_scores([], whole).unwrap().is_none());
}

#[test]
fn tables_are_written_with_their_header_once_and_nothing_for_what_is_missing() {
    let (case, rows) = (Case::get("s16.main"), rows("obs.tsv.gz"));
    let scorer = Scorer::GeneMaskLfc {
        output: OutputType::RnaSeq,
    };
    let table = tidy_scores(
        [&recorded(case, "r07", scorer, &rows).unwrap()],
        Options::default(),
    )
    .unwrap()
    .unwrap();
    let names: Vec<_> = table.columns().iter().map(|column| column.name).collect();
    let (mut whole, mut rest) = (Vec::new(), Vec::new());
    table.write_tsv(&mut whole).unwrap();
    table.write_rows(&names, &mut rest).unwrap();
    let whole = String::from_utf8(whole).unwrap();
    let (header, lines) = whole.split_once('\n').unwrap();
    assert!(
        header.starts_with("variant_id\tscored_interval\tgene_id\t")
            && header.ends_with("\traw_score")
    );
    assert_eq!(lines.as_bytes(), rest);
    let columns = header.split('\t').count();
    assert!(
        lines
            .lines()
            .all(|line| line.split('\t').count() == columns)
    );
    assert!(
        lines.lines().any(|line| line.ends_with('\t')),
        "a gene without exons has no score"
    );
    let scores: Vec<f32> = lines
        .lines()
        .filter_map(|line| line.rsplit('\t').next()?.parse().ok())
        .collect();
    let kept: Vec<_> = cells(table.column("raw_score").unwrap())
        .iter()
        .filter_map(|cell| cell.parse::<f32>().ok())
        .collect();
    assert_eq!(scores, kept, "every digit that float32 has");
}

/// Ties are drawn at random, and the generator goes on from call to call.
#[test]
fn point_21_s11_to_s26_quantiles_are_those_of_the_recording_in_the_order_of_its_calls() {
    let rows = rows("obs.tsv.gz");
    let mut calibration =
        Calibration::parse(&std::fs::read(support::fixture("calibration.pb")).unwrap()).unwrap();
    assert_eq!(calibration.scorers().count(), 6);
    let expected = table("quantiles.tsv.gz");
    let tidy = text("quantiles_tidy.tsv.gz");
    let mut checked = 0;
    for (turn, name) in [
        "s11.main", "i03.main", "s26.main", "s16.main", "s01.neg", "s11.main",
    ]
    .iter()
    .enumerate()
    {
        let case = Case::get(name);
        let mut all = Vec::new();
        for (id, scorer) in scorers().into_iter().filter(|(id, _)| id.starts_with('r')) {
            let mut scores = recorded(case, &id, scorer, &rows).unwrap();
            calibration.apply(&mut scores).unwrap();
            let name = scorer.to_string();
            let turn = turn.to_string();
            let known = expected
                .iter()
                .filter(|row| row["turn"] == turn && row["scorer"] == name);
            let known: Vec<f32> = known
                .map(|row| row["quantile"].parse().unwrap_or(f32::NAN))
                .collect();
            let own = scores.quantiles.clone().unwrap_or_default();
            let same = |(own, known): (&f32, &f32)| own == known || own.is_nan() && known.is_nan();
            assert!(
                own.len() == known.len() && own.iter().zip(&known).all(same),
                "{turn} {name}: {own:?} {known:?}"
            );
            checked += own.len();
            all.push(scores);
        }
        let table = tidy_scores(&all, Options::default()).unwrap().unwrap();
        check(
            &table,
            "quantiles_tidy.tsv.gz",
            2,
            |line| line[0] == turn.to_string(),
            false,
        );
        let last = tidy.lines().next().unwrap().split('\t').next_back();
        assert_eq!(
            table.columns().last().map(|column| column.name),
            last,
            "quantile_score stands last"
        );
    }
    assert_eq!(checked, expected.len());
}

#[test]
fn quantiles_at_the_edges_of_a_table_are_those_of_direct_calls() {
    let bytes = std::fs::read(support::fixture("calibration.pb")).unwrap();
    let mut calls: BTreeMap<String, Vec<HashMap<String, String>>> = BTreeMap::new();
    for row in table("quantiles_direct.tsv.gz")
        .into_iter()
        .filter(|row| row["ties"] == "True")
    {
        calls.entry(row["scorer"].clone()).or_default().push(row);
    }
    for (name, calls) in calls {
        let scorer: Scorer = name.parse().unwrap();
        let tracks = tracks(organism("human"), scorer.output());
        let number = |row: &HashMap<String, String>, column: &str| {
            row[column].parse::<f32>().unwrap_or(f32::NAN)
        };
        let variant: Variant = "chr1:1:A>C".parse().unwrap();
        let mut scores = Scores {
            by: ScoredBy::Variant { scorer, variant },
            interval: "chr1:0-2048".parse().unwrap(),
            rows: vec![Row::default(); calls.len() / tracks.len()],
            values: calls.iter().map(|row| number(row, "value")).collect(),
            tracks,
            quantiles: None,
        };
        Calibration::parse(&bytes)
            .unwrap()
            .seeded(7)
            .apply(&mut scores)
            .unwrap();
        for (own, row) in scores.quantiles.unwrap().iter().zip(&calls) {
            let expected = number(row, "quantile");
            assert!(
                *own == expected || own.is_nan() && expected.is_nan(),
                "{row:?}: {own}"
            );
        }
    }
}

#[test]
fn broken_calibration_files_are_refused_with_their_place() {
    let bytes = std::fs::read(support::fixture("calibration.pb")).unwrap();
    for end in 0..bytes.len() {
        // Cut between two scorers, a file is whole; cut elsewhere it is not.
        if let Err(error) = Calibration::parse(&bytes[..end]) {
            assert!(error.to_string().contains("calibration, byte"), "{error}");
        }
    }
    assert!(Calibration::parse(&bytes[..bytes.len() - 1]).is_err());
    let flipped = |at: usize| {
        bytes
            .iter()
            .enumerate()
            .map(|(i, b)| if i == at { b ^ 0xff } else { *b })
            .collect::<Vec<_>>()
    };
    for at in 0..bytes.len() {
        let _ = Calibration::parse(&flipped(at));
    }
    let scorer = Scorer::ContactMap;
    let other = Arc::new(Tracks::new(
        vec!["x".into()],
        vec![genome::Strand::Unstranded],
    ));
    let mut scores = Scores {
        by: ScoredBy::Variant {
            scorer,
            variant: "chr1:1:A>C".parse().unwrap(),
        },
        interval: "chr1:0-2048".parse().unwrap(),
        rows: vec![Row::default()],
        tracks: other,
        values: vec![0.0],
        quantiles: None,
    };
    let error = Calibration::parse(&bytes)
        .unwrap()
        .apply(&mut scores)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("ContactMapScorer()") && error.contains("tracks differ"),
        "{error}"
    );
}

/// The recommended width needs 200,001 bp, strands are not filtered, and genes are those of the target.
#[test]
fn point_20_big_scores_of_intervals_have_the_rows_of_the_recording_and_their_values_where_they_were_kept()
 {
    let (arrays, rows) = (arrays("interval_scores"), rows("interval_obs.tsv.gz"));
    let by_id: HashMap<_, IntervalScorer> = table("interval_scorers.tsv")
        .into_iter()
        .map(|row| (row["scorer"].clone(), row["name"].parse().unwrap()))
        .collect();
    let (mut checked, mut scored, mut tidied) = (0, 0, BTreeMap::<String, Vec<Scores>>::new());
    for run in table("interval_runs.tsv.gz") {
        let interval: Interval = run["interval"].parse().unwrap();
        if run["scorer"] == "recommended" {
            let own = IntervalScorer::RECOMMENDED.prepare(&interval, &ANNOTATION);
            assert_eq!(own.is_err(), !run["type"].is_empty(), "{run:?}");
            assert!(own.is_ok() || matches!(own, Err(Error::Width { width: 200_001, .. })));
            continue;
        }
        let Some(scorer) = by_id.get(&run["scorer"]) else {
            continue;
        };
        let plan = scorer.prepare(&interval, &ANNOTATION);
        if !run["type"].is_empty() {
            assert!(matches!(plan, Err(Error::Width { .. })), "{run:?}");
            continue;
        }
        let (case, id) = (&run["case"], &run["scorer"]);
        let tracks = tracks(organism(&run["organism"]), scorer.output);
        let recorded = &arrays[&format!("{case}|{id}")];
        let known = rows
            .get(&(case.clone(), id.clone()))
            .cloned()
            .unwrap_or_default();
        let expected = scores(
            ScoredBy::Interval(*scorer),
            interval.as_unstranded(),
            known,
            tracks.clone(),
            recorded,
        );
        // The recording of s11.main has REF of the same interval, at exons and in all bins of 128 bp.
        let predictions = support::predictions(Case::get("s11.main"), "ref");
        if case == "main"
            && let Ok(own) = plan.as_ref().unwrap().score(&predictions, &tracks)
        {
            assert_eq!(own.rows, expected.rows, "{run:?}");
            for (own, recorded) in own.values.iter().zip(&expected.values) {
                let near = (own - recorded).abs() <= 1e-6 * recorded.abs();
                assert!(
                    near || own.is_nan() && recorded.is_nan(),
                    "{run:?}: {own} is not {recorded}"
                );
            }
            scored += 1;
        }
        if scorer.output == OutputType::RnaSeq {
            tidied.entry(case.clone()).or_default().push(expected);
        }
        checked += 1;
    }
    assert!(checked > 400 && scored > 30, "{checked} {scored}");
    for (case, scores) in tidied {
        let table = tidy_scores(&scores, Options::default()).unwrap().unwrap();
        check(
            &table,
            "interval_tidy.tsv.gz",
            1,
            |line| line[0] == case,
            false,
        );
    }
}

struct Letters(
    genome::fasta::Fasta,
    #[allow(dead_code, reason = "keeps the folder")] tempfile::TempDir,
);

impl Bases for Letters {
    fn bases(&self, interval: &Interval) -> Result<Vec<u8>, genome::Error> {
        self.0.bases(interval)
    }
}

fn letters() -> Letters {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("genome.fa.gz");
    std::fs::copy(support::fixture("genome.fa.gz"), &path).unwrap();
    Letters(genome::fasta::Fasta::open(&path).unwrap(), folder)
}

/// The background hardly acts, and on the negative strand the bases are wrong.
#[test]
fn point_19_neg_and_snv_outside_variants_of_mutagenesis_are_those_of_the_recording() {
    let genome = letters();
    let mut calls: BTreeMap<String, Vec<HashMap<String, String>>> = BTreeMap::new();
    for row in table("ism.tsv.gz") {
        calls.entry(row["case"].clone()).or_default().push(row);
    }
    assert_eq!(calls.len(), 11);
    for (case, calls) in calls {
        let interval: Interval = calls[0]["interval"].parse().unwrap();
        let region: Interval = calls[0]["ism_interval"].parse().unwrap();
        let background: Option<Variant> = calls[0]["interval_variant"].parse().ok();
        let make =
            |behaviour| ism::variants(&genome, &interval, &region, background.as_ref(), behaviour);
        if calls[0]["variant"].is_empty() {
            let error = make(Behaviour::V0_3_0).unwrap_err().to_string();
            assert!(error.contains("fully contained"), "{case}: {error}");
            continue;
        }
        let own: Vec<_> = make(Behaviour::V0_3_0)
            .unwrap()
            .iter()
            .map(ToString::to_string)
            .collect();
        let recorded: Vec<_> = calls
            .iter()
            .step_by(2)
            .map(|row| row["variant"].clone())
            .collect();
        assert_eq!(own, recorded, "{case}");
        // Corrected, REF is the genome's base wherever the background leaves it.
        let inside = background
            .as_ref()
            .is_some_and(|variant| variant.changes(&region));
        for variant in make(Behaviour::Corrected).unwrap() {
            let there = genome.bases(&variant.reference_interval()).unwrap();
            assert!(
                inside || there == variant.reference().as_bytes(),
                "{case} {variant}"
            );
        }
    }
}
