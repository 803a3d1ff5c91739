//! Sequences, splice tables and texts as DeepMind's code gives them (`tests/fixtures/scores`).

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use genome::alleles::{Bases, alleles, check_reference, stitched};
use genome::fasta::Fasta;
use genome::splice_sites::SpliceSites;
use genome::variants::Variants;
use genome::{Annotation, Interval, Strand, Variant, gtf};
use sha2::{Digest, Sha256};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/fixtures/scores")
        .join(name)
}

fn text(name: &str) -> String {
    let mut text = String::new();
    let file = File::open(fixture(name)).unwrap();
    if name.ends_with(".gz") {
        MultiGzDecoder::new(file).read_to_string(&mut text).unwrap();
    } else {
        { file }.read_to_string(&mut text).unwrap();
    }
    text
}

/// The genome, plain and compressed, in a folder that indexes can be written to.
fn genomes() -> (tempfile::TempDir, [Fasta; 2]) {
    let folder = tempfile::tempdir().unwrap();
    let (plain, packed) = (
        folder.path().join("genome.fa"),
        folder.path().join("genome.fa.gz"),
    );
    File::create(&plain)
        .unwrap()
        .write_all(text("genome.fa.gz").as_bytes())
        .unwrap();
    std::fs::copy(fixture("genome.fa.gz"), &packed).unwrap();
    let open = |path: &Path| Fasta::open(path).unwrap();
    let made = [open(&plain), open(&packed)];
    for index in ["genome.fa.fai", "genome.fa.gz.fai", "genome.fa.gz.gzi"] {
        assert!(folder.path().join(index).exists(), "{index} is kept");
    }
    // The second time the indexes are read.
    drop(made);
    let read = [open(&plain), open(&packed)];
    (folder, read)
}

struct Case {
    name: String,
    variant: Variant,
    interval: Interval,
}

fn cases() -> Vec<Case> {
    let text = text("cases.tsv");
    let row = |line: &str| {
        let fields: Vec<_> = line.split('\t').collect();
        let variant =
            Variant::new(fields[4], fields[5].parse().unwrap(), fields[6], fields[7]).unwrap();
        Case {
            name: fields[0].to_owned(),
            variant,
            interval: fields[3].parse().unwrap(),
        }
    };
    text.lines().skip(1).map(row).collect()
}

fn annotation() -> Annotation {
    gtf::read(&fixture("annotation.gtf.gz")).unwrap()
}

#[test]
fn sequences_of_both_alleles_and_of_the_stitch_are_those_of_the_recording() {
    let (_folder, genomes) = genomes();
    let recorded: HashMap<_, _> = text("sequences_sha256.tsv.gz")
        .lines()
        .skip(1)
        .map(|line| {
            let fields: Vec<_> = line.split('\t').map(str::to_owned).collect();
            ((fields[0].clone(), fields[1].clone()), fields[3].clone())
        })
        .collect();
    let hash = |bases: &[u8]| {
        Sha256::digest(bases)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
    };
    let mut checked = 0;
    for genome in &genomes {
        for case in cases() {
            let mut check = |which: &str, bases: &[u8]| {
                if let Some(expected) = recorded.get(&(case.name.clone(), which.to_owned())) {
                    assert_eq!(&hash(bases), expected, "{} {which}", case.name);
                    checked += 1;
                }
            };
            let both = alleles(genome, &case.interval, &case.variant).unwrap();
            check("ref", &both.reference);
            check("alt", &both.alternate);
            if let Some(sides) = stitched(genome, &case.interval, &case.variant, &both).unwrap() {
                check("left", &sides.left);
                check("right", &sides.right);
            }
        }
    }
    assert_eq!(checked, 2 * recorded.len(), "every recorded sequence");
}

