//! The tiny model, converted from its snapshot, against JAX's recordings and against its own bits: every output and tap.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use burn::backend::Flex;
use half::f16;
use model::{AlphaGenome, Arithmetic, Array, Batch, Request, Sequence, Taps, Values};
use tests::fixtures;
use tests::golden::{self, Case};

/// The largest relative L2 distance of any output or tap.
const BOUND: f64 = 2e-6;
/// That of the usage of splice sites, which JAX rounds to float16.
const HALF_BOUND: f64 = 5e-5;

type Arrays = BTreeMap<String, Array>;

/// Collects the taps that a recording has.
struct Collect<'a>(&'a Case, Arrays);

impl Taps for Collect<'_> {
    fn wants(&self, path: &str) -> bool {
        self.0.outputs.contains_key(&format!("taps/{path}"))
    }

    fn take(&mut self, path: &str, array: Array) {
        self.1.insert(format!("taps/{path}"), array);
    }
}

/// The tiny model with its metadata.
fn load(arithmetic: Arithmetic, scratch: &Path) -> AlphaGenome<Flex> {
    let out = tests::program::convert_tiny(env!("CARGO_BIN_EXE_tested-convert"), scratch);
    AlphaGenome::load(&out, &Default::default(), arithmetic).expect("the converted model")
}

/// Every output and tap of a case.
fn run(model: &AlphaGenome<Flex>, case: &Case) -> Arrays {
    let sequence = Sequence::from_indices(&case.sequence).expect("a sequence");
    let batch = Batch::new(vec![sequence], vec![case.organism]).expect("a batch");
    let mut taps = Collect(case, Arrays::new());
    let outputs = model
        .forward(&batch, &Request::everything(), &mut taps)
        .expect("outputs");
    let mut arrays = outputs.into_arrays();
    arrays.append(&mut taps.1);
    arrays
}

/// Steps of float16 between two numbers of one sign.
fn half_steps(a: f64, b: f64) -> u16 {
    f16::from_f64(a)
        .to_bits()
        .abs_diff(f16::from_f64(b).to_bits())
}

