//! The tiny AlphaGenome in its three forms, through the built-in spec.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use converter::{
    checkpoint::{Checkpoint, Leaf, OrbaxCheckpoint, ReadError},
    plan::Plan,
    snapshot,
    spec::{ALPHAGENOME, Spec},
    tensor::{Dtype, to_f64},
};
use orbax::Key;
use serde_json::Value;

use crate::memory::{Settings, converted, tensors, values};

const FORMS: [&str; 3] = ["ocdbt", "ocdbt_zarr3", "zarr"];

fn fixture(form: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/fixtures/snapshots")
        .join(form)
}

fn checkpoint(form: &str) -> OrbaxCheckpoint {
    let snapshot = snapshot::resolve(&fixture(form), None).unwrap();
    OrbaxCheckpoint::open(&snapshot).unwrap()
}

fn options(names: &[&str]) -> Vec<(String, bool)> {
    names
        .iter()
        .map(|name| ((*name).to_owned(), true))
        .collect()
}

fn contents(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap());
    files
        .map(|file| {
            (
                file.file_name().into_string().unwrap(),
                fs::read(file.path()).unwrap(),
            )
        })
        .collect()
}

#[test]
fn all_forms_and_thread_counts_give_the_same_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let mut outputs = Vec::new();
    for form in FORMS {
        for threads in [1, 4] {
            let out = dir.path().join(format!("{form}{threads}"));
            let settings = Settings {
                threads,
                ..Settings::default()
            };
            converted(ALPHAGENOME, &checkpoint(form), &settings, &out).unwrap();
            outputs.push(contents(&out));
        }
    }
    assert_eq!(outputs[0].len(), 3);
    assert!(outputs.iter().all(|output| *output == outputs[0]));
}

#[test]
fn every_leaf_arrives_byte_for_byte() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let checkpoint = checkpoint("ocdbt");
    let ledger = converted(ALPHAGENOME, &checkpoint, &Settings::default(), &out).unwrap();
    let tensors = tensors(&out);
    assert_eq!(
        (tensors.len(), ledger.source.leaves, ledger.source.bytes),
        (670, 670, 4_773_732)
    );
    for (number, leaf) in checkpoint.leaves().iter().enumerate() {
        let [_, Key::Name(module), Key::Name(name)] = leaf.path.as_slice() else {
            panic!("{}", leaf.name)
        };
        let name = format!("{}/{name}", module.strip_prefix("alphagenome/").unwrap());
        let mut data = vec![0; leaf.kind.bytes()];
        checkpoint.read_into(number, &mut data).unwrap();
        assert_eq!(tensors[&name].data, data, "{name}");
        let shape: Vec<usize> = match name.rsplit('/').next().unwrap() {
            "q_r_bias" | "k_r_bias" => leaf.kind.shape[2..].to_vec(),
            _ if leaf.kind.shape.first() == Some(&1) => {
                leaf.kind.shape[leaf.kind.shape.len() - 1..].to_vec()
            }
            _ => leaf.kind.shape.clone(),
        };
        assert_eq!(tensors[&name].kind.shape, shape, "{name}");
        assert_eq!(
            ledger.tensors[&name].digest,
            ledger.tensors[&name].sources[0].digest
        );
        assert_eq!(
            ledger.tensors[&name].digest,
            blake3::hash(&data).to_hex().as_str()
        );
    }
}

#[test]
fn bfloat16_is_rounded_to_nearest_even() {
    let dir = tempfile::tempdir().unwrap();
    let (full, half) = (dir.path().join("f32"), dir.path().join("bf16"));
    let settings = Settings {
        dtype: Dtype::Bf16,
        ..Settings::default()
    };
    converted(
        ALPHAGENOME,
        &checkpoint("ocdbt"),
        &Settings::default(),
        &full,
    )
    .unwrap();
    converted(ALPHAGENOME, &checkpoint("ocdbt"), &settings, &half).unwrap();
    let half = tensors(&half);
    for (name, tensor) in tensors(&full) {
        let rounded = tensor.data.as_chunks::<4>().0.iter().flat_map(|&bytes| {
            // To nearest even by integers alone; none of these weights is a NaN.
            let bits = u32::from_le_bytes(bytes);
            ((bits + 0x7fff + (bits >> 16 & 1)) >> 16).to_le_bytes()[..2].to_vec()
        });
        assert_eq!(half[&name].data, rounded.collect::<Vec<u8>>(), "{name}");
    }
}

