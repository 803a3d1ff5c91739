//! Scores that DeepMind's code gave, beside the inputs that it gave them for.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use flate2::read::MultiGzDecoder;
use genome::{Interval, Variant};
use npyz::npz::NpzArchive;
use scorers::{Organism, OutputType, Scorer};

use crate::recording::{DType, NpyStream, Values};

/// A row of a table, by the names of its columns.
pub type Fields = BTreeMap<String, String>;

/// What was scored.
#[derive(Clone, Debug)]
pub struct Case {
    /// Its name.
    pub name: String,
    /// With whose scorers.
    pub organism: Organism,
    /// What is changed.
    pub variant: Variant,
    /// What the model sees, on which strand.
    pub interval: Interval,
}

/// Scores of one scorer for one case.
#[derive(Clone, Debug, Default)]
pub struct Side {
    /// What each row is about, by the columns of the SDK's `obs`; nothing for scorers of one row without a gene.
    pub rows: Vec<Fields>,
    /// How many tracks a row has.
    pub tracks: usize,
    /// `[rows, tracks]`.
    pub values: Vec<f32>,
}

/// A recording of scores in one setting.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// The setting.
    pub setting: String,
    /// The cases that have scores, in the order of `cases.tsv`.
    pub cases: Vec<Case>,
    /// Scorers with their ids.
    pub scorers: Vec<(String, Scorer)>,
    inputs: Vec<PathBuf>,
    sides: BTreeMap<(String, String), Side>,
    /// What was refused, and how.
    refused: BTreeMap<(String, String), String>,
    /// By case: splice sites that junctions were counted between, each kind by itself, `-1` where there is none.
    sites: BTreeMap<String, [Vec<i32>; 4]>,
    /// Rows of `var.tsv` by table, such as `human|ATAC`.
    tracks: BTreeMap<String, Vec<Fields>>,
}

impl Recorded {
    /// Opens the scores of a setting in `folder`, and finds the inputs there or in `inputs`.
    ///
    /// The files may lie as they were recorded (`inputs/`, `scores/SETTING/`), or all in `folder`; scores may be
    /// `SETTING.npz`, and each file but that may be compressed.
    ///
    /// # Errors
    /// Where a file is missing or does not fit the others.
    pub fn open(folder: &Path, inputs: Option<&Path>, setting: &str) -> Result<Self> {
        let inputs = match inputs {
            Some(inputs) => vec![inputs.to_owned()],
            None => vec![
                folder.join("inputs"),
                folder.to_owned(),
                folder.join("../scores/inputs"),
            ],
        };
        let at = folder.join("scores").join(setting);
        let folders = [at, folder.to_owned(), folder.join("scores")];
        let own = |name: &str| format!("{setting}{name}");
        let path = find(&folders, &[&own(".npz"), "scores.npz"])?;
        let arrays = arrays(&path)?;
        let mut rows: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for mut row in table(&find(&folders, &[&own("_obs.tsv"), "obs.tsv"])?)? {
            let key = (take(&mut row, "case")?, take(&mut row, "scorer")?);
            row.retain(|name, value| {
                !["row", "interval"].contains(&name.as_str()) && !value.is_empty()
            });
            for (name, value) in &mut row {
                // Whole numbers of a column with gaps, as pandas writes them.
                if !name.starts_with("gene_") && value.ends_with(".0") {
                    value.truncate(value.len() - 2);
                }
            }
            rows.entry(key).or_default().push(row);
        }
        let mut names: BTreeMap<String, Scorer> = BTreeMap::new();
        let mut sides = BTreeMap::new();
        let listed = match find(&folders, &["scorers.tsv"]) {
            Ok(path) => table(&path)?,
            Err(_) => Vec::new(),
        };
        let listed = listed
            .iter()
            .map(|row| Some((row.get("scorer")?, row.get("name")?)));
        let listed: Option<BTreeMap<_, _>> = listed.collect();
        let listed = listed.context("scorers.tsv: expected the columns `scorer` and `name`")?;
        for (key, (shape, values)) in arrays {
            let fault = || format!("{}, {key}", path.display());
            let mut parts = key.splitn(3, '|').map(str::to_owned);
            let (Some(case), Some(id)) = (parts.next(), parts.next()) else {
                bail!("{}: expected the name `case|scorer`", fault());
            };
            let name = parts
                .next()
                .or_else(|| listed.get(&id).map(|name| (*name).clone()));
            let name = name.with_context(|| {
                format!("{}: no scorers.tsv says which scorer {id} is", fault())
            })?;
            names.insert(id.clone(), name.parse().with_context(fault)?);
            let [count, tracks] = shape[..] else {
                bail!("{}: has shape {shape:?}; expected rows and tracks", fault());
            };
            let rows = rows.remove(&(case.clone(), id.clone())).unwrap_or_default();
            ensure!(
                rows.len() == count || rows.is_empty() && count <= 1,
                "{}: has {count} rows, and the table of rows {}",
                fault(),
                rows.len()
            );
            sides.insert(
                (case, id),
                Side {
                    rows,
                    tracks,
                    values,
                },
            );
        }
        let mut refused = BTreeMap::new();
        if let Ok(path) = find(&folders, &["errors.tsv"]) {
            for mut row in table(&path)? {
                let key = (take(&mut row, "case")?, take(&mut row, "scorer")?);
                refused.insert(key, take(&mut row, "message")?);
            }
        }
        let mut tracks: BTreeMap<_, Vec<_>> = BTreeMap::new();
        if let Ok(path) = find(&folders, &["var.tsv"]) {
            for mut row in table(&path)? {
                tracks
                    .entry(take(&mut row, "table")?)
                    .or_default()
                    .push(row);
            }
        }
        let mut sites = BTreeMap::new();
        if let Ok(path) = find(&folders, &["splice_site_positions.npz"]) {
            for (name, (_, places)) in self::arrays(&path)? {
                let each = places.len() / 4;
                let kind = |kind: usize| {
                    places[kind * each..][..each]
                        .iter()
                        .map(|at| *at as i32)
                        .collect()
                };
                sites.insert(name, [kind(0), kind(1), kind(2), kind(3)]);
            }
        }
        let known = |name: &str| {
            let of = |key: &(String, String)| key.0 == name;
            sides.keys().any(of) || refused.keys().any(of)
        };
        let mut cases = table(&find(&inputs, &["cases.tsv"])?)?;
        cases.retain(|row| known(row.get("case").map_or("", String::as_str)));
        Ok(Self {
            setting: setting.to_owned(),
            cases: cases.into_iter().map(case).collect::<Result<_>>()?,
            scorers: names.into_iter().collect(),
            inputs,
            sides,
            refused,
            sites,
            tracks,
        })
    }

