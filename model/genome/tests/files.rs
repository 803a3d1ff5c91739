//! Files that are not whole, or not what they are read as.

use std::io::Write;
use std::path::PathBuf;

use flate2::Compression;
use flate2::write::GzEncoder;
use genome::alleles::Bases;
use genome::fasta::Fasta;
use genome::polya::PolyaSites;
use genome::splice_sites::SpliceSites;
use genome::variants::Variants;
use genome::{Interval, gtf};
use proptest::prelude::*;

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }
}

fn gzip(text: &str) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::default());
    packer.write_all(text.as_bytes()).unwrap();
    packer.finish().unwrap()
}

/// The messages and variants that a file gives, in order.
fn variants(path: &std::path::Path) -> Vec<String> {
    match Variants::open(path) {
        Ok(variants) => variants
            .map(|allele| match allele {
                Ok(allele) => format!("{} {}", allele.variant, allele.id.as_deref().unwrap_or("-")),
                Err(error) => error.to_string(),
            })
            .collect(),
        Err(error) => vec![error.to_string()],
    }
}

const HEADER: &str = "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n";

#[test]
fn records_of_several_alleles_are_split_and_bad_alleles_named_by_their_line() {
    let folder = Folder::new();
    let text = format!(
        "{HEADER}chr1\t10\trs1\tA\tC,<DEL>,*,at\t.\t.\t.\n\nchr1\tx\t.\tA\tC\t.\t.\t.\nchr1\t12\t.\tA\nchr1\t13\t.\tA\t.\t.\t.\t.\n\
         chr1\t14\t.\tR\tC\t.\t.\t.\nchr1\t0\t.\tA\tC\t.\t.\t.\nchr2\t9\t.\tA\tG[chr1:5[\t.\t.\t.\nchr2\t10\t.\tT\tG\n"
    );
    for path in [
        folder.write("a.vcf", &text),
        folder.write("a.vcf.gz", gzip(&text)),
    ] {
        let read = variants(&path);
        let expect = |at: usize, parts: &[&str]| {
            for part in parts {
                assert!(
                    read[at].contains(part),
                    "{at}: {:?} has no {part:?}",
                    read[at]
                );
            }
        };
        assert_eq!(read.len(), 11, "{read:#?}");
        assert_eq!(
            (&*read[0], &*read[3], &*read[10]),
            ("chr1:10:A>C rs1", "chr1:10:A>AT rs1", "chr2:10:T>G -")
        );
        expect(1, &["line 3", "<DEL>", "symbolic"]);
        expect(2, &["line 3", "\"*\"", "a deletion spans"]);
        expect(4, &["line 5", "position is \"x\""]);
        expect(5, &["line 6", "4 columns"]);
        expect(6, &["line 7", "no ALT"]);
        expect(7, &["line 8", "REF is \"R\""]);
        expect(8, &["line 9", "positions count from 1"]);
        expect(9, &["line 10", "breakend"]);
    }
}

#[test]
fn tables_name_their_columns_as_the_sdk_does() {
    let folder = Folder::new();
    let path = folder.write(
        "a.tsv",
        "variant_id\tchromosome\tposition\treference_bases\talternate_bases\nv1\tchr1\t5\tA\t-\n\tchr1\t6\t\tAC\nv3\tchr1\t7\ta\tC\n",
    );
    let read = variants(&path);
    assert_eq!(read[..2], ["chr1:5:A> v1", "chr1:6:>AC -"]);
    assert!(
        read[2].contains("line 4") && read[2].contains("upper case"),
        "{}",
        read[2]
    );
    let wrong = variants(&folder.write("b.tsv", "chromosome\tposition\tref\nchr1\t5\tA\n"));
    assert!(
        wrong[0].contains("line 1") && wrong[0].contains("no column ALT"),
        "{wrong:?}"
    );
    assert!(variants(&folder.write("c.vcf", ""))[0].contains("has no header"));
}

