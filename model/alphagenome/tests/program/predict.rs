//! `alphagenome predict` against what DeepMind's `predict_variant` gave, in every form of output, and what it refuses.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::Path;

use npyz::npz::NpzArchive;
use parquet::record::Field;
use tests::program::Outcome;

use crate::bigwig::BigWig;
use crate::score::region;
use crate::support::{Inputs, MODEL, parquet, recorded, table};

/// Shape and values of an array.
#[derive(Clone, Debug, PartialEq)]
struct Array {
    shape: Vec<usize>,
    values: Vec<f64>,
}

/// The arrays of an `.npz`.
fn arrays(path: &Path) -> BTreeMap<String, Array> {
    let mut archive = NpzArchive::open(path).unwrap();
    let names: Vec<_> = archive.array_names().map(str::to_owned).collect();
    let read = |name: String| {
        let file = archive.by_name(&name).unwrap().unwrap();
        let shape = file.shape().iter().map(|n| *n as usize).collect();
        let values = match file.dtype().descr().as_str() {
            "'<f4'" => file
                .into_vec::<f32>()
                .unwrap()
                .into_iter()
                .map(f64::from)
                .collect(),
            "'<i8'" => file
                .into_vec::<i64>()
                .unwrap()
                .into_iter()
                .map(|v| v as f64)
                .collect(),
            _ => file.into_vec::<f64>().unwrap(),
        };
        (name, Array { shape, values })
    };
    names.into_iter().map(read).collect()
}

/// What JAX predicted, as `pack.py` put it end to end.
fn predictions() -> BTreeMap<String, Array> {
    let values = arrays(&recorded("predictions.npz"))
        .remove("values")
        .unwrap()
        .values;
    let mut rest = values.into_iter();
    let shapes = table("predictions.tsv.gz");
    let lines = std::iter::once(shapes.header.join("\t")).chain(shapes.lines().iter().cloned());
    let array = |line: String| {
        let (name, shape) = line.split_once('\t').unwrap();
        let shape: Vec<usize> = shape.split('x').map(|n| n.parse().unwrap()).collect();
        let values = rest.by_ref().take(shape.iter().product()).collect();
        (name.to_owned(), Array { shape, values })
    };
    lines.map(array).collect()
}

/// Runs `predict` with the tiny model and genome.
fn predict(inputs: &Inputs, arguments: &[&str]) -> Outcome {
    let mut fixed = vec!["predict", "--fasta", "genome.fa.gz"];
    if !arguments.contains(&"--model") {
        fixed.extend(["--model", MODEL.to_str().unwrap()]);
    }
    inputs.alphagenome(&[&fixed[..], arguments].concat())
}

fn done(inputs: &Inputs, arguments: &[&str]) -> Outcome {
    let outcome = predict(inputs, arguments);
    outcome.expect_code(0);
    outcome
}

/// Fails where `own` is farther from `known` than JAX is from itself; usage, in float16, than a step.
fn hold(what: &str, output: &str, own: &[f64], known: &[f64]) {
    assert_eq!(own.len(), known.len(), "{what}");
    let far = own.iter().zip(known).map(|(a, b)| (a - b).abs());
    if output == "SPLICE_SITE_USAGE" {
        let step = |value: f64| 2f64.powi(value.abs().max(6.2e-5).log2().floor() as i32 - 10);
        let steps = far.zip(known).map(|(far, value)| far / step(*value));
        let most = steps.fold(0.0, f64::max);
        assert!(most <= 1.001, "{what}: {most} steps");
        return;
    }
    let norm = |values: &mut dyn Iterator<Item = f64>| values.map(|x| x * x).sum::<f64>().sqrt();
    let far = norm(&mut far.into_iter()) / norm(&mut known.iter().copied());
    assert!(far <= 1e-5, "{what}: {far:e}");
}

