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
            .with(0, &at("shift"), "w", &[4, 3], start + 250.0)
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
            "model/blocks.0.norm/scale",
            "model/blocks.0.norm/steps",
            "model/blocks.0/gate",
            "model/blocks.0/qkv",
            "model/blocks.0/shift",
            "model/blocks.0/temperature",
            "model/blocks.1.norm/scale",
            "model/blocks.1.norm/steps",
            "model/blocks.1/gate",
            "model/blocks.1/qkv",
            "model/blocks.1/shift",
            "model/blocks.1/temperature",
            "model/colour_readout/linear/bias",
            "model/colour_readout/linear/weight",
        ]
    );
    // The second head of the keys of the second block: columns 6 and 7 of 12.
    let (shape, qkv) = values(&tensors, "model/blocks.1/qkv");
    assert_eq!(shape, [3, 2, 2, 4]);
    let column = |column: usize| (0..4).map(move |row| (1000 + row * 12 + column) as f64);
    assert!(column(6).chain(column(7)).eq(qkv[24..32].iter().copied()));
    let (_, gate) = values(&tensors, "model/blocks.0/gate");
    assert_eq!(gate[0], f64::from((100.0 / 201f64.sqrt()) as f32));
    assert_eq!(
        values(&tensors, "model/blocks.0/shift").1[..2],
        [250.0, 251.0]
    );
    let temperature = (vec![2, 2], vec![300.0, 301.0, 302.0, 303.0]);
    assert_eq!(values(&tensors, "model/blocks.0/temperature"), temperature);
    let weight = values(&tensors, "model/colour_readout/linear/weight");
    assert_eq!((weight.0, weight.1[1]), (vec![5, 4], 5.0));
    let scale = vec![1400.0, 1401.0, 1402.0, 1403.0];
    assert_eq!(
        values(&tensors, "model/blocks.1.norm/scale"),
        (vec![4], scale)
    );
    assert_eq!(
        values(&tensors, "model/blocks.1.norm/steps"),
        (vec![], vec![1007.0])
    );
    assert_eq!(tensors["model/blocks.0.norm/steps"].kind.dtype, Dtype::I32);

    let ignored = ["1.net/block/norm.counter", "1.net/block_1/norm.counter"];
    assert_eq!(ledger.ignored, ignored);
    let gate = &ledger.tensors["model/blocks.0/gate"];
    assert_eq!(gate.transforms, ["fold norm (epsilon 1e0, f64)"]);
    let sources: Vec<&str> = gate.sources.iter().map(|leaf| leaf.name.as_str()).collect();
    assert_eq!(
        sources,
        [
            "0.net/block/gate.w",
            "0.net/block/up.w",
            "0.net/block/shift.w"
        ]
    );
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
    assert_eq!(tensors["model/blocks.0.norm/steps"].kind.dtype, Dtype::I32);
    assert_eq!(tensors["model/blocks.0.norm/scale"].kind.dtype, Dtype::Bf16);
    // 403 lies between 402 and 404, which bfloat16 has.
    assert_eq!(
        values(&tensors, "model/blocks.0.norm/scale").1[..4],
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
