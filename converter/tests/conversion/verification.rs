//! What `convert verify` notices.

use serde_json::{Value, json};

use crate::command::{command, convert, fixture, text};

#[test]
fn verify_finds_a_changed_byte() {
    let dir = tempfile::tempdir().unwrap();
    let metadata = fixture("metadata");
    convert(
        &dir,
        &["--metadata", metadata.to_str().unwrap(), "--dtype", "bf16"],
    );
    let verify = || {
        let mut verify = command(&dir);
        verify
            .args(["verify", "alphagenome-model", "--snapshot"])
            .arg(fixture("snapshots/zarr"));
        verify.arg("--metadata").arg(&metadata).output().unwrap()
    };
    let output = verify();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
    assert!(text(&output.stdout).contains("every byte is as it should be"));

    let path = dir.path().join("alphagenome-model/model.safetensors");
    let mut bytes = std::fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let config = dir.path().join("alphagenome-model/config.json");
    std::fs::write(&config, "{}").unwrap();
    std::fs::remove_file(dir.path().join("alphagenome-model/tracks.json")).unwrap();
    let output = verify();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        text(&output.stdout),
        "config.json: differs from what this checkpoint gives\n\
         transformer_tower/pair_update_block_4/sequence_to_pair_block/q_r_bias: 1 of 512 values differ, the first at \
         element 511\n\
         tracks.json: is missing\n\
         tracks.json: differs from the track metadata\n\
         4 differences in 670 tensors\n"
    );
}

#[test]
fn verify_believes_nothing_in_the_ledger() {
    let dir = tempfile::tempdir().unwrap();
    convert(&dir, &[]);
    let path = dir.path().join("alphagenome-model/conversion.json");
    let good: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let tensor = "/tensors/embed~1embeddings";
    for (pointer, value, told) in [
        ("/source/digest", json!("0"), "conversion.json: `source`"),
        ("/source/leaves", json!(5), "conversion.json: `source`"),
        ("/output/digest", json!("0"), "conversion.json: `output`"),
        (
            "/output/config_digest",
            json!("0"),
            "conversion.json: `output`",
        ),
        ("/output/files", json!([]), "conversion.json: `output`"),
        ("/ignored", json!(["x"]), "conversion.json: `ignored`"),
        ("/spec/name", json!("x"), "conversion.json: `spec`"),
        (
            "/unscaled_tracks",
            json!("available"),
            "conversion.json: `unscaled_tracks`",
        ),
        ("/digest", json!("0"), "has another digest in"),
        (
            "/sources/0/digest",
            json!("0"),
            "was made of other values, says",
        ),
        ("/sources/0/name", json!("x"), "is described otherwise in"),
        ("/shape", json!([1]), "is described otherwise in"),
        ("/transforms", json!(["x"]), "is described otherwise in"),
        ("/file", json!("x"), "is described otherwise in"),
    ] {
        let (pointer, told) = match told.starts_with("conversion.json") {
            true => (pointer.to_owned(), told.to_owned()),
            false => (
                format!("{tensor}{pointer}"),
                format!("embed/embeddings: {told}"),
            ),
        };
        let mut bad = good.clone();
        *bad.pointer_mut(&pointer).unwrap() = value;
        std::fs::write(&path, bad.to_string()).unwrap();
        let mut verify = command(&dir);
        verify.args(["verify", "alphagenome-model", "--snapshot"]);
        let output = verify.arg(fixture("snapshots/ocdbt")).output().unwrap();
        let lines = text(&output.stdout);
        assert_eq!(
            output.status.code(),
            Some(1),
            "{pointer}: {lines}{}",
            text(&output.stderr)
        );
        assert!(lines.starts_with(&told), "{pointer}: {lines}");
        assert!(
            lines.ends_with("\n1 difference in 670 tensors\n"),
            "{pointer}: {lines}"
        );
    }
}