#[test]
fn both_alleles_are_those_of_predict_variant() {
    let known = predictions();
    let cases = table("cases.tsv").rows();
    let mut held = 0;
    for case in cases {
        let name = &case["case"];
        if !known.contains_key(&format!("{name}/ref/ATAC")) {
            continue;
        }
        let inputs = Inputs::new();
        let variant = format!(
            "{}:{}:{}>{}",
            case["chromosome"], case["position"], case["ref"], case["alt"]
        );
        let region = region(&case["interval"]);
        let arguments = [
            "--variant",
            &variant,
            "--region",
            &region,
            "--length",
            "16k",
            "--gtf",
            "annotation.gtf.gz",
            "--organism",
            &case["organism"],
            "--out",
            "both.npz",
        ];
        done(&inputs, &arguments);
        let own = arrays(&inputs.path("both.npz"));
        let start: f64 = case["interval"]
            .split([':', '-'])
            .nth(1)
            .unwrap()
            .parse()
            .unwrap();
        for (key, array) in &known {
            let Some(rest) = key.strip_prefix(&format!("{name}/")) else {
                continue;
            };
            if rest.contains('@') {
                continue;
            }
            let what = format!("{name}: {rest}");
            if let Some(rest) = rest.strip_suffix("/raw") {
                let positions = &known[&format!("{name}/{rest}/positions")];
                junctions(
                    &what,
                    &own,
                    &format!("{variant}/{rest}"),
                    start,
                    array,
                    positions,
                );
                held += 1;
                continue;
            }
            let Some(found) = own.get(&format!("{variant}/{rest}")) else {
                assert!(rest.ends_with("/positions"), "{what} is missing");
                continue;
            };
            let values = match known.get(&format!("{key}@axis0")) {
                None => found.values.clone(),
                Some(kept) => {
                    let width = found.shape[1];
                    let rows = kept.values.iter().map(|at| *at as usize * width);
                    rows.flat_map(|at| found.values[at..at + width].to_vec())
                        .collect()
                }
            };
            assert_eq!(found.shape[1..], array.shape[1..], "{what}");
            assert_eq!(
                own[&format!("{variant}/{rest}@start")].values,
                [start],
                "{what}"
            );
            hold(
                &what,
                rest.split('/').nth(1).unwrap(),
                &values,
                &array.values,
            );
            held += 1;
        }
    }
    // Nine cases, two alleles, eleven outputs.
    assert_eq!(held, 9 * 2 * 11);
}

/// Holds the first donors and acceptors of a recorded array of counts to those of the list.
fn junctions(
    what: &str,
    own: &BTreeMap<String, Array>,
    key: &str,
    start: f64,
    raw: &Array,
    positions: &Array,
) {
    let (counts, places) = (&own[key], &own[&format!("{key}@junctions")]);
    assert_eq!([counts.shape[0], 3], places.shape[..], "{what}");
    let tissues = counts.shape[1];
    let listed: HashMap<[i64; 3], &[f64]> = places
        .values
        .chunks(3)
        .map(|row| [row[0] as i64, row[1] as i64, row[2] as i64])
        .zip(counts.values.chunks(tissues))
        .collect();
    let most = positions.shape[1];
    let sites = |kind: usize| {
        let places = positions.values[kind * most..][..most].iter();
        places
            .copied()
            .filter(|place| *place >= 0.0)
            .collect::<Vec<_>>()
    };
    let introns = |from: Vec<f64>, to: Vec<f64>| {
        let ends = from
            .iter()
            .map(|from| to.iter().filter(|to| from + 1.0 < **to).count());
        ends.sum::<usize>()
    };
    let all = introns(sites(0), sites(1)) + introns(sites(3), sites(2));
    assert_eq!(
        counts.shape[0], all,
        "{what}: as many as there are pairs of the recorded sites"
    );
    let site = |kind: usize, at: usize| positions.values[kind * most + at];
    let [donors, acceptors] = [raw.shape[0], raw.shape[1]];
    let (mut found, mut known) = (Vec::new(), Vec::new());
    for strand in [0, 1] {
        for (donor, acceptor) in (0..donors * acceptors).map(|at| (at / acceptors, at % acceptors))
        {
            let (from, to) = (site(2 * strand, donor), site(2 * strand + 1, acceptor));
            let (first, last) = if strand == 0 { (from, to) } else { (to, from) };
            if from < 0.0 || to < 0.0 || first + 1.0 >= last {
                continue;
            }
            let sign = if strand == 0 { 1 } else { -1 };
            let place = [(first + 1.0 + start) as i64, (last + start) as i64, sign];
            let values = listed
                .get(&place)
                .unwrap_or_else(|| panic!("{what}: {place:?}"));
            found.extend_from_slice(values);
            let at = ((donor * acceptors + acceptor) * 2 + strand) * tissues;
            known.extend_from_slice(&raw.values[at..at + tissues]);
        }
    }
    assert!(known.len() > 100, "{what}");
    hold(what, "SPLICE_JUNCTIONS", &found, &known);
}

