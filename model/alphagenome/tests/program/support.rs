//! A converted tiny model, and how the program is run.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use parity::scores::Bounds;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use tempfile::TempDir;
use tests::fixtures::{self, Form};
use tests::program::{self, Outcome};

/// The program.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_alphagenome");

/// One cheap scorer, as a list of `--scorers`.
pub const SCORERS: &str = r#"
[[scorers]]
scorer = "CenterMaskScorer"
requested_output = "ATAC"
width = 501
aggregation_type = "DIFF_LOG2_SUM"
"#;

/// The tiny model, converted by the program itself once for all tests.
pub static MODEL: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let out = folder.join("alphagenome-model");
    let arguments = [
        "convert".into(),
        "--snapshot".into(),
        Form::Ocdbt.path(),
        "--metadata".into(),
        fixtures::metadata(),
        "--out".into(),
        out.clone(),
        "--force".into(),
    ];
    alphagenome(folder, arguments).expect_code(0);
    out
});

/// Runs the program in `working`.
pub fn alphagenome<A: AsRef<OsStr>>(
    working: &Path,
    arguments: impl IntoIterator<Item = A>,
) -> Outcome {
    finished(program::command(PROGRAM, working, arguments))
}

fn finished(command: Command) -> Outcome {
    let outcome = program::run(command);
    outcome.expect_no_panic();
    outcome
}

/// A file of the recorded scores.
pub fn recorded(name: &str) -> PathBuf {
    fixtures::root().join("scores").join(name)
}

fn text(path: &Path) -> String {
    let bytes = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut text = String::new();
    let read = match bytes.starts_with(&[0x1f, 0x8b]) {
        true => flate2::read::MultiGzDecoder::new(&bytes[..]).read_to_string(&mut text),
        false => (&bytes[..]).read_to_string(&mut text),
    };
    read.unwrap();
    text
}

/// Columns and rows of a Parquet file.
pub fn parquet(path: &Path) -> (Vec<String>, Vec<Vec<Field>>) {
    let reader = SerializedFileReader::new(fs::File::open(path).unwrap()).unwrap();
    let schema = reader.metadata().file_metadata().schema();
    let names = schema.get_fields().iter().map(|field| field.name().into());
    let names = names.collect();
    let rows = reader.into_iter().map(|row| {
        let fields = row.unwrap().into_columns().into_iter();
        fields.map(|(_, field)| field).collect()
    });
    (names, rows.collect())
}

/// A table as text.
pub struct Rows {
    pub header: Vec<String>,
    lines: Vec<String>,
}

impl Rows {
    pub fn read(path: &Path) -> Self {
        let text = text(path);
        let mut lines = text.lines().filter(|line| !line.starts_with("##"));
        let header = lines
            .next()
            .unwrap_or("")
            .split('\t')
            .map(str::to_owned)
            .collect();
        Self {
            header,
            lines: lines.map(str::to_owned).collect(),
        }
    }

    pub fn lines(&self) -> &[String] {
        &self.lines
    }

    /// Rows by the names of their columns.
    pub fn rows(&self) -> Vec<BTreeMap<String, String>> {
        let row = |line: &String| {
            let fields = line.split('\t').map(str::to_owned);
            self.header.iter().cloned().zip(fields).collect()
        };
        self.lines.iter().map(row).collect()
    }
}

/// A table of the recorded scores.
pub fn table(name: &str) -> Rows {
    Rows::read(&recorded(name))
}

/// How far a score may be from the recorded one, by the scorer's name and that score.
pub fn bound(scorer: &str, score: f64) -> f64 {
    static BOUNDS: LazyLock<Bounds> = LazyLock::new(|| Bounds::shipped().unwrap());
    let bound = BOUNDS.of(scorer.parse().unwrap()).unwrap();
    // None of the recommended scorers has one that is relative to another score.
    bound(score as f32, 0.0)
}

/// A folder with copies of the made-up genome and its tables, beside which indexes are written.
pub struct Inputs {
    folder: TempDir,
}

impl Inputs {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let names = [
            "genome.fa.gz",
            "annotation.gtf.gz",
            "splice_sites_starts.tsv",
            "splice_sites_ends.tsv",
            "polya_sites.tsv",
        ];
        for name in names {
            fs::copy(recorded(name), folder.path().join(name)).unwrap();
        }
        Self { folder }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.path(name), bytes).unwrap();
    }

    /// A file's text, uncompressed.
    pub fn text(&self, name: &str) -> String {
        text(&self.path(name))
    }

    pub fn rows(&self, name: &str) -> Rows {
        Rows::read(&self.path(name))
    }

    /// Gives the genes names of mouse.
    pub fn rename_genes(&self) {
        let text = self.text("annotation.gtf.gz");
        self.write("annotation.gtf.gz", text.replace("\"ENSG", "\"ENSMUSG"));
    }

    /// A command with the tiny model, genome and genes.
    pub fn command(&self, command: &str, arguments: &[&str]) -> Command {
        let model = MODEL.to_str().unwrap();
        let mouse = arguments.contains(&"mouse");
        let mut all = vec![command, "--model", model, "--fasta", "genome.fa.gz"];
        if !arguments.contains(&"--gtf") {
            all.extend(["--gtf", "annotation.gtf.gz"]);
            if !mouse && command != "score-interval" {
                all.extend(["--polya", "polya_sites.tsv"]);
            }
        }
        all.extend(arguments);
        program::command(PROGRAM, self.folder.path(), all)
    }

    /// Runs a command with them.
    pub fn run(&self, command: &str, arguments: &[&str]) -> Outcome {
        finished(self.command(command, arguments))
    }

    /// Runs the program here.
    pub fn alphagenome(&self, arguments: &[&str]) -> Outcome {
        alphagenome(self.folder.path(), arguments)
    }

    /// `alphagenome score` with them.
    pub fn score(&self, arguments: &[&str]) -> Outcome {
        self.run("score", arguments)
    }
}
