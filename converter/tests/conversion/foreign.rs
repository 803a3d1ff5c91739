//! Trees of another form than the spec's, and values that no conversion reads.

use converter::checkpoint::Checkpoint;
use orbax::Key;

use crate::{
    haiku::{SPEC, model},
    memory::{Memory, Settings, converted, plan, tensors},
};

fn name(text: &str) -> Key {
    Key::Name(text.to_owned())
}

/// A path of `(params, state)` in `{"params", "state"}`.
fn named(path: &[Key]) -> Vec<Key> {
    let collection = ["params", "state"][usize::from(path[0] == Key::Index(1))];
    [&[name(collection)][..], &path[1..]].concat()
}

/// The lines of the report, without its heading.
fn lines(spec: &str, checkpoint: &Memory) -> Vec<String> {
    let report = plan(spec, checkpoint).expect_err("violations").to_string();
    report.lines().skip(1).map(str::to_owned).collect()
}

#[test]
fn a_foreign_tree_is_one_sentence() {
    let optimizer = |path: &[Key]| [&[Key::Index(0), Key::Index(1)], path].concat();
    for (tree, starts, first) in [
        (
            model().moved(named),
            "under ['params'], ['state'] (",
            "['params']['net/block/qkv']['w']",
        ),
        (
            model().moved(optimizer),
            "under [0] (",
            "[0][1][0]['net/block/qkv']['w']",
        ),
        (
            model().moved(|path| path[1..].to_vec()),
            "under ['net/block/gate'], ['net/block/heads'], ['net/block/norm'], ['net/block/qkv'] and ",
            "['net/block/qkv']['w']",
        ),
    ] {
        let lines = lines(SPEC, &tree);
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(lines[0].contains(starts), "{lines:?}");
        assert!(
            lines[0].contains(&format!("(the first is {first})")),
            "{lines:?}"
        );
        assert!(
            lines[0].contains("expects params at [0], state at [1], with leaves such as `params:net/block{block}/qkv/w`"),
            "{lines:?}"
        );
    }
}

#[test]
fn a_collection_may_have_several_places() {
    let spec = SPEC
        .replace("params = [0]", "params = [[0], [\"params\"]]")
        .replace("state = [1]", "state = [[1], [\"state\"]]");
    let named = model().moved(named);
    let dir = tempfile::tempdir().unwrap();
    let convert = |checkpoint: &Memory, out: &str| {
        let out = dir.path().join(out);
        converted(&spec, checkpoint, &Settings::default(), &out).unwrap();
        tensors(&out)
    };
    assert_eq!(convert(&named, "named"), convert(&model(), "tuple"));
}

#[test]
fn an_optimizer_beside_the_parameters_is_one_line() {
    let leaves = (0..40).fold(model(), |model, at| {
        model.with(2, &format!("net/mu_{at}"), "w", &[1], 0.0)
    });
    assert_eq!(
        lines(SPEC, &leaves),
        [
            "  - 40 leaves under [2], the first of them `2.net/mu_0.w`, are in none of the spec's collections (params at [0], state at \
             [1]); to leave them out, make [2] a collection of the spec and `ignore` it"
        ]
    );
}

#[test]
fn a_collection_that_is_not_there_is_one_line() {
    let states = model()
        .leaves()
        .iter()
        .filter(|leaf| leaf.path[0] == Key::Index(1))
        .count();
    assert!(states > 1);
    let ends: Vec<String> = model()
        .leaves()
        .iter()
        .filter(|leaf| leaf.path[0] == Key::Index(1))
        .map(|leaf| leaf.name.clone())
        .collect();
    let alone = ends.iter().fold(model(), |model, end| model.without(end));
    let lines = lines(SPEC, &alone);
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(
        lines[0].contains("collection `state` has no leaf, but rules need"),
        "{lines:?}"
    );
}

#[test]
fn what_cannot_be_converted_is_left_out_or_refused() {
    let string = [Key::Index(0), name("optimizer"), name("name")];
    let outside = [name("rng")];
    let checkpoint = model()
        .with_other(&string, "string \"adam\"")
        .with_other(&outside, "an array of dtype int4 [3]");
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let ledger = converted(SPEC, &checkpoint, &Settings::default(), &out).unwrap();
    for left_out in ["0.optimizer.name", "rng"] {
        assert!(
            ledger.ignored.contains(&left_out.to_owned()),
            "{:?}",
            ledger.ignored
        );
    }
    let used = [Key::Index(0), name("net/block_1/up"), name("w")];
    let checkpoint = model()
        .without("block_1/up.w")
        .with_other(&used, "an array of dtype int4 [4, 3]");
    assert_eq!(
        lines(SPEC, &checkpoint),
        [
            "  - leaf `params:net/block_1/up/w` is an array of dtype int4 [4, 3], which cannot be converted, but `attention: \
             block{block} (params:gate/w, params:up/w, params:shift/w)` needs it"
        ]
    );
}

#[test]
fn keys_with_braces_and_slashes_are_named() {
    let spec = r#"
format_version = 1
name = "odd"
collections = { params = ["params"] }
blocks = [
  { name = "a", modules = [{ at = "/lead", tensors = [{ source = "params:w", shape = ["a"] }] }] },
  { name = "b", modules = [{ at = "br{{x}}", tensors = [{ source = "params:w", shape = ["b"] }] }] },
  { name = "c", modules = [{ at = "tr/", tensors = [{ source = "params:w/", shape = ["c"] }] }] },
]
"#;
    let keys = |module: &str, leaf: &str| [name("params"), name(module), name(leaf)];
    let with = |memory: Memory, path: [Key; 3], value| {
        memory.with_leaf(&path, converter::tensor::Dtype::F32, &[1], &[value])
    };
    let checkpoint = with(Memory::default(), keys("/lead", "w"), 1.0);
    let checkpoint = with(checkpoint, keys("br{x}", "w"), 2.0);
    let checkpoint = with(checkpoint, keys("tr/", "w/"), 3.0);
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    converted(spec, &checkpoint, &Settings::default(), &out).unwrap();
    let names: Vec<String> = tensors(&out).into_keys().collect();
    assert_eq!(names, ["br{x}/w", "lead/w", "tr/w"]);
}