const WINDOW: [&str; 4] = ["--region", "chr1:40,002-56,385", "--length", "16k"];

#[test]
fn a_folder_of_bigwig_files_has_the_values_of_the_arrays() {
    let inputs = Inputs::new();
    let outputs = [
        "--outputs",
        "atac,cage,chip_tf,contact_maps,splice_junctions",
    ];
    done(
        &inputs,
        &[&WINDOW[..], &outputs, &["--out", "a.npz"]].concat(),
    );
    let outcome = done(
        &inputs,
        &[&WINDOW[..], &outputs, &["--out", "a", "--json"]].concat(),
    );
    outcome.expect_message(&["contacts and junctions are in a/contacts_and_junctions.npz"]);
    let summary: serde_json::Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(
        (&summary["regions"], &summary["failures"]),
        (&1.into(), &0.into())
    );
    let own = arrays(&inputs.path("a.npz"));
    let pairs = arrays(&inputs.path("a/contacts_and_junctions.npz"));
    let paired = |name: &&String| name.contains("CONTACT") || name.contains("JUNCTIONS");
    assert_eq!(pairs.len(), own.keys().filter(paired).count());
    assert!(pairs.iter().all(|(name, array)| own[name] == *array));
    let rows = inputs.rows("a/tracks.tsv").rows();
    assert_eq!(summary["tracks"], rows.len());
    let mut files = 0;
    for row in &rows {
        if row["file"].ends_with(".npz") {
            continue;
        }
        let track: usize = row["track"].parse().unwrap();
        let resolution: u32 = row["resolution"].parse().unwrap();
        let array = &own[&format!("chr1:40001-56385:./{}", row["output_type"])];
        let file = BigWig::read(&inputs.path("a").join(&row["file"]));
        let chromosomes = [("chr1".to_owned(), 200_000)];
        assert_eq!(file.chromosomes, chromosomes);
        let expected = array
            .values
            .chunks(array.shape[1])
            .enumerate()
            .map(|(bin, values)| {
                let start = 40_001 + bin as u32 * resolution;
                (0, start, start + resolution, values[track] as f32)
            });
        assert_eq!(file.values, expected.collect::<Vec<_>>(), "{row:?}");
        files += 1;
    }
    let listed = fs::read_dir(inputs.path("a")).unwrap().count();
    assert_eq!((files, listed), (13, 13 + 2), "{rows:?}");
    assert!(!inputs.path("a.unfinished").exists());
}