#[test]
fn the_folds_follow_their_formulas() {
    let dir = tempfile::tempdir().unwrap();
    let (plain, folded) = (dir.path().join("plain"), dir.path().join("folded"));
    let settings = Settings {
        options: options(&["rms_batch_norm", "standardized_conv1d"]),
        ..Settings::default()
    };
    converted(
        ALPHAGENOME,
        &checkpoint("ocdbt"),
        &Settings::default(),
        &plain,
    )
    .unwrap();
    converted(ALPHAGENOME, &checkpoint("ocdbt"), &settings, &folded).unwrap();
    let config: Value =
        serde_json::from_slice(&fs::read(folded.join("config.json")).unwrap()).unwrap();
    assert_eq!(config["folds"]["standardized_conv1d"], true);
    let (plain, folded) = (tensors(&plain), tensors(&folded));
    let (mut norms, mut convolutions) = (0, 0);
    for (name, tensor) in &folded {
        let before = to_f64(Dtype::F32, &plain[name].data);
        let after = to_f64(Dtype::F32, &tensor.data);
        let (module, parameter) = name.rsplit_once('/').unwrap();
        let other = |name: &str| values(&plain, &format!("{module}/{name}")).1;
        let expected: Vec<f64> =
            if plain.contains_key(&format!("{module}/var_ema")) && parameter == "scale" {
                norms += 1;
                before
                    .iter()
                    .zip(other("var_ema"))
                    .map(|(scale, variance)| scale / (variance + 1e-5).sqrt())
                    .collect()
            } else if module.ends_with("standardized_conv1_d") && parameter == "w" {
                convolutions += 1;
                let scale = other("scale");
                let fan_in = (before.len() / scale.len()) as f64;
                let column = |channel: usize| before.iter().skip(channel).step_by(scale.len());
                let factors = scale.iter().enumerate().map(|(channel, scale)| {
                    let mean = column(channel).sum::<f64>() / fan_in;
                    let squares: f64 = column(channel).map(|value| (value - mean).powi(2)).sum();
                    (mean, scale / squares.max(1e-4).sqrt())
                });
                let factors: Vec<(f64, f64)> = factors.collect();
                before
                    .iter()
                    .zip(factors.iter().cycle())
                    .map(|(value, (mean, factor))| (value - mean) * factor)
                    .collect()
            } else {
                before
            };
        for (after, expected) in after.iter().zip(&expected) {
            assert!(
                (after - expected).abs() <= 1.2e-7 * expected.abs() + 1e-9,
                "{name}: {after} {expected}"
            );
        }
    }
    assert_eq!((norms, convolutions), (81, 27));
    assert_eq!(plain.len() - folded.len(), 81 + 27);
}

/// A checkpoint without some of its leaves, and with others reshaped.
struct Tuned {
    inner: OrbaxCheckpoint,
    leaves: Vec<Leaf>,
}

impl Tuned {
    fn new(change: impl Fn(&mut Leaf) -> bool) -> Tuned {
        let inner = checkpoint("ocdbt");
        let mut leaves = inner.leaves().to_vec();
        leaves.retain_mut(|leaf| change(leaf));
        Tuned { inner, leaves }
    }

    fn config(&self) -> Value {
        let spec = Spec::parse(ALPHAGENOME, &[]).unwrap();
        Plan::new(&spec, &self.leaves, Dtype::F32)
            .unwrap_or_else(|report| panic!("{report}"))
            .config
    }
}

impl Checkpoint for Tuned {
    fn leaves(&self) -> &[Leaf] {
        &self.leaves
    }

    fn read_into(&self, leaf: usize, out: &mut [u8]) -> Result<(), ReadError> {
        self.inner.read_into(leaf, out)
    }
}

#[test]
fn fine_tuned_models_may_have_fewer_heads_and_other_track_counts() {
    let tuned = Tuned::new(|leaf| {
        if leaf.name.contains("head/dnase") {
            *leaf.kind.shape.last_mut().unwrap() = 11;
        }
        let others = ["head/dnase", "head/cage/resolution_128"];
        !leaf.name.contains("head/") || others.iter().any(|head| leaf.name.contains(head))
    });
    let heads = &tuned.config()["heads"];
    let names: Vec<&String> = heads.as_object().unwrap().keys().collect();
    assert_eq!(names, ["cage", "dnase"]);
    assert_eq!(heads["dnase"]["tracks"], 11);
    assert_eq!(heads["cage"]["resolutions"], serde_json::json!([128]));
}

#[test]
fn the_full_models_widths_are_found() {
    let listed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/standin/param_spec.json");
    let text = fs::read_to_string(listed).unwrap();
    let leaves: Vec<(String, String, String, Vec<usize>, String)> =
        serde_json::from_str(&text).unwrap();
    let leaves: Vec<Leaf> = leaves
        .into_iter()
        .map(|(collection, module, name, shape, _)| Leaf {
            path: vec![
                Key::Index(usize::from(collection == "state")),
                Key::Name(module),
                Key::Name(name.clone()),
            ],
            name,
            kind: converter::tensor::TensorType {
                shape,
                dtype: Dtype::F32,
            },
        })
        .collect();
    let spec = Spec::parse(ALPHAGENOME, &[]).unwrap();
    let plan = Plan::new(&spec, &leaves, Dtype::F32).unwrap_or_else(|report| panic!("{report}"));
    assert_eq!(
        (plan.targets.len(), plan.target_bytes()),
        (670, 4 * 450_553_221)
    );
    let expected = include_str!("full_config.json");
    assert_eq!(
        plan.config,
        serde_json::from_str::<Value>(expected).unwrap()
    );
}

#[test]
fn a_missing_layer_or_leaf_is_noticed() {
    let spec = Spec::parse(ALPHAGENOME, &[]).unwrap();
    let report = |gone: &str| {
        let tuned = Tuned::new(|leaf| !leaf.name.contains(gone));
        assert!(tuned.leaves.len() < 670, "{gone}");
        Plan::new(&spec, &tuned.leaves, Dtype::F32)
            .unwrap_err()
            .to_string()
    };
    let text = report("mlp_block_8/linear_1.b");
    assert!(text.contains("disagree in 1 place:"), "{text}");
    assert!(
        text.contains(
            "leaf `params:alphagenome/transformer_tower/mlp_block_8/linear_1/b` is missing"
        ),
        "{text}"
    );
    assert!(report("mha_block_8/").contains("disagree in 17 places"));
    assert!(report("output_pair").contains("block `output pair` is missing"));
    assert!(
        report("up_res_block_6").contains("a check does not hold: `count(up) == count(stage) + 1`")
    );
    assert!(report("head/rna_seq/resolution_1.learnt_scale").contains("learnt_scale` is missing"));
}