#[test]
fn truncated_files_end_with_an_error_and_not_with_fewer_variants() {
    let folder = Folder::new();
    let records: String = (1..2000)
        .map(|at| format!("chr1\t{at}\tid{}\tA\tC\t.\t.\t.\n", at * 7919 % 1000))
        .collect();
    let whole = gzip(&format!("{HEADER}{records}"));
    let read = variants(&folder.write("cut.vcf.gz", &whole[..whole.len() - whole.len() / 3]));
    let last = read.last().unwrap();
    assert!(
        last.contains("truncated") && last.contains("after line"),
        "{last}"
    );
    // A BGZF file that lost its last blocks whole is valid gzip: only the missing end tells.
    let fixtures =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/scores");
    let packed = std::fs::read(fixtures.join("genome.fa.gz")).unwrap();
    let cut = folder.write("cut.fa.gz", &packed[..packed.len() - 28]);
    assert!(
        Fasta::open(&cut)
            .err()
            .unwrap()
            .to_string()
            .contains("end-of-file block")
    );
    assert!(variants(&cut)[0].contains("end-of-file block"));
}

#[test]
fn a_gtf_without_exons_or_with_broken_rows_says_what_is_missing() {
    let folder = Folder::new();
    let gene = "chr1\tX\tgene\t1\t9\t.\t+\t.\tgene_id \"G1.2\"; gene_name \"A;B\"; gene_type \"protein_coding\";\n";
    let transcript =
        "chr1\tX\ttranscript\t1\t9\t.\t+\t.\tgene_id \"G1.2\"; transcript_id \"T1\";\n";
    let exon =
        "chr1\tX\texon\t1\t4\t.\t+\t.\tgene_id \"G1.2\"; transcript_id \"T1\"; exon_number 1;\n";
    let fail = |text: &str| {
        gtf::read(&folder.write("a.gtf", text))
            .unwrap_err()
            .to_string()
    };
    let whole =
        gtf::read(&folder.write("a.gtf", format!("#!x\n{exon}{transcript}{gene}"))).unwrap();
    assert_eq!(
        (whole.genes()[0].name.as_str(), whole.gene("G1.2")),
        ("A;B", Some(0))
    );
    assert_eq!(whole.transcripts()[0].exons, [(0, 4)]);
    assert!(fail(&format!("{gene}{transcript}")).contains("no row of type `exon`"));
    assert!(fail("").contains("no row of type `gene`"));
    for (broken, message) in [
        (exon.replace("\t1\t4", "\t0\t4"), "line 3: start is \"0\""),
        (
            exon.replace("\t1\t4", "\t5\t4"),
            "line 3: end 4 lies before start 5",
        ),
        (exon.replace("\t+", "\tx"), "line 3: strand is \"x\""),
        (
            exon.replace("T1", "T2"),
            "line 3: exon names transcript \"T2\"",
        ),
        (
            exon.replace("transcript_id", "tx"),
            "line 3: has no attribute transcript_id",
        ),
        (
            exon.replace("\t.\t+", "+"),
            "line 3: a row of a GTF has 9 columns",
        ),
    ] {
        let error = fail(&format!("{gene}{transcript}{broken}"));
        assert!(error.contains(message), "{error:?} has no {message:?}");
    }
    assert!(
        fail(&format!("{gene}{}{exon}", transcript.replace("G1.2", "G3")))
            .contains("line 2: transcript \"T1\" names gene \"G3\"")
    );
}

#[test]
fn tables_of_sites_say_which_column_or_line_is_wrong() {
    let folder = Folder::new();
    let ends = folder.write("ends.tsv", "Chromosome\tStrand\tEnd\nchr1\t+\t20\n");
    let fail = |text: &str| {
        SpliceSites::read(&folder.write("s.tsv", text), &ends)
            .unwrap_err()
            .to_string()
    };
    assert!(fail("Chromosome\tStrand\nchr1\t+\n").contains("column \"Start\" is missing"));
    assert!(fail("Chromosome\tStrand\tStart\nchr1\t?\t3\n").contains("line 2: Strand is \"?\""));
    assert!(fail("Chromosome\tStrand\tStart\nchr1\t+\t3.5\n").contains("line 2: Start is \"3.5\""));
    assert!(fail("Chromosome\tStrand\tStart\nchr1\t+\n").contains("line 2: has 2 columns"));
    let polya =
        PolyaSites::read(&folder.write("p.tsv", "Start\tEnd\tpas_strand\tgene_id\n")).unwrap();
    assert!(polya.of("G1.2").is_empty());
}