#[test]
fn regions_of_a_file_are_cut_and_keep_their_names() {
    let inputs = Inputs::new();
    let lines = "chr2\t100\t400\tleft\t0\t-\nchr1\t199900\t200100\tend\nchr1\t-50\t70\n";
    inputs.write("some.bed", lines);
    let fixed = [
        "--bed",
        "some.bed",
        "--length",
        "2k",
        "--outputs",
        "dnase,chip_histone",
    ];
    done(&inputs, &[&fixed[..], &["--out", "a.npz"]].concat());
    done(&inputs, &[&fixed[..], &["--out", "a"]].concat());
    let own = arrays(&inputs.path("a.npz"));
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut packed, lines.as_bytes()).unwrap();
    inputs.write("some.bed.gz", packed.finish().unwrap());
    let of_packed = ["--bed", "some.bed.gz", "--out", "b.npz"];
    done(&inputs, &[&of_packed[..], &fixed[2..]].concat());
    assert!(arrays(&inputs.path("b.npz")).keys().eq(own.keys()));
    assert_eq!(own["left/DNASE"].shape, [300, 3]);
    assert_eq!(own["left/DNASE@start"].values, [100.0]);
    assert_eq!(own["chr1:-50-70:./DNASE@start"].values, [-50.0]);
    // The window around 100..400 starts at -774, and its bins there.
    assert_eq!(
        own["left/CHIP_HISTONE@start"].values,
        [-774.0 + 6.0 * 128.0]
    );
    assert_eq!(own["left/CHIP_HISTONE"].shape[0], 4);
    let rows = inputs.rows("a/tracks.tsv").rows();
    for row in rows.iter().filter(|row| row["track"] == "1") {
        let file = BigWig::read(&inputs.path("a").join(&row["file"]));
        let names: Vec<_> = file
            .chromosomes
            .iter()
            .map(|(name, _)| name.as_str())
            .collect();
        assert_eq!(names, ["chr1", "chr2"]);
        let covered = |range: std::ops::Range<u32>, chromosome| {
            let inside = file.values.iter().filter(|value| value.0 == chromosome);
            let inside = inside.filter(|value| range.start <= value.1 && value.2 <= range.end);
            inside.map(|value| value.2 - value.1).sum::<u32>()
        };
        let parts = [(0..70, 0), (199_900..200_000, 0), (100..400, 1)];
        let parts = parts.map(|(range, chromosome)| covered(range, chromosome));
        assert_eq!(parts, [70, 100, 300], "{row:?}");
        let all: u32 = file.values.iter().map(|value| value.2 - value.1).sum();
        assert_eq!(all, 470);
        // Between regions no level of zoom has anything.
        assert!(row["resolution"] != "1" || !file.zooms.is_empty());
        for (chromosome, start, end, valid) in file.zooms.iter().copied() {
            let near = match chromosome {
                0 => end <= 70 || start >= 199_900,
                _ => start >= 100 && end <= 400,
            };
            assert!(near && valid <= end - start, "{chromosome}:{start}-{end}");
        }
    }
}

#[test]
fn tiles_equal_single_windows_where_they_are_kept() {
    let inputs = Inputs::new();
    let outputs = ["--outputs", "atac,chip_tf", "--length", "16k"];
    let arguments = ["--region", "chr1:40,002-60,001", "--out", "tiled.npz"];
    done(&inputs, &[&outputs[..], &arguments].concat());
    let tiled = arrays(&inputs.path("tiled.npz"));
    // Of 16,384 bp the middle 8,192 are kept, so that windows start 4,096 bp before them.
    for (index, first) in [40_001_i64, 48_193, 56_385].into_iter().enumerate() {
        let seen = format!("chr1:{}-{}", first - 4096 + 1, first + 12_288);
        let out = format!("{index}.npz");
        done(
            &inputs,
            &[&outputs[..], &["--region", &seen, "--out", &out]].concat(),
        );
        let single = arrays(&inputs.path(&out));
        for (output, resolution, tracks) in [("ATAC", 1, 3), ("CHIP_TF", 128, 6)] {
            let whole = &tiled[&format!("chr1:40001-60001:./{output}")];
            let bins = 20_000_usize.div_ceil(resolution);
            assert_eq!(whole.shape, [bins, tracks]);
            let window = single
                .iter()
                .find(|(name, _)| name.ends_with(&format!("/{output}")))
                .unwrap();
            let from = index * 8192 / resolution;
            let count = (8192 / resolution).min(bins - from);
            let own = &whole.values[from * tracks..(from + count) * tracks];
            let margin = 4096 / resolution * tracks;
            assert_eq!(
                *own,
                window.1.values[margin..margin + own.len()],
                "{output} {index}"
            );
        }
    }
    let all = done(
        &inputs,
        &[
            "--region",
            "chr1:40,002-60,001",
            "--length",
            "16k",
            "--out",
            "all.parquet",
        ],
    );
    all.expect_message(&["left out: SPLICE_JUNCTIONS and CONTACT_MAPS"]);
}