    /// An input by its name.
    ///
    /// # Errors
    /// Where it is missing.
    pub fn input(&self, name: &str) -> Result<PathBuf> {
        find(&self.inputs, &[name])
    }

    /// What was recorded of a scorer, or why it was refused; nothing where it was not run.
    pub fn get(&self, case: &str, id: &str) -> Option<Result<&Side, &str>> {
        let key = (case.to_owned(), id.to_owned());
        match (self.sides.get(&key), self.refused.get(&key)) {
            (Some(side), _) => Some(Ok(side)),
            (None, Some(message)) => Some(Err(message)),
            (None, None) => None,
        }
    }

    /// The splice sites of a case: donors and acceptors of `+`, then of `-`.
    pub fn sites(&self, case: &str) -> Option<&[Vec<i32>; 4]> {
        self.sites.get(case)
    }

    /// The columns of the recorded table of tracks; nothing where there is no such table.
    pub fn tracks(&self, organism: Organism, output: OutputType) -> Option<&[Fields]> {
        let tail = if output == OutputType::SpliceJunctions {
            "|junction"
        } else {
            ""
        };
        self.tracks
            .get(&format!("{}|{output}{tail}", word(organism)))
            .map(Vec::as_slice)
    }
}

fn word(organism: Organism) -> &'static str {
    match organism {
        Organism::Human => "human",
        Organism::Mouse => "mouse",
    }
}

fn case(mut row: Fields) -> Result<Case> {
    let name = take(&mut row, "case")?;
    let mut field =
        |column: &str| take(&mut row, column).with_context(|| format!("cases.tsv, {name}"));
    let organism = match field("organism")?.as_str() {
        "human" => Organism::Human,
        "mouse" => Organism::Mouse,
        other => bail!("cases.tsv, {name}: organism `{other}`; expected human or mouse"),
    };
    let position = field("position")?;
    let position = position
        .parse()
        .with_context(|| format!("cases.tsv, {name}: position {position}"))?;
    Ok(Case {
        organism,
        interval: field("interval")?.parse()?,
        variant: Variant::new(field("chromosome")?, position, field("ref")?, field("alt")?)?,
        name,
    })
}

