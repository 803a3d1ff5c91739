//! The recordings of `tests/fixtures/scores`, as the tests take them.
#![allow(dead_code, reason = "each test file uses a part")]

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use flate2::read::MultiGzDecoder;
use genome::polya::PolyaSites;
use genome::splice_sites::SpliceSites;
use genome::{Annotation, Interval, Strand, Variant, gtf};
use npyz::npz::NpzArchive;
use scorers::{
    Behaviour, ContactMap, Organism, OutputType, Predictions, Scorer, Setting, Track, Tracks,
};

pub fn fixture(name: &str) -> PathBuf {
    let folders = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    let mut packs = folders.map(|folder| folder.join("tests/fixtures/scores"));
    packs
        .find(|pack| pack.is_dir())
        .expect("the repository")
        .join(name)
}

pub fn text(name: &str) -> String {
    let mut text = String::new();
    let mut file = File::open(fixture(name)).unwrap();
    if name.ends_with(".gz") {
        MultiGzDecoder::new(file).read_to_string(&mut text).unwrap();
    } else {
        file.read_to_string(&mut text).unwrap();
    }
    text
}

/// Rows of a table by the names of their columns. Quoted fields lose their quotes.
pub fn table(name: &str) -> Vec<HashMap<String, String>> {
    let text = text(name);
    let mut lines = text.lines();
    let header: Vec<_> = lines
        .next()
        .unwrap()
        .split('\t')
        .map(str::to_owned)
        .collect();
    let row = |line: &str| {
        header
            .iter()
            .cloned()
            .zip(line.split('\t').map(str::to_owned))
            .collect()
    };
    lines.map(row).collect()
}

pub fn json(name: &str) -> serde_json::Value {
    serde_json::from_str(&text(name)).unwrap()
}

#[derive(Clone, Debug)]
pub struct Array {
    pub shape: Vec<usize>,
    pub values: Vec<f32>,
}

impl Array {
    pub fn integers(&self) -> Vec<i64> {
        self.values.iter().map(|value| *value as i64).collect()
    }
}

/// The arrays of `name`, which `pack.py` put end to end.
pub fn arrays(name: &str) -> BTreeMap<String, Array> {
    let mut archive = NpzArchive::open(fixture(&format!("{name}.npz"))).unwrap();
    let file = archive.by_name("values").unwrap().unwrap();
    let values: Vec<f32> = match file.dtype().descr().as_str() {
        "'<f4'" => file.into_vec::<f32>().unwrap(),
        "'<f8'" => file
            .into_vec::<f64>()
            .unwrap()
            .into_iter()
            .map(|v| v as f32)
            .collect(),
        "'<i4'" => file
            .into_vec::<i32>()
            .unwrap()
            .into_iter()
            .map(|v| v as f32)
            .collect(),
        other => panic!("{name}: {other}"),
    };
    let mut rest = values.as_slice();
    let mut array = |line: &str| {
        let (key, shape) = line.split_once('\t').unwrap();
        let shape: Vec<usize> = shape
            .split('x')
            .filter(|n| !n.is_empty())
            .map(|n| n.parse().unwrap())
            .collect();
        let (own, later) = rest.split_at(shape.iter().product());
        rest = later;
        (
            key.to_owned(),
            Array {
                shape,
                values: own.to_vec(),
            },
        )
    };
    let arrays = text(&format!("{name}.tsv.gz"))
        .lines()
        .map(&mut array)
        .collect();
    assert!(rest.is_empty(), "{name}: every value belongs to an array");
    arrays
}

pub static ANNOTATION: LazyLock<Annotation> =
    LazyLock::new(|| gtf::read(&fixture("annotation.gtf.gz")).unwrap());
pub static POLYA: LazyLock<PolyaSites> =
    LazyLock::new(|| PolyaSites::read(&fixture("polya_sites.tsv")).unwrap());
pub static SPLICE_SITES: LazyLock<SpliceSites> = LazyLock::new(|| {
    SpliceSites::read(
        &fixture("splice_sites_starts.tsv"),
        &fixture("splice_sites_ends.tsv"),
    )
    .unwrap()
});
pub static INTERMEDIATE: LazyLock<serde_json::Value> =
    LazyLock::new(|| json("intermediate.json.gz"));
pub static SCORES: LazyLock<BTreeMap<String, Array>> = LazyLock::new(|| arrays("scores"));
pub static PREDICTIONS: LazyLock<BTreeMap<String, Array>> = LazyLock::new(|| arrays("predictions"));
pub static CASES: LazyLock<BTreeMap<String, Case>> = LazyLock::new(cases);

pub struct Case {
    pub name: String,
    pub organism: Organism,
    pub variant: Variant,
    pub interval: Interval,
}