#[test]
fn memory_stays_with_one_window() {
    let inputs = Inputs::new();
    let peak = |region: &str, out: &str| {
        let outputs = ["--outputs", "atac,rna_seq,dnase,cage", "--length", "8k"];
        let outcome = done(
            &inputs,
            &[&outputs[..], &["--region", region, "--out", out]].concat(),
        );
        outcome.peak_anonymous
    };
    let (one, many) = (peak("chr1:40,001-48,192", "a"), peak("chr1:1-200,000", "b"));
    // 200,000 bp of 15 tracks are 12 MB, and as much again with their places.
    assert!(many < one + (8 << 20), "{one} and {many} bytes");
}

#[test]
fn a_long_table_has_the_values_of_the_arrays() {
    let inputs = Inputs::new();
    let fixed = [
        "--outputs",
        "cage,chip_histone",
        "--track",
        "strand=+",
        "--track",
        "strand=.",
    ];
    let variant = [
        "--variant",
        "chr1:48194:C>CAG",
        "--length",
        "4k",
        "--region",
        "chr1:48,000-48,400",
    ];
    done(
        &inputs,
        &[&fixed[..], &variant, &["--out", "a.parquet"]].concat(),
    );
    done(
        &inputs,
        &[&fixed[..], &variant, &["--out", "a.npz"]].concat(),
    );
    let own = arrays(&inputs.path("a.npz"));
    let tracks = inputs.rows("a.parquet.tracks.tsv").rows();
    let (columns, rows) = parquet(&inputs.path("a.parquet"));
    let names = "variant_id chromosome start end output_type track track_name track_strand ref alt";
    assert_eq!(columns.join(" "), names);
    let mut rows = rows.into_iter();
    let variant = "chr1:48194:C>CAG";
    let text = |text: &str| Field::Str(text.into());
    let mut place = BTreeMap::new();
    for track in &tracks {
        let output = &track["output_type"];
        let resolution: i64 = track["resolution"].parse().unwrap();
        let at = place.entry(output).or_insert(0);
        let [reference, alternate] =
            ["ref", "alt"].map(|it| &own[&format!("{variant}/{it}/{output}")]);
        assert_ne!(reference, alternate);
        let start = own[&format!("{variant}/ref/{output}@start")].values[0] as i64;
        for bin in 0..reference.shape[0] {
            let from = start + bin as i64 * resolution;
            let value =
                |array: &Array| Field::Float(array.values[bin * array.shape[1] + *at] as f32);
            let expected = [
                text(variant),
                text("chr1"),
                Field::Long(from),
                Field::Long(from + resolution),
                text(output),
                Field::Long(track["track"].parse().unwrap()),
                text(&track["name"]),
                text(&track["strand"]),
                value(reference),
                value(alternate),
            ];
            assert_eq!(rows.next().unwrap(), expected);
        }
        *at += 1;
    }
    assert!(rows.next().is_none());
}