/// The sequences of `t01.head` and `o05.main`, as of every case, are also held to the recording above.
#[test]
fn point_24_t01_head_an_interval_may_start_before_the_chromosome_and_one_that_ends_there_is_n() {
    let (_folder, genomes) = genomes();
    let case = cases()
        .into_iter()
        .find(|case| case.name == "t01.head")
        .unwrap();
    assert_eq!(case.interval.start, -8000);
    for genome in &genomes {
        let bases = |start: i64, end: i64| {
            genome.bases(&Interval::new("chr2", start, end, Strand::Unstranded).unwrap())
        };
        let own = bases(case.interval.start, case.interval.end).unwrap();
        assert!(own[..8000].iter().all(|base| *base == b'N'));
        assert_eq!(own[8000..], bases(0, case.interval.end).unwrap());
        assert_eq!(bases(-16, 0).unwrap(), [b'N'; 16]);
        let error = bases(-16, -1).unwrap_err().to_string();
        assert!(error.contains("lies outside of chr2"), "{error}");
    }
}

#[test]
fn splice_tables_derived_from_the_gtf_are_those_of_the_tables() {
    let tables = SpliceSites::read(
        &fixture("splice_sites_starts.tsv"),
        &fixture("splice_sites_ends.tsv"),
    )
    .unwrap();
    assert_eq!(SpliceSites::from_annotation(&annotation()), tables);
    let recorded: serde_json::Value = serde_json::from_str(&text("intermediate.json.gz")).unwrap();
    let mut checked = 0;
    for case in cases() {
        let Some(sites) = recorded[&case.name].get("splice_sites_table") else {
            continue;
        };
        let expected: [Vec<usize>; 4] = serde_json::from_value(sites.clone()).unwrap();
        assert_eq!(tables.within(&case.interval), expected, "{}", case.name);
        checked += 1;
    }
    assert!(checked > 100, "{checked}");
}

#[test]
fn the_vcf_has_the_variants_of_the_cases() {
    let read: Vec<_> = Variants::open(&fixture("variants.vcf"))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let by_id: HashMap<_, _> = read
        .iter()
        .map(|allele| (allele.id.clone().unwrap(), &allele.variant))
        .collect();
    let mut empty = 0;
    for case in cases() {
        let id = case.name.split('.').next().unwrap();
        match by_id.get(id) {
            Some(variant) => assert_eq!(**variant, case.variant, "{}", case.name),
            None => empty += 1,
        }
    }
    assert_eq!(
        (read.len(), empty),
        (86, 2),
        "two variants have an empty allele, which a VCF cannot have"
    );
}

#[test]
fn ref_that_differs_from_the_genome_is_named() {
    let (_folder, [genome, _]) = genomes();
    let differing: Vec<_> = cases()
        .into_iter()
        .filter(|case| check_reference(&genome, &case.variant).is_err())
        .map(|case| case.name)
        .collect();
    assert_eq!(differing, ["s10.main", "s25.main"]);
    let error = check_reference(
        &genome,
        &cases()
            .into_iter()
            .find(|case| case.name == "s25.main")
            .unwrap()
            .variant,
    );
    let message = error.unwrap_err().to_string();
    assert!(
        message.contains("chr1:48501:") && message.contains("the genome has"),
        "{message}"
    );
}

#[test]
fn texts_that_the_sdk_refuses_are_refused() {
    let mut checked = 0;
    for line in text("sdk_errors.tsv").lines().skip(1) {
        let fields: Vec<_> = line.split('\t').collect();
        let passes = fields[1].is_empty();
        if let Some(text) = fields[0].strip_prefix("Variant.from_str ") {
            assert_eq!(text.parse::<Variant>().is_ok(), passes, "{text}");
        } else if let Some(text) = fields[0].strip_prefix("Interval.from_str ") {
            assert_eq!(text.parse::<Interval>().is_ok(), passes, "{text}");
        } else {
            let made = match fields[0] {
                "lower-case REF" => Variant::new("chr1", 100, "a", "C"),
                "lower-case ALT" => Variant::new("chr1", 100, "A", "c"),
                "ALT *" => Variant::new("chr1", 100, "A", "*"),
                "ALT <DEL>" => Variant::new("chr1", 100, "A", "<DEL>"),
                "ALT A,C" => Variant::new("chr1", 100, "A", "A,C"),
                "IUPAC R" => Variant::new("chr1", 100, "R", "C"),
                "position 0" => Variant::new("chr1", 0, "A", "C"),
                "empty both" => Variant::new("chr1", 1, "", ""),
                _ => continue,
            };
            assert_eq!(made.is_ok(), passes, "{line}");
        }
        checked += 1;
    }
    assert_eq!(checked, 22);
}
