//! Track metadata from folders: the fixture of the tiny model, and folders with something wrong.

use std::fs;
use std::path::{Path, PathBuf};

use converter::metadata::{Error, HeadWidth, read_dir};
use tempfile::TempDir;

const HUMAN: &str = "OutputMetadataResponse_ORGANISM_HOMO_SAPIENS.textproto";
const MOUSE: &str = "OutputMetadataResponse_ORGANISM_MUS_MUSCULUS.textproto";

fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/metadata")
}

/// A folder with an empty mouse file and this human one.
fn folder(human: impl AsRef<[u8]>) -> TempDir {
    let dir = tempfile::tempdir().expect("a temporary folder");
    fs::write(dir.path().join(HUMAN), human).expect("written");
    fs::write(dir.path().join(MOUSE), "").expect("written");
    dir
}

fn head(head: &str, output_type: &str, width: usize) -> HeadWidth {
    HeadWidth {
        head: head.into(),
        output_type: output_type.into(),
        width,
    }
}

#[test]
fn the_tiny_models_metadata_fits_its_heads() {
    let tracks = read_dir(&fixture()).expect("the fixture");
    let human = &tracks.organisms()[0];
    let heads: Vec<HeadWidth> = human
        .outputs
        .iter()
        .map(|(output_type, tracks)| head("head", output_type.name(), tracks.len()))
        .collect();
    assert_eq!(heads.len(), 11);
    tracks.validate(&heads).expect("every width fits");
    assert!(human.outputs.values().flatten().any(|track| track.padding));

    let wider: Vec<HeadWidth> = heads
        .iter()
        .map(|head| HeadWidth {
            width: head.width + 1,
            ..head.clone()
        })
        .collect();
    let Err(Error::Mismatch { mismatches }) = tracks.validate(&wider) else {
        panic!("every head is too wide")
    };
    assert_eq!(
        mismatches.len(),
        21,
        "ten outputs of two organisms, and one width of junctions: {mismatches:#?}"
    );
}

#[test]
fn a_missing_file_is_named() {
    let dir = folder("");
    fs::remove_file(dir.path().join(MOUSE)).expect("removed");
    let error = read_dir(dir.path()).unwrap_err();
    assert!(
        matches!(
            &error,
            Error::MissingFile {
                organism: "mouse",
                ..
            }
        ),
        "{error}"
    );
    assert!(error.to_string().contains(MOUSE), "{error}");
    assert!(
        error.to_string().contains(&*dir.path().to_string_lossy()),
        "{error}"
    );
}

#[test]
fn a_folder_in_place_of_a_file_is_an_error() {
    let dir = folder("");
    fs::remove_file(dir.path().join(HUMAN)).expect("removed");
    fs::create_dir(dir.path().join(HUMAN)).expect("created");
    let error = read_dir(dir.path()).unwrap_err();
    assert!(
        matches!(&error, Error::Read { path, .. } if path.ends_with(HUMAN)),
        "{error}"
    );
}

#[test]
fn a_problem_has_file_line_and_column() {
    let dir = folder("output_metadata {\n  output_type: OUTPUT_TYPE_ATAK\n}\n");
    let error = read_dir(dir.path()).unwrap_err().to_string();
    assert!(
        error.contains(&format!(
            "{HUMAN}:2:16: unknown OutputType `OUTPUT_TYPE_ATAK`; did you mean"
        )),
        "{error}"
    );
}

#[test]
fn an_oversized_file_is_refused_unread() {
    let dir = folder("");
    let file = fs::File::create(dir.path().join(HUMAN)).expect("created");
    file.set_len(1 << 40).expect("a sparse file");
    let error = read_dir(dir.path()).unwrap_err();
    assert!(matches!(&error, Error::TooLarge { .. }), "{error}");
}

/// Whatever is cut off or flipped, the answer is an error with a place, or tracks: never a panic, never a hang.
#[test]
fn damaged_files_are_survived() {
    let whole = fs::read(fixture().join(HUMAN)).expect("the fixture");
    let mut errors = 0;
    for step in 0..400 {
        let at = step * whole.len() / 400;
        let mut flipped = whole.clone();
        flipped[at] ^= 1 << (step % 8);
        for damaged in [&whole[..at], &flipped] {
            match read_dir(folder(damaged).path()) {
                Ok(_) => {}
                Err(Error::Malformed { path, line, .. }) => {
                    assert!(path.ends_with(HUMAN) && line >= 1);
                    errors += 1;
                }
                Err(other) => panic!("{other}"),
            }
        }
    }
    assert!(
        errors > 500,
        "only {errors} of 800 damaged files were refused"
    );
}

/// The published metadata, for those who have it: `ALPHAGENOME_METADATA` names its folder.
#[test]
#[ignore = "needs the published metadata in ALPHAGENOME_METADATA"]
fn the_published_metadata_fits_the_published_heads() {
    let dir = std::env::var_os("ALPHAGENOME_METADATA").expect("ALPHAGENOME_METADATA");
    let tracks = read_dir(Path::new(&dir)).expect("the published metadata");
    let heads = [
        head("atac", "ATAC", 256),
        head("cage", "CAGE", 640),
        head("dnase", "DNASE", 384),
        head("rna_seq", "RNA_SEQ", 768),
        head("chip_histone", "CHIP_HISTONE", 1152),
        head("chip_tf", "CHIP_TF", 1664),
        head("splice_sites_classification", "SPLICE_SITES", 5),
        head("splice_sites_usage", "SPLICE_SITE_USAGE", 734),
        head("splice_sites_junction", "SPLICE_JUNCTIONS", 367),
        head("contact_maps", "CONTACT_MAPS", 28),
        head("procap", "PROCAP", 128),
    ];
    tracks.validate(&heads).expect("every width fits");
}

#[test]
fn a_pipe_is_not_waited_for() {
    let dir = folder("");
    fs::remove_file(dir.path().join(HUMAN)).expect("removed");
    let made = std::process::Command::new("mkfifo")
        .arg(dir.path().join(HUMAN))
        .status();
    assert!(made.expect("mkfifo").success());
    let error = read_dir(dir.path())
        .expect_err("a pipe is no file")
        .to_string();
    assert!(
        error.contains(HUMAN) && error.ends_with("not a regular file"),
        "{error}"
    );
}