#[test]
fn sequences_are_predicted_as_the_same_bases_of_a_genome() {
    let inputs = Inputs::new();
    let genome = inputs.text("genome.fa.gz");
    let bases: String = genome
        .lines()
        .skip(1)
        .take_while(|line| !line.starts_with('>'))
        .collect();
    inputs.write(
        "some.fa",
        format!(
            ">one text\n{}\n>two\n{}\n",
            &bases[40_000..44_096],
            &bases[50_000..51_000]
        ),
    );
    let model = MODEL.to_str().unwrap();
    let outputs = ["--outputs", "atac,splice_junctions,contact_maps"];
    let fixed = [
        "predict",
        "--model",
        model,
        "--sequences",
        "some.fa",
        "--out",
        "a.npz",
    ];
    inputs
        .alphagenome(&[&fixed[..], &outputs].concat())
        .expect_code(0);
    let own = arrays(&inputs.path("a.npz"));
    done(
        &inputs,
        &[
            &outputs[..],
            &[
                "--region",
                "chr1:40,001-44,096",
                "--length",
                "4k",
                "--out",
                "b.npz",
            ],
        ]
        .concat(),
    );
    let same = arrays(&inputs.path("b.npz"));
    for name in ["ATAC", "SPLICE_JUNCTIONS", "CONTACT_MAPS"] {
        let of_genome = &same[&format!("chr1:40000-44096:./{name}")];
        assert!(of_genome.shape[0] > 1);
        assert_eq!(own[&format!("one/{name}")], *of_genome);
    }
    assert_eq!(own["two/ATAC"].shape, [1000, 3]);
    // A place is one of the record's own bases, whatever the model sees around them.
    inputs.write(
        "bad.fa",
        format!(">one\nACGT\n>two\n{}\nAZ\n", "ACGT".repeat(15)),
    );
    let bad = [
        "predict",
        "--model",
        model,
        "--sequences",
        "bad.fa",
        "--out",
        "c.npz",
    ];
    inputs
        .alphagenome(&bad)
        .expect_code(2)
        .expect_message(&["bad.fa: sequence two: `Z` at base 62 (from 1)"]);
    assert!(!inputs.path("c.npz").exists() && !inputs.path("c.npz.unfinished").exists());
}

#[test]
fn variants_of_a_file_fail_alone() {
    let inputs = Inputs::new();
    let lines = "chr1\t48194\tsnv\tC\tG\nchr1\t48300\tdup\tA\t<DUP>\nchr1\t190000\tfar\tA\tC\nchr1\t48194\tagain\tC\tG\n";
    inputs.write("some.tsv", format!("CHROM\tPOS\tID\tREF\tALT\n{lines}"));
    let arguments = [
        "--vcf",
        "some.tsv",
        "--region",
        "chr1:48,001-48,400",
        "--length",
        "2k",
        "--outputs",
        "atac",
        "--out",
        "a",
    ];
    predict(&inputs, &arguments)
        .expect_code(1)
        .expect_message(&["2 of 4 variants have no predictions: a/failures.tsv"]);
    let failures = inputs.rows("a/failures.tsv").rows();
    let found: Vec<_> = failures
        .iter()
        .map(|row| [&row["line"], &row["id"]])
        .collect();
    assert_eq!(found, [["3", ""], ["4", "far"]]);
    let row = &inputs.rows("a/tracks.tsv").rows()[0];
    for folder in ["chr1_48194_C_G", "chr1_48194_C_G.2"] {
        let [own, other] = ["file_ref", "file_alt"]
            .map(|name| BigWig::read(&inputs.path("a").join(folder).join(&row[name])).values);
        assert_eq!((own.len(), other.len()), (400, 400));
        assert_ne!(own, other);
    }
}