fn take(row: &mut Fields, column: &str) -> Result<String> {
    row.remove(column)
        .with_context(|| format!("a table has no column `{column}`"))
}

/// The first file of `names` in `folders`, compressed or not.
fn find(folders: &[PathBuf], names: &[&str]) -> Result<PathBuf> {
    for folder in folders {
        for name in names {
            for path in [folder.join(name), folder.join(format!("{name}.gz"))] {
                if path.is_file() {
                    return Ok(path);
                }
            }
        }
    }
    let places: Vec<_> = folders
        .iter()
        .map(|folder| folder.display().to_string())
        .collect();
    bail!(
        "no {} in {}: expected a recording of scores as docs/scores.md describes it",
        names.join(" or "),
        places.join(" or ")
    )
}

/// A table of tab-separated text, compressed or not.
fn table(path: &Path) -> Result<Vec<Fields>> {
    let named = || path.display().to_string();
    let mut text = String::new();
    let mut file = File::open(path).with_context(named)?;
    match path.extension() {
        Some(gz) if gz == "gz" => MultiGzDecoder::new(file).read_to_string(&mut text),
        _ => file.read_to_string(&mut text),
    }
    .with_context(named)?;
    let mut lines = text.lines();
    let header: Vec<_> = lines.next().unwrap_or("").split('\t').collect();
    let row = |(number, line): (usize, &str)| {
        let fields: Vec<_> = line.split('\t').collect();
        ensure!(
            fields.len() == header.len(),
            "{}, line {}: has {} fields, and the header {}",
            named(),
            number + 2,
            fields.len(),
            header.len()
        );
        let owned = |text: &&str| (*text).to_owned();
        Ok(header
            .iter()
            .map(owned)
            .zip(fields.iter().map(owned))
            .collect())
    };
    lines.enumerate().map(row).collect()
}

/// Shapes and values, by name.
type Arrays = BTreeMap<String, (Vec<usize>, Vec<f32>)>;

/// The arrays of an archive, by name; where it holds `values` alone, a table beside it (`.tsv.gz`) has their names and
/// shapes, and they stand end to end.
fn arrays(path: &Path) -> Result<Arrays> {
    let named = || path.display().to_string();
    let mut archive = NpzArchive::new(BufReader::new(File::open(path).with_context(named)?))
        .with_context(named)?;
    let names: Vec<String> = archive.array_names().map(str::to_owned).collect();
    let mut found = BTreeMap::new();
    for name in names {
        let fault = || format!("{}, {name}", named());
        let file = archive
            .by_name(&name)
            .with_context(fault)?
            .with_context(fault)?;
        let header = file.header().clone();
        let file = npyz::NpyFile::with_header(header, file.into_inner());
        let stream = NpyStream::new(file, &[DType::Float32, DType::Int32, DType::Int64])
            .map_err(|text| anyhow::anyhow!("{} {text}", fault()))?;
        let shape = stream.shape().to_vec();
        let values = match stream.read_all().with_context(fault)? {
            Values::F32(values) => values,
            other => other
                .to_f64()
                .into_iter()
                .map(|value| value as f32)
                .collect(),
        };
        found.insert(name, (shape, values));
    }
    let packed = found.len() == 1 && found.contains_key("values");
    if !packed {
        return Ok(found);
    }
    let (_, values) = found.remove("values").unwrap_or_default();
    let path = path.with_extension("tsv.gz");
    let mut rest = values.as_slice();
    let mut text = String::new();
    let file = File::open(&path).with_context(|| path.display().to_string())?;
    MultiGzDecoder::new(file).read_to_string(&mut text)?;
    for line in text.lines() {
        let fault = || format!("{}: `{line}`", path.display());
        let (name, shape) = line.split_once('\t').with_context(fault)?;
        let shape = shape
            .split('x')
            .map(str::parse)
            .collect::<Result<Vec<usize>, _>>()
            .with_context(fault)?;
        let length = shape
            .iter()
            .try_fold(1usize, |n, d| n.checked_mul(*d))
            .unwrap_or(usize::MAX);
        let (own, later) = rest.split_at_checked(length).with_context(fault)?;
        rest = later;
        found.insert(name.to_owned(), (shape, own.to_vec()));
    }
    Ok(found)
}
