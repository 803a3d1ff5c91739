//! What is wrong between a spec and a checkpoint comes in one report.

use converter::{
    checkpoint::Checkpoint,
    plan::Plan,
    spec::{Error, Spec},
    tensor::Dtype,
};

use crate::{
    haiku::{SPEC, model},
    memory::{Memory, plan},
};

fn report(spec: &str, checkpoint: &Memory) -> String {
    plan(spec, checkpoint).expect_err("violations").to_string()
}

/// The spec with one text in it replaced.
fn changed(from: &str, to: &str) -> String {
    assert!(SPEC.contains(from), "{from}");
    SPEC.replacen(from, to, 1)
}

#[test]
fn all_violations_come_in_one_report_with_the_nearest_names() {
    let checkpoint = model()
        .without("block_1/up.w")
        .with(0, "net/block_1/upp", "w", &[4, 3], 0.0)
        .with(0, "net/strange/thing", "b", &[1], 0.0)
        .without("block/heads.temperature")
        .with(0, "net/block/heads", "temperature", &[2, 3], 0.0)
        .with(7, "net/block", "x", &[1], 0.0);
    let spec = changed(r#"op = "squeeze""#, r#"op = "squeze""#);
    assert_eq!(
        report(&spec, &checkpoint),
        "the checkpoint and the spec `made-up` disagree in 6 places:
  - the spec is wrong: attention: block{block}/norm (params:scale): unknown transform `squeze`; did you mean `squeeze`? (known: permute, reshape, squeeze, standardize_weight, fold_norm, fill_nan)
  - leaf `7.net/block.x` is in none of the spec's collections
  - leaf `params:net/block_1/upp/w` is neither used nor ignored; did you mean `params:net/block_1/up/w`?
  - leaf `params:net/strange/thing/b` is neither used nor ignored
  - leaf `params:net/block_1/up/w` is missing, which `attention: block{block} (params:gate/w, params:up/w, params:shift/w)` needs; did you mean `params:net/block_1/upp/w`?
  - leaf `params:net/block/heads/temperature` is [2, 3], but the spec expects [2, 2]"
    );
}

#[test]
fn a_leaf_is_used_once() {
    let spec = changed(
        "[[blocks]]\nname = \"readout\"",
        "[[blocks]]\nname = \"again\"\nmodules = [{ at = \"block{block}/up\", tensors = [{ source = \"params:w\", shape = [\"hidden\", \"inner\"] }] }]\n\n[[blocks]]\nname = \"readout\"",
    );
    let text = report(&spec, &model());
    assert!(text.contains("disagree in 2 places"), "{text}");
    assert!(
        text.contains("leaf `params:net/block_1/up/w` is used more than once: by `attention: block{block} (params:gate/w, params:up/w, params:shift/w)` and by `again: block{block}/up (params:w)`"),
        "{text}"
    );
    let spec = changed("ignore = [", "ignore = [\"params:net/block/up/w\", ");
    let text = report(&spec, &model());
    assert!(
        text.contains("and by `ignore` (`params:net/block/up/w`)"),
        "{text}"
    );
}

#[test]
fn a_target_is_made_once() {
    let spec = changed(
        r#"targets = ["gate", "shift"]"#,
        r#"targets = ["gate", "gate"]"#,
    );
    let text = report(&spec, &model());
    assert!(text.contains("disagree in 2 places"), "{text}");
    let rule = "`attention: block{block} (params:gate/w, params:up/w, params:shift/w)`";
    assert!(
        text.contains(&format!(
            "tensor `model/blocks.0/gate` is made more than once: by {rule} and by {rule}"
        )),
        "{text}"
    );
}

#[test]
fn repetitions_count_without_gaps() {
    let checkpoint = [
        "qkv.w",
        "gate.w",
        "up.w",
        "shift.w",
        "heads.temperature",
        "norm.scale",
        "norm.steps",
    ]
    .iter()
    .fold(model(), |model, end| {
        model.without(&format!("net/block/{end}"))
    });
    let text = report(SPEC, &checkpoint);
    assert!(
        text.contains("`block` counts up to 1, but nothing has number 0"),
        "{text}"
    );
    let lonely = model().with(0, "net/block_2/qkv", "w", &[4, 12], 0.0);
    let text = report(SPEC, &lonely);
    assert!(
        text.contains("leaf `params:net/block_2/gate/w` is missing"),
        "{text}"
    );
    let far = model().with(0, "net/block_9223372036854775807/qkv", "w", &[4, 12], 0.0);
    let text = report(SPEC, &far);
    assert!(
        text.contains("counts up to 9223372036854775807, but nothing has number 2"),
        "{text}"
    );
}

#[test]
fn a_missing_block_is_said_once() {
    let text = report(SPEC, &Memory::default());
    assert!(
        text.contains(
            "block `attention` is missing: no leaf matches `params:net/block{block}/qkv/w`"
        ),
        "{text}"
    );
}

#[test]
fn shapes_and_transforms_must_fit() {
    let rank = model()
        .without("block/gate.w")
        .with(0, "net/block/gate", "w", &[4], 0.0);
    let text = report(SPEC, &rank);
    assert!(
        text.contains("leaf `params:net/block/gate/w` is [4], but the spec expects 2 axes"),
        "{text}"
    );
    let text = report(
        &changed(
            r#"{ op = "permute", axes = [1, 0] }"#,
            r#"{ op = "permute", axes = [1, 1] }"#,
        ),
        &model(),
    );
    assert!(
        text.contains("the transforms of `readout: {readout}_readout/linear (params:w)` do not fit: permute [1, 1]: [1, 1] is no permutation of the axes of [4, 5]"),
        "{text}"
    );
    let text = report(
        &changed("hidden == heads * width", "hidden == heads + 7"),
        &model(),
    );
    assert!(
        text.contains(
            "a check does not hold: `hidden == heads + 7`: the left side is 4, the right side 9"
        ),
        "{text}"
    );
    let text = report(
        &changed(r#"["hidden", "inner"]"#, r#"["hidden", "a * b"]"#),
        &model(),
    );
    assert!(
        text.contains("`a`, in the shape of `params:net/block/gate/w`, stands alone in no shape"),
        "{text}"
    );
}

#[test]
fn a_config_that_cannot_be_worked_out_names_its_key() {
    let text = report(&changed(r#""= hidden""#, r#""= hiden""#), &model());
    assert!(
        text.contains("config value `hidden`: no leaf gives `hiden` a value"),
        "{text}"
    );
    let text = report(
        &changed(r#""= count(block)""#, r#""= cuont(block)""#),
        &model(),
    );
    assert!(
        text.contains("config value `blocks`: unknown function `cuont`"),
        "{text}"
    );
    let text = report(
        &changed(r#"["first", "second", "third"]"#, r#"["first"]"#),
        &model(),
    );
    assert!(
        text.contains("config value `block_names`: list `names` holds 1 names, but 2 are needed"),
        "{text}"
    );
}

#[test]
fn mistakes_in_a_spec_are_named() {
    for (from, to, expected) in [
        (
            r#"type = "dense""#,
            r#"type = "dens""#,
            "unknown type `dens`; did you mean `dense`?",
        ),
        (
            r#"in = "hidden", out"#,
            r#"inn = "hidden", out"#,
            "type `dense` needs `with.in`",
        ),
        (
            r#"block = "instance""#,
            r#"block = "count""#,
            "captures.block: unknown kind `count`",
        ),
        (
            r#"source = "state:steps""#,
            r#"source = "stat:steps""#,
            "unknown collection `stat`; did you mean `state`?",
        ),
        (
            r#"target = "weight""#,
            r#"target = "weight", when = "folds""#,
            "unknown option `folds`; did you mean `fold`?",
        ),
        (
            r#"axes = [1, 0]"#,
            r#"axis = [1, 0]"#,
            "unknown field `axis`",
        ),
        (
            r#"{ op = "permute", axes = [1, 0] }"#,
            r#"{ axes = [1, 0] }"#,
            "a transform needs `op`",
        ),
        (
            r#""= values(readout)""#,
            r#""= values(readout""#,
            "expected `)` at its end",
        ),
        (
            r#"shape = ["hidden", "3 * hidden"]"#,
            r#"shape = ["1...", "1..."]"#,
            "a shape has at most one `1...`",
        ),
        (
            r#"at = "block{block}/qkv""#,
            r#"at = "block/qkv""#,
            "its captures are {block}, but those of the block's first module are {}",
        ),
    ] {
        let text = report(&changed(from, to), &model());
        assert!(text.contains(expected), "{to}\n{text}");
    }
}

#[test]
fn a_text_that_is_no_spec_is_refused() {
    let no_field = Spec::parse("format_version = 1\nname = 'x'\nnonsense = 2", &[]);
    assert!(
        no_field
            .unwrap_err()
            .to_string()
            .contains("unknown field `nonsense`")
    );
    let version = Spec::parse(&changed("format_version = 1", "format_version = 2"), &[]);
    assert!(matches!(version, Err(Error::Version { found: 2 })));
    let option = Spec::parse(SPEC, &[("fod".to_owned(), true)])
        .unwrap_err()
        .to_string();
    assert_eq!(
        option,
        "the spec has no option `fod` (did you mean `fold`?); it has: fold"
    );
}

#[test]
fn a_leaf_whose_size_overflows_is_refused() {
    let spec = "format_version = 1\nname = 'x'\nblocks = [{ name = 'b', modules = [{ at = 'm', tensors = [{ source = 'p:w', shape = ['a', 'b'] }] }] }]\n[collections]\np = []";
    let path = [orbax::Key::Name("m".into()), orbax::Key::Name("w".into())];
    let huge = Memory::default().with_leaf(&path, Dtype::F32, &[usize::MAX, 8], &[]);
    let spec = Spec::parse(spec, &[]).unwrap();
    let text = Plan::new(&spec, huge.leaves(), Dtype::F32)
        .unwrap_err()
        .to_string();
    assert!(text.contains("its size overflows"), "{text}");
}