#[test]
fn the_tiny_model_gives_what_jax_gives() {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let model = load(Arithmetic::XlaCpuF32, scratch.path());
    let cases = golden::read(&fixtures::recording("tiny_cpu_f32"));
    assert_eq!(cases.len(), 2, "a human and a mouse case");
    let mut faults = Vec::new();
    for case in &cases {
        let arrays = run(&model, case);
        assert_eq!(case.outputs.len(), 96, "outputs and taps of {}", case.name);
        for (name, kept) in &case.outputs {
            let array = arrays
                .get(name)
                .unwrap_or_else(|| panic!("{name} is missing"));
            assert_eq!(array.shape, kept.full_shape, "{name}");
            let values = kept.select(&array.values.to_f32());
            let far = golden::distance(&kept.values, &values);
            let bound = match name.as_str() {
                "splice_sites_usage/predictions" => HALF_BOUND,
                "splice_sites_junction/splice_site_positions"
                | "splice_sites_junction/splice_junction_mask" => 0.0,
                _ => BOUND,
            };
            let steps = kept
                .values
                .iter()
                .zip(&values)
                .map(|(&a, &b)| half_steps(a, b))
                .max();
            let coarse = name == "splice_sites_usage/predictions" && steps > Some(1);
            // Written so that a NaN fails.
            if far.exceeds(bound) || coarse {
                faults.push(format!(
                    "{} {name}: {far:?}, at most {bound:.0e}",
                    case.name
                ));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn rounded_operands_are_near_but_not_the_same() {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let model = load(Arithmetic::XlaGpuF32, scratch.path());
    for case in golden::read(&fixtures::recording("tiny_cpu_f32")) {
        let arrays = run(&model, &case);
        for name in [
            "embeddings_1bp",
            "embeddings_pair",
            "taps/alphagenome/transformer_tower/mha_block",
        ] {
            let kept = &case.outputs[name];
            let far = golden::distance(&kept.values, &kept.select(&arrays[name].values.to_f32()));
            assert!((1e-5..1e-2).contains(&far.relative_l2), "{name}: {far:?}");
        }
    }
}

/// The largest relative L2 distance in bfloat16, where every module of the human case is equal bit for bit: float32 noise in a
/// sum may carry one number in ten thousand over a rounding edge.
const BFLOAT16_BOUND: f64 = 1e-4;
/// That of the mouse case: at its length XLA leaves the trunk unrounded where the first mean pool reads it, which this package
/// does not, and depth makes of it what it makes of any rounding.
const BFLOAT16_NOISE: f64 = 3e-2;

#[test]
fn the_tiny_model_rounds_to_bfloat16_where_jax_does() {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let model = load(Arithmetic::XlaCpuBf16, scratch.path());
    let cases = golden::read(&fixtures::recording("tiny_cpu_bf16"));
    assert_eq!(cases.len(), 2, "a human and a mouse case");
    let mut faults = Vec::new();
    for case in &cases {
        let bound = match case.organism {
            0 => BFLOAT16_BOUND,
            _ => BFLOAT16_NOISE,
        };
        let arrays = run(&model, case);
        assert_eq!(case.outputs.len(), 96, "outputs and taps of {}", case.name);
        for (name, kept) in &case.outputs {
            // Chosen from probabilities that are equal in bfloat16 only: compared by `parity`, which knows ties.
            if case.organism != 0 && name.starts_with("splice_sites_junction/") {
                continue;
            }
            let array = &arrays[name];
            assert_eq!(array.shape, kept.full_shape, "{name}");
            let far = golden::distance(&kept.values, &kept.select(&array.values.to_f32()));
            if far.exceeds(bound) {
                faults.push(format!(
                    "{} {name}: {far:?}, at most {bound:.0e}",
                    case.name
                ));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Collects every tap there is.
struct All(Arrays);

impl Taps for All {
    fn wants(&self, _path: &str) -> bool {
        true
    }

    fn take(&mut self, path: &str, array: Array) {
        self.0.insert(format!("taps/{path}"), array);
    }
}

/// A digest of shape, type and every bit.
fn digest(array: &Array) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(format!("{:?}", array.shape).as_bytes());
    let mut update = |bytes: &[u8]| {
        hasher.update(bytes);
    };
    match &array.values {
        Values::F32(x) => x.iter().for_each(|x| update(&x.to_le_bytes())),
        Values::F16(x) => x.iter().for_each(|x| update(&x.to_le_bytes())),
        Values::Bf16(x) => x.iter().for_each(|x| update(&x.to_le_bytes())),
        Values::I32(x) => x.iter().for_each(|x| update(&x.to_le_bytes())),
        Values::Bool(x) => x.iter().for_each(|&x| update(&[u8::from(x)])),
    }
    hasher.finalize().to_hex()[..16].to_owned()
}

/// One line an output or tap: `CASE NAME`, then the digest in every arithmetic, in the order of [`Arithmetic::ALL`].
fn bits() -> String {
    let mut lines = BTreeMap::<String, Vec<String>>::new();
    for arithmetic in Arithmetic::ALL {
        let scratch = tempfile::tempdir().expect("a temporary folder");
        let model = load(arithmetic, scratch.path());
        for case in golden::read(&fixtures::recording("tiny_cpu_f32")) {
            let sequence = Sequence::from_indices(&case.sequence).expect("a sequence");
            let batch = Batch::new(vec![sequence], vec![case.organism]).expect("a batch");
            let mut taps = All(Arrays::new());
            let outputs = model.forward(&batch, &Request::everything(), &mut taps);
            taps.0.append(&mut outputs.expect("outputs").into_arrays());
            for (name, array) in &taps.0 {
                let line = lines.entry(format!("{} {name}", case.name)).or_default();
                line.push(digest(array));
            }
        }
    }
    lines.iter().fold(String::new(), |mut text, (name, bits)| {
        let _ = writeln!(text, "{name} {}", bits.join(" "));
        text
    })
}

/// A change of the code that is not meant to change results changes no bit.
///
/// `ALPHAGENOME_WRITE_BITS=1` writes the file anew. Products add in the order of the widest instructions there are, so other
/// processors have other bits: there, names alone are compared.
#[test]
fn the_tiny_model_gives_the_bits_that_it_gave() {
    let path = fixtures::root().join("bits/tiny.txt");
    let found = bits();
    if std::env::var_os("ALPHAGENOME_WRITE_BITS").is_some() {
        std::fs::write(&path, &found).expect("the file is written");
    }
    let kept = std::fs::read_to_string(&path).expect("the file of digests");
    let name = |line: &str| line.rsplitn(7, ' ').last().unwrap_or("").to_owned();
    let names = |text: &str| text.lines().map(name).collect::<Vec<_>>();
    assert_eq!(names(&kept), names(&found));
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx512f") {
        let others = kept.lines().zip(found.lines()).filter(|(a, b)| a != b);
        let others: Vec<_> = others.map(|(_, line)| name(line)).collect();
        assert!(others.is_empty(), "other bits: {}", others.join(", "));
    }
}

/// The graph is read off the modules: computed node by node, it gives the bits that they give, in every arithmetic.
#[test]
fn the_graph_gives_the_bits_of_the_modules() {
    for arithmetic in Arithmetic::ALL {
        let scratch = tempfile::tempdir().expect("a temporary folder");
        let model = load(arithmetic, scratch.path());
        let mut cases = golden::read(&fixtures::recording("suite_tiny_cpu_f32")).into_iter();
        let mut sequences = cases.by_ref().filter(|case| case.name.starts_with("rand"));
        for organisms in [vec![0], vec![1, 0]] {
            let sequence = |_| {
                let case = sequences.next().expect("six random sequences");
                Sequence::from_indices(&case.sequence).expect("a sequence")
            };
            let batch = organisms.iter().map(sequence).collect();
            let batch = Batch::new(batch, organisms.clone()).expect("a batch");
            let (mut eager, mut replayed) = (All(Arrays::new()), All(Arrays::new()));
            let outputs = model.forward(&batch, &Request::everything(), &mut eager);
            eager.0.append(&mut outputs.expect("outputs").into_arrays());
            let outputs = model.replay(&batch, &Request::everything(), &mut replayed);
            replayed.0.append(&mut outputs.expect("outputs"));
            let bits = |all: &All| -> Vec<_> {
                let digests = all
                    .0
                    .iter()
                    .map(|(name, array)| (name.clone(), digest(array)));
                digests.collect()
            };
            assert_eq!(eager.0.len(), 146, "{arithmetic}");
            assert_eq!(bits(&eager), bits(&replayed), "{arithmetic}, {organisms:?}");
        }
    }
}