impl Case {
    pub fn get(name: &str) -> &'static Self {
        CASES.get(name).unwrap_or_else(|| panic!("case {name}"))
    }

    pub fn setting(&self) -> Setting<'static> {
        self.setting_as(Behaviour::V0_3_0)
    }

    pub fn setting_as(&self, behaviour: Behaviour) -> Setting<'static> {
        Setting {
            organism: self.organism,
            annotation: &ANNOTATION,
            polya: Some(&POLYA),
            behaviour,
        }
    }

    pub fn start(&self) -> i64 {
        self.variant.start() - self.interval.start
    }

    pub fn width(&self) -> usize {
        self.interval.width() as usize
    }

    pub fn tracks(&self, output: OutputType) -> Arc<Tracks> {
        tracks(self.organism, output)
    }

    pub fn intermediate(&self) -> &'static serde_json::Value {
        &INTERMEDIATE[&self.name]
    }

    /// What was recorded of a scorer, by its id.
    pub fn recorded(&self, scorer: &str) -> Option<&'static Array> {
        SCORES.get(&format!("{}|{scorer}", self.name))
    }
}

fn cases() -> BTreeMap<String, Case> {
    let case = |row: HashMap<String, String>| {
        let variant = Variant::new(
            &*row["chromosome"],
            row["position"].parse().unwrap(),
            &*row["ref"],
            &*row["alt"],
        );
        let name = row["case"].clone();
        let organism = organism(&row["organism"]);
        (
            name.clone(),
            Case {
                name,
                organism,
                variant: variant.unwrap(),
                interval: row["interval"].parse().unwrap(),
            },
        )
    };
    table("cases.tsv").into_iter().map(case).collect()
}

pub fn organism(name: &str) -> Organism {
    if name == "human" {
        Organism::Human
    } else {
        Organism::Mouse
    }
}

/// Scorers with their ids.
pub fn scorers() -> Vec<(String, Scorer)> {
    table("scorers.tsv")
        .into_iter()
        .map(|row| (row["scorer"].clone(), row["name"].parse().unwrap()))
        .collect()
}

/// The tracks of an output. A column of the recorded table belongs to an output where it holds something.
pub fn tracks(organism: Organism, output: OutputType) -> Arc<Tracks> {
    let name = if organism == Organism::Human {
        "human"
    } else {
        "mouse"
    };
    let tail = if output == OutputType::SpliceJunctions {
        "|junction"
    } else {
        ""
    };
    let rows: Vec<_> = VAR
        .iter()
        .filter(|row| row["table"] == format!("{name}|{output}{tail}"))
        .collect();
    let names = rows.iter().map(|row| row["name"].clone()).collect();
    let strands = rows
        .iter()
        .map(|row| Strand::parse(&row["strand"]).unwrap())
        .collect();
    let mut tracks = Tracks::new(names, strands);
    for column in VAR_COLUMNS.iter() {
        let values: Vec<_> = rows
            .iter()
            .map(|row| Some(row[column].clone()).filter(|text| !text.is_empty()))
            .collect();
        if values.iter().any(Option::is_some) {
            tracks = tracks.with(column.clone(), values);
        }
    }
    Arc::new(tracks)
}

static VAR: LazyLock<Vec<HashMap<String, String>>> = LazyLock::new(|| table("var.tsv"));
static VAR_COLUMNS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let text = text("var.tsv");
    text.lines()
        .next()
        .unwrap()
        .split('\t')
        .skip(4)
        .map(str::to_owned)
        .collect()
});

/// The recorded predictions of a case, of which only some positions were kept.
pub fn predictions(case: &Case, allele: &str) -> Predictions {
    let mut predictions = Predictions::default();
    for output in OutputType::ALL {
        let key = format!("{}/{allele}/{output}", case.name);
        let Some(array) = PREDICTIONS.get(&key) else {
            continue;
        };
        if *output == OutputType::ContactMaps {
            predictions.contact_maps = Some(ContactMap::new(
                array.shape[0],
                array.shape[2],
                array.values.clone(),
            ));
            continue;
        }
        let kept = match PREDICTIONS.get(&format!("{key}@axis0")) {
            Some(kept) => runs(kept.integers().into_iter().map(|at| at as usize)),
            None => std::iter::once(0..array.shape[0]).collect(),
        };
        predictions.tracks.insert(
            *output,
            Track::partial(array.shape[1], kept, array.values.clone()),
        );
    }
    predictions
}

/// Ascending positions as runs.
pub fn runs(positions: impl IntoIterator<Item = usize>) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    for at in positions {
        match runs.last_mut() {
            Some(last) if last.end == at => last.end += 1,
            _ => runs.push(at..at + 1),
        }
    }
    runs
}

/// Runs as the recordings have them, `[[start, end], ...]`.
pub fn runs_of(value: &serde_json::Value) -> Vec<Range<usize>> {
    let pairs: Vec<(usize, usize)> = serde_json::from_value(value.clone()).unwrap();
    pairs.into_iter().map(|(start, end)| start..end).collect()
}