#[test]
fn an_output_is_replaced_whole_and_only_where_that_is_wanted() {
    let inputs = Inputs::new();
    let fixed = [
        "--region",
        "chr1:48,001-48,400",
        "--length",
        "2k",
        "--outputs",
        "atac",
    ];
    let run = |more: &[&str]| predict(&inputs, &[&fixed[..], more].concat());
    for out in ["a", "a.npz", "a.parquet"] {
        run(&["--out", out]).expect_code(0);
        run(&["--out", out])
            .expect_code(2)
            .expect_message(&["exists already; --force"]);
        run(&["--out", out, "--track", "name=atac track 1", "--force"]).expect_code(0);
    }
    let files = fs::read_dir(inputs.path("a")).unwrap().count();
    assert_eq!(files, 2, "what was there is gone");
    assert_eq!(inputs.rows("a.npz.tracks.tsv").rows().len(), 1);
    // What fails leaves nothing behind, and what was there as it was.
    let before = fs::read(inputs.path("a.npz")).unwrap();
    run(&["--out", "a.npz", "--force", "--model", "."]).expect_code(2);
    assert_eq!(fs::read(inputs.path("a.npz")).unwrap(), before);
    fs::create_dir(inputs.path("other")).unwrap();
    run(&["--out", "other", "--force"])
        .expect_code(2)
        .expect_message(&["other is a folder without tracks.tsv"]);
    // A run that was killed.
    fs::create_dir_all(inputs.path("b.unfinished/made/x")).unwrap();
    run(&["--out", "b"]).expect_code(0);
    for entry in fs::read_dir(inputs.path("")).unwrap() {
        let name = entry.unwrap().file_name();
        assert!(!name.to_string_lossy().contains("unfinished"), "{name:?}");
    }
}

#[test]
fn what_cannot_be_predicted_is_said_before_the_model_is_loaded() {
    let inputs = Inputs::new();
    inputs.write("over.bed", "chr1\t100\t400\nchr1\t399\t500\n");
    inputs.write("bad.bed", "chr1\t100\n");
    inputs.write("empty.bed", "# none\n");
    inputs.write("same.fa", ">a\nACGT\n>a\nACGT\n");
    let region = "chr1:48,001-48,400";
    for (arguments, words) in [
        (&["--out", "a"][..], "required arguments"),
        (
            &["--region", region, "--bed", "over.bed", "--out", "a"],
            "cannot be used with",
        ),
        (
            &["--region", region, "--length", "3000", "--out", "a"],
            "a multiple of 2,048 bp",
        ),
        (&["--region", "chr9:1-400", "--out", "a"], "chr9"),
        (&["--region", "1:1-400", "--out", "a"], "chr"),
        (
            &["--region", "chr1:300,001-300,400", "--out", "a"],
            "which has 200000 bp",
        ),
        (
            &[
                "--region",
                "chr1:199,001-900,400",
                "--length",
                "2k",
                "--out",
                "a",
            ],
            "reaches too far beyond chr1",
        ),
        (
            &["--region", "chr1:400-300", "--out", "a"],
            "the end lies before the start",
        ),
        (
            &["--bed", "over.bed", "--length", "2k", "--out", "a"],
            "chr1:100-400:. and chr1:399-500:. overlap",
        ),
        (&["--bed", "bad.bed", "--out", "a"], "bad.bed, line 1"),
        (&["--bed", "empty.bed", "--out", "a"], "has no interval"),
        (&["--bed", "none.bed", "--out", "a"], "none.bed"),
        (&["--region", region, "--out", "a.bw"], ".bw says no format"),
        (
            &["--region", region, "--out", "none/a"],
            "there is no such folder",
        ),
        (
            &["--region", region, "--outputs", "atak", "--out", "a"],
            "did you mean atac?",
        ),
        (
            &["--region", region, "--track", "strand=?", "--out", "a"],
            "no track has strand",
        ),
        (
            &[
                "--region",
                "chr1:40,001-50,000",
                "--length",
                "8k",
                "--outputs",
                "atac,contact_maps",
                "--out",
                "a.npz",
            ],
            "CONTACT_MAPS: a pair of places",
        ),
        (
            &[
                "--region",
                "chr1:40,001-50,000",
                "--length",
                "4k",
                "--out",
                "a",
            ],
            "--length 8k at least",
        ),
        (
            &[
                "--region",
                "chr1:40,001-900,000,000,000,000,000",
                "--out",
                "a",
            ],
            "reaches too far beyond chr1",
        ),
        (
            &["--region", region, "--out", "."],
            "name a file or a folder",
        ),
        (
            &["--variant", "chr1:48194:C-G", "--out", "a"],
            "write it as chr1:12345:A>C",
        ),
        (&["--variant", "chr9:48194:C>G", "--out", "a"], "chr9"),
        (
            &[
                "--variant",
                "chr1:90000:C>G",
                "--region",
                region,
                "--out",
                "a",
                "--length",
                "2k",
            ],
            "lies outside of",
        ),
        (
            &[
                "--variant",
                "chr1:48194:C>G",
                "--region",
                "chr1:40,001-50,000",
                "--out",
                "a",
                "--length",
                "2k",
            ],
            "is longer than --length",
        ),
    ] {
        let outcome = predict(&inputs, &[arguments, &["--model", "none"]].concat());
        let outcome = match words {
            "did you mean atac?" | "no track has strand" | "CONTACT_MAPS: a pair of places" => {
                predict(&inputs, arguments)
            }
            _ => outcome,
        };
        outcome.expect_code(2).expect_message(&[words]);
        assert!(!inputs.path("a").exists() && !inputs.path("a.unfinished").exists());
    }
    let sequences = [
        "predict",
        "--sequences",
        "same.fa",
        "--model",
        "none",
        "--out",
        "a.npz",
    ];
    inputs
        .alphagenome(&sequences)
        .expect_code(2)
        .expect_message(&["two sequences are called a"]);
    // Another REF is said, and predicted as written.
    let other = [
        "--variant",
        "chr1:48194:T>G",
        "--length",
        "2k",
        "--outputs",
        "atac",
        "--out",
        "t.npz",
    ];
    done(&inputs, &other).expect_message(&["REF is \"T\"", "it is predicted as written"]);
}