#[test]
fn a_genome_says_which_names_it_has_and_where_it_ends() {
    let folder = Folder::new();
    let genome = Fasta::open(&folder.write("g.fa", ">chr1 first\nacgtn\nAC\n>2\nTTTT\n")).unwrap();
    let bases = |text: &str| genome.bases(&text.parse().unwrap());
    assert_eq!(bases("chr1:-2-9").unwrap(), b"NNACGTNACNN");
    assert_eq!(
        bases("chr1:4-6:-").unwrap(),
        b"NA",
        "always the positive strand"
    );
    assert_eq!(
        bases("chr1:-3-0").unwrap(),
        b"NNN",
        "an interval that ends at 0 is all N"
    );
    let fail = |text: &str| bases(text).unwrap_err().to_string();
    assert!(fail("chr1:7-9").contains("outside of chr1, which has 7 bases"));
    assert!(fail("chr1:-9--1").contains("outside"));
    assert!(
        fail("chr2:0-1").contains("but \"2\" is there")
            && fail("1:0-1").contains("but \"chr1\" is there")
    );
    assert!(fail("chr9:0-1").contains("there are \"chr1\", \"2\""));
    let error = |name: &str, bytes: &[u8]| {
        Fasta::open(&folder.write(name, bytes))
            .err()
            .unwrap()
            .to_string()
    };
    assert!(error("plain.fa.gz", &gzip(">chr1\nACGT\n")).contains("bgzip"));
    assert!(error("uneven.fa", b">chr1\nACGT\nA\nACGT\n").contains("cannot be indexed"));
    let uneven = error("none.fa", b">chr1\nACGT\n>chr2\nACGT\nA\nACGT\n");
    assert!(
        uneven.contains("sequence 2: ") && uneven.contains("wrap the file anew"),
        "{uneven}"
    );
    assert!(error("empty.fa", b"").contains("has no sequence"));
    let none = error("a.vcf", HEADER.as_bytes());
    assert!(
        none.contains("a.vcf: is no FASTA file") && none.contains("give the sequences as FASTA"),
        "{none}"
    );
}

#[test]
fn a_variant_that_a_shell_cut_says_how_it_is_kept_whole() {
    let message = |text: &str| text.parse::<genome::Variant>().unwrap_err().to_string();
    assert!(message("chr1:12:A").contains("so quote the variant"));
    for text in ["chr1:12:a>C", "rs123", "chr1:12:A:C", "chr1:12:<DEL>"] {
        assert!(!message(text).contains("quote"), "{text}");
    }
}

#[test]
fn annotations_of_another_naming_are_noticed() {
    let folder = Folder::new();
    let row = |feature: &str| {
        format!("1\tX\t{feature}\t1\t9\t.\t+\t.\tgene_id \"G\"; transcript_id \"T\";\n")
    };
    let path = folder.write("a.gtf", ["gene", "transcript", "exon"].map(row).concat());
    let annotation = gtf::read(&path).unwrap();
    let check = |names: &[&str]| {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        genome::chromosomes::check(&path, annotation.chromosomes(), &names)
            .map_err(|error| error.to_string())
    };
    assert!(check(&["chr9", "1"]).is_ok());
    let prefix = check(&["chr1", "chr2"]).unwrap_err();
    assert!(
        prefix.contains("it has \"1\", but \"chr1\" is there: one side has the prefix"),
        "{prefix}"
    );
    assert!(
        check(&["X"])
            .unwrap_err()
            .contains("it has \"1\"; there are \"X\"")
    );
    let sites = genome::splice_sites::SpliceSites::from_annotation(&annotation);
    assert!(
        genome::chromosomes::check(&path, sites.chromosomes(), &["X".to_owned()]).is_ok(),
        "it has no site"
    );
}

