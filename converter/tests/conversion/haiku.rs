//! A spec for another Haiku model, as a user would write one from `docs/mapping.md`.

use converter::tensor::Dtype;
use orbax::Key;
use serde_json::json;

use crate::memory::{Memory, Settings, converted, plan, tensors, values};

pub const SPEC: &str = include_str!("haiku.toml");

/// Two blocks of 4 channels, 2 heads of 2, inner width 3, and one readout of 5.
pub fn model() -> Memory {
    let mut model = Memory::default();
    for (block, start) in [("net/block", 0.0), ("net/block_1", 1000.0)] {
        let at = |module: &str| format!("{block}/{module}");
        let steps = [
            Key::Index(1),
            Key::Name(at("norm")),
            Key::Name("steps".into()),
        ];
        model = model
            .with(0, &at("qkv"), "w", &[4, 12], start)
            .with(0, &at("gate"), "w", &[4, 3], start + 100.0)
            .with(0, &at("up"), "w", &[4, 3], start + 200.0)
            .with(0, &at("heads"), "temperature", &[2, 2], start + 300.0)
            .with(0, &at("norm"), "scale", &[1, 1, 4], start + 400.0)
            .with_leaf(&steps, Dtype::I32, &[], &[start + 7.0])
            .with(1, &at("norm"), "counter", &[], 0.0);
    }
    model
        .with(0, "net/colour_readout/linear", "w", &[4, 5], 0.0)
        .with(0, "net/colour_readout/linear", "b", &[5], 50.0)
}

#[test]
fn every_value_arrives_where_the_spec_says() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let ledger = converted(SPEC, &model(), &Settings::default(), &out).unwrap();
    let tensors = tensors(&out);
    let names: Vec<&str> = tensors.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "model/blocks.0/gate_up",
            "model/blocks.0/k",
            "model/blocks.0/q",
            "model/blocks.0/temperature",
            "model/blocks.0/v",
            "model/blocks.1/gate_up",
            "model/blocks.1/k",
            "model/blocks.1/q",
            "model/blocks.1/temperature",
            "model/blocks.1/v",
            "model/colour_readout/linear/bias",
            "model/colour_readout/linear/weight",
            "model/norm/scale",
            "model/norm/steps",
        ]
    );
    let row = |row: usize, from: usize| (0..4).map(move |i| (1000 + row * 12 + from + i) as f64);
    let k: Vec<f64> = (0..4).flat_map(|r| row(r, 4)).collect();
    assert_eq!(values(&tensors, "model/blocks.1/k"), (vec![4, 2, 2], k));
    let gate_up = [100.0, 101.0, 102.0, 200.0, 201.0, 202.0];
    assert_eq!(values(&tensors, "model/blocks.0/gate_up").1[..6], gate_up);
    let temperature = (vec![2, 1], vec![300.0, 302.0]);
    assert_eq!(values(&tensors, "model/blocks.0/temperature"), temperature);
    let weight = values(&tensors, "model/colour_readout/linear/weight");
    assert_eq!((weight.0, weight.1[1]), (vec![5, 4], 5.0));
    let scale = vec![400.0, 401.0, 402.0, 403.0, 1400.0, 1401.0, 1402.0, 1403.0];
    assert_eq!(values(&tensors, "model/norm/scale"), (vec![2, 4], scale));
    assert_eq!(
        values(&tensors, "model/norm/steps"),
        (vec![2], vec![7.0, 1007.0])
    );
    assert_eq!(tensors["model/norm/steps"].kind.dtype, Dtype::I32);

    let ignored = ["1.net/block/norm.counter", "1.net/block_1/norm.counter"];
    assert_eq!(ledger.ignored, ignored);
    let gate_up = &ledger.tensors["model/blocks.0/gate_up"];
    assert_eq!(gate_up.transforms, ["concat axis 1"]);
    let sources: Vec<&str> = gate_up
        .sources
        .iter()
        .map(|leaf| leaf.name.as_str())
        .collect();
    assert_eq!(sources, ["0.net/block/gate.w", "0.net/block/up.w"]);
}

#[test]
fn the_config_follows_from_the_shapes() {
    let plan = plan(SPEC, &model()).unwrap();
    let expected = json!({
        "blocks": 2, "hidden": 4, "inner": 3, "block_names": ["first", "second"], "readouts": ["colour"],
        "colour": { "outputs": 5 },
    });
    assert_eq!(plan.config, expected);
}

#[test]
fn bfloat16_leaves_integers_alone() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let settings = Settings {
        dtype: Dtype::Bf16,
        ..Settings::default()
    };
    converted(SPEC, &model(), &settings, &out).unwrap();
    let tensors = tensors(&out);
    assert_eq!(tensors["model/norm/steps"].kind.dtype, Dtype::I32);
    assert_eq!(tensors["model/norm/scale"].kind.dtype, Dtype::Bf16);
    // 403 lies between 402 and 404, which bfloat16 has.
    assert_eq!(
        values(&tensors, "model/norm/scale").1[..4],
        [400.0, 400.0, 402.0, 404.0]
    );
}

/// The first spec in `docs/mapping.md`, on the model that it speaks of.
#[test]
fn the_example_in_the_documentation_works() {
    let text = include_str!("../../../docs/mapping.md");
    let start = text.find("```toml\n").unwrap() + 8;
    let spec = &text[start..start + text[start..].find("```").unwrap()];
    let mut model = Memory::default();
    for block in ["net/block", "net/block_1"] {
        model = model
            .with(0, &format!("{block}/linear"), "w", &[8, 16], 0.0)
            .with(0, &format!("{block}/linear"), "b", &[16], 0.0)
            .with(0, &format!("{block}/norm"), "scale", &[1, 1, 8], 0.0)
            .with(1, &format!("{block}/norm"), "variance", &[1, 8], 0.0);
    }
    let plan = plan(spec, &model).unwrap_or_else(|report| panic!("{report}"));
    assert_eq!(plan.config, json!({ "layers": 2, "hidden": 8 }));
    let targets = plan
        .targets
        .iter()
        .map(|target| (target.name.as_str(), target.kind.shape.as_slice()));
    let expected: [(&str, &[usize]); 8] = [
        ("block/linear/bias", &[16]),
        ("block/linear/weight", &[16, 8]),
        ("block_1/linear/bias", &[16]),
        ("block_1/linear/weight", &[16, 8]),
        ("layers.0.norm/scale", &[8]),
        ("layers.0.norm/variance", &[8]),
        ("layers.1.norm/scale", &[8]),
        ("layers.1.norm/variance", &[8]),
    ];
    assert!(targets.eq(expected), "{:?}", plan.targets);
}