#[test]
fn contacts_and_junctions_are_cut_to_the_region() {
    let inputs = Inputs::new();
    let run = |region: &str, out: &str| {
        let outputs = [
            "--outputs",
            "contact_maps,splice_junctions",
            "--length",
            "16k",
        ];
        done(
            &inputs,
            &[&outputs[..], &["--region", region, "--out", out]].concat(),
        );
        arrays(&inputs.path(out)).into_iter().map(|(name, array)| {
            let (_, output) = name.split_once('/').unwrap();
            (output.to_owned(), array)
        })
    };
    // The window around the region starts at 40,001, and its bins 2 to 4 have a base of the region.
    let part: BTreeMap<_, _> = run("chr1:44,194-52,193", "part.npz").collect();
    let whole: BTreeMap<_, _> = run("chr1:40,002-56,385", "whole.npz").collect();
    let (own, map) = (&part["CONTACT_MAPS"], &whole["CONTACT_MAPS"]);
    assert_eq!(
        (&own.shape[..], &map.shape[..]),
        (&[4, 4, 4][..], &[8, 8, 4][..])
    );
    assert_eq!(part["CONTACT_MAPS@start"].values, [44_097.0]);
    for (row, column) in (0..16).map(|at| (at / 4, at % 4)) {
        let at = |row: usize, column: usize, bins: usize| 4 * (row * bins + column);
        let (own, of) = (
            &own.values[at(row, column, 4)..],
            &map.values[at(row + 2, column + 2, 8)..],
        );
        assert_eq!(own[..4], of[..4], "{row}, {column}");
    }
    let listed = |arrays: &BTreeMap<String, Array>| {
        let places = arrays["SPLICE_JUNCTIONS@junctions"].values.chunks(3);
        let counts = arrays["SPLICE_JUNCTIONS"].values.chunks(3);
        let rows = places
            .zip(counts)
            .map(|(place, counts)| [place, counts].concat());
        rows.collect::<Vec<_>>()
    };
    let mut inside = listed(&whole);
    let all = inside.len();
    inside.retain(|row| row[0] >= 44_193.0 && row[1] <= 52_193.0);
    assert!(!inside.is_empty() && inside.len() < all);
    assert_eq!(listed(&part), inside);
}