#[test]
fn an_index_that_does_not_fit_is_noticed() {
    let folder = Folder::new();
    let genome = folder.write("g.fa", ">chr1\nACGT\nACGT\n");
    let error = Fasta::open(genome.parent().unwrap()).map(drop).unwrap_err();
    assert!(error.to_string().contains("is no regular file"), "{error}");
    for (index, message) in [
        ("chr1\t80\t6\t4\t5\n", "truncated"),
        ("chr1\t8\t0\t4\t5\n", "does not fit"),
        ("chr1\t8\t18446744073709551000\t4\t5\n", "impossible"),
        ("chr1\tx\t6\t4\t5\n", "no index"),
        ("chr1\t8\t6\t4\t5\nchr2\t8\t6\n", "made again: line 2: "),
        ("chr1\t8\t6\t4\t5", "made again: line 1: is cut off"),
        ("", "made again: line 1: there is none"),
    ] {
        folder.write("g.fa.fai", index);
        let read =
            Fasta::open(&genome).and_then(|genome| genome.bases(&"chr1:0-80".parse().unwrap()));
        let error = read.unwrap_err().to_string();
        assert!(error.contains(message), "{index:?}: {error}");
    }
}

proptest! {
    #[test]
    fn intervals_come_back_from_their_text(start in -1_000_000i64..1_000_000, width in 0i64..1_000_000, strand in 0..3usize) {
        let strand = [genome::Strand::Positive, genome::Strand::Negative, genome::Strand::Unstranded][strand];
        let interval = Interval::new("chrX", start, start + width, strand).unwrap();
        prop_assert_eq!(interval.to_string().parse::<Interval>().unwrap(), interval);
    }

    /// Both strands keep the centre that the SDK gives, and resizing to any width keeps that width.
    #[test]
    fn resized_intervals_have_their_width_and_centre(start in -1000i64..1000, width in 0i64..1000, to in 0i64..3000, negative: bool) {
        let strand = if negative { genome::Strand::Negative } else { genome::Strand::Positive };
        let interval = Interval::new("chr1", start, start + width, strand).unwrap();
        let resized = interval.resize(to);
        prop_assert_eq!(resized.width(), to);
        let half = if negative { to / 2 } else { (to + 1) / 2 };
        prop_assert_eq!(resized.start, if to == width { start } else { interval.center() - half });
    }

    /// The parts of a variant, put side by side, are the variant.
    #[test]
    fn split_variants_join_again(reference in "[ACGTN]{0,6}", alternate in "[ACGTN]{0,6}", anchor in 0i64..20) {
        let variant = genome::Variant::new("chr1", 8, reference, alternate).unwrap();
        let (before, after) = variant.split(anchor);
        let part = |side: &Option<genome::Variant>, which: fn(&genome::Variant) -> &str| side.as_ref().map_or("", which).to_owned();
        for which in [genome::Variant::reference as fn(&genome::Variant) -> &str, genome::Variant::alternate] {
            prop_assert_eq!(part(&before, which) + &part(&after, which), which(&variant));
        }
    }

    /// Any interval of a genome, plain text and all, is what slicing the letters gives.
    #[test]
    fn intervals_of_a_genome_are_slices_of_its_text(start in -40i64..200, width in 0i64..120, line in 1usize..50) {
        let letters: Vec<u8> = (0..150).map(|at| b"ACGTNacgtn"[at * 7 % 10]).collect();
        let folder = Folder::new();
        let mut text = b">c\n".to_vec();
        for row in letters.chunks(line) {
            text.extend_from_slice(row);
            text.push(b'\n');
        }
        let genome = Fasta::open(&folder.write("g.fa", text)).unwrap();
        let interval = Interval::new("c", start, start + width, genome::Strand::Unstranded).unwrap();
        let expected: Vec<u8> = (start..start + width)
            .map(|at| usize::try_from(at).ok().and_then(|at| letters.get(at)).map_or(b'N', u8::to_ascii_uppercase))
            .collect();
        match genome.bases(&interval) {
            Ok(bases) => prop_assert_eq!(bases, expected),
            Err(_) => prop_assert!(start >= 150 || start + width < 0),
        }
    }
}
