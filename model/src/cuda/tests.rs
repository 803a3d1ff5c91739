//! Plans of the full model, without a device.

use std::collections::BTreeSet;

use super::forward::Forward;
use super::heads::Outputs;
use super::kernels::SOURCE;
use super::regions::Regions;
use super::steps::{Argument, Id, Place, Source, Step, Steps, Work};
use super::weights::Weights;
use crate::array::{Array, Values};
use crate::batch::Batch;
use crate::config::Config;
use crate::heads::junctions::SpliceSitePositions;
use crate::plan::Plan;
use crate::precision::Arithmetic;
use crate::regions::{BLOCK, Patch, Windows};
use crate::request::{Embedding, Request};
use crate::sequence::Sequence;

const FULL: &str = include_str!("../../tests/data/full_config.json");

fn plan(length: usize, organisms: &[usize], taps: bool) -> (Steps, Outputs) {
    request(length, organisms, taps, &Request::everything())
}

fn request(length: usize, organisms: &[usize], taps: bool, request: &Request) -> (Steps, Outputs) {
    stored(2, length, organisms, taps, request)
}

fn stored(
    element: usize,
    length: usize,
    organisms: &[usize],
    taps: bool,
    request: &Request,
) -> (Steps, Outputs) {
    let steps = (Steps::default(), element);
    planned(steps, length, organisms, taps, request)
}

/// A sequence of 4,096 bp in float32, with products that are three of bfloat16.
fn split(request: &Request) -> Steps {
    planned((Steps::new(true), 4), 4096, &[0], false, request).0
}

fn planned(
    (steps, element): (Steps, usize),
    length: usize,
    organisms: &[usize],
    taps: bool,
    request: &Request,
) -> (Steps, Outputs) {
    let config = Config::parse(FULL).unwrap();
    let weights = Weights::imaginary(&config, element);
    let mut forward = Forward {
        config: &config,
        weights: &weights,
        steps,
        batch: organisms.len(),
        length,
        organisms: organisms.to_vec(),
        element,
        roundings: Arithmetic::XlaGpuBf16.roundings(),
        fused_attention: element == 2 && super::tower::has_fused_widths(&config),
        wanted: None,
        taps: taps.then(Vec::new),
        given: Vec::new(),
        regions: Regions::of(request),
    };
    let sequence = Sequence::from_indices(&vec![0; length]).unwrap();
    let sequences = vec![sequence; organisms.len()];
    let batch = Batch::new(sequences, organisms.to_vec()).unwrap();
    let plan = Plan::new(&config, &batch, request).unwrap();
    let outputs = forward.build(&plan, request);
    (forward.steps, outputs)
}

fn gigabytes(length: usize) -> f64 {
    let (steps, _) = plan(length, &[0], false);
    steps.arena(1024).bytes as f64 / 1e9
}

#[test]
fn memory_is_planned_for_small_cards() {
    // Beside 0.9 GB of parameters: 24 GB run 131,072 bp, and 40 GB run 1,048,576 bp, whose outputs alone are 15.5 GB.
    assert!(gigabytes(131_072) < 8.0);
    let longest = gigabytes(1 << 20);
    assert!((15.5..39.0).contains(&longest), "{longest}");
}

#[test]
fn the_counted_work_is_that_of_the_model() {
    let (steps, _) = plan(1 << 20, &[0], false);
    let operations = steps.steps.iter().map(|step| match &step.work {
        Work::Product { product, .. } => product.operations(),
        Work::Convolution { convolution, .. } => convolution.operations(),
        Work::Launch { operations, .. } => *operations,
    });
    let teraflop = operations.sum::<f64>() / 1e12;
    // 77.6 with the junction layer at every position; it is only needed at the splice sites.
    assert!((74.0..78.0).contains(&teraflop), "{teraflop}");
}

#[test]
fn every_tensor_lives_from_its_first_use_to_its_last() {
    for taps in [false, true] {
        let (steps, outputs) = plan(4096, &[0, 1], taps);
        for (index, step) in steps.steps.iter().enumerate() {
            for Id(tensor) in step.work.tensors() {
                let lifetime = steps.tensors[tensor];
                assert!(
                    (lifetime.first..=lifetime.last).contains(&index),
                    "step {index}"
                );
            }
        }
        for output in outputs.values() {
            assert_eq!(steps.tensors[output.id.0].last, steps.steps.len());
        }
    }
}

/// The kind of a parameter in the sources.
fn kind(parameter: &str) -> &'static str {
    let words: Vec<_> = parameter.split_whitespace().collect();
    match words.as_slice() {
        _ if parameter.contains('*') => "pointer",
        ["i64", _] => "long long",
        ["int", _] => "int",
        ["float", _] => "float",
        _ => "structure",
    }
}

/// The kinds of a launch's arguments; the fields of a structure are listed after it.
fn kinds(arguments: &[Argument]) -> Vec<&'static str> {
    let mut kinds = Vec::new();
    let mut fields = 0;
    for argument in arguments {
        if fields > 0 {
            fields -= 1;
            continue;
        }
        kinds.push(match argument {
            Argument::At(_) => "pointer",
            Argument::Long(_) => "long long",
            Argument::Int(_) => "int",
            Argument::Float(_) => "float",
            Argument::Struct(count) => {
                fields = *count;
                "structure"
            }
        });
    }
    kinds
}

#[test]
fn every_kernel_is_in_the_sources_with_parameters_of_these_kinds() {
    let (fused, _) = plan(4096, &[0], true);
    // Values of four bytes take the plain attention.
    let (plain, _) = stored(4, 4096, &[0], true, &Request::everything());
    let (parts, _) = request(8192, &[0, 0], false, &in_parts(8192));
    let split = split(&Request::everything());
    let mut seen = BTreeSet::new();
    let steps = [&fused.steps, &plain.steps, &parts.steps, &split.steps];
    for step in steps.into_iter().flatten() {
        if let Work::Launch {
            kernel, arguments, ..
        } = &step.work
            && seen.insert(*kernel)
        {
            let head = format!("__global__ void {kernel}(");
            let at = SOURCE.find(&head).unwrap_or_else(|| panic!("{kernel}"));
            let parameters = &SOURCE[at + head.len()..];
            let parameters = &parameters[..parameters.find(')').unwrap()];
            let declared: Vec<_> = parameters.split(',').map(kind).collect();
            assert_eq!(kinds(arguments), declared, "{kernel}");
        }
    }
    let must = [
        "fused_attention",
        "capped_softmax",
        "take_rows",
        "patch_bases",
        "activation_parts",
    ];
    assert!(seen.len() > 20 && must.iter().all(|kernel| seen.contains(kernel)));
}

#[test]
fn split_products_are_of_three_times_as_many_channels() {
    let heads = Request::heads(["rna_seq", "chip_tf", "contact_maps"]);
    let (plain, _) = stored(4, 4096, &[0], false, &heads);
    let split = split(&heads);
    let work = |steps: &Steps| {
        let (mut parts, mut others, mut made) = (0.0, 0.0, 0);
        for step in &steps.steps {
            match &step.work {
                Work::Product { product, b, .. } => match b {
                    Place::Fixed(weights) if matches!(weights.source, Source::Parts(..)) => {
                        assert!(product.bfloat16_operands && product.float32_result);
                        parts += product.operations();
                    }
                    _ => others += product.operations(),
                },
                Work::Convolution { convolution, w, .. } => {
                    let split = matches!(w.source, Source::Parts(..));
                    assert_eq!(convolution.bfloat16_operands, split);
                    match split {
                        true => parts += convolution.operations(),
                        false => others += convolution.operations(),
                    }
                }
                Work::Launch { kernel, .. } => made += usize::from(*kernel == "activation_parts"),
            }
        }
        (parts, others, made)
    };
    let ((none, all, unmade), (parts, others, made)) = (work(&plain), work(&split));
    assert_eq!((none, unmade), (0.0, 0));
    // What is left are products of two activations.
    assert!((parts / 3.0 + others - all).abs() < 1e-9 * all);
    assert!(others < 0.1 * all && others > 0.0, "{others} of {all}");
    // The heads of an embedding share its parts.
    let products = |steps: &Steps| {
        let product = |step: &&Step| matches!(step.work, Work::Product { .. });
        steps.steps.iter().filter(product).count()
    };
    assert!(made < products(&split) && products(&split) == products(&plain));
}

/// Both alleles of a substitution in the middle, looked at 500 bp around it.
fn in_parts(length: usize) -> Request {
    let config = Config::parse(FULL).unwrap();
    let (middle, margin) = (length / 2, Windows::margin(&config));
    let wanted = vec![vec![middle - 250..middle + 250]; 2];
    Request {
        windows: Some(Windows::new(length, wanted, margin, |blocks| blocks)),
        patch: Some(Patch::new(&config, length, middle..middle + 1, 0)),
        splice_site_positions: Some(SpliceSitePositions {
            count: 1,
            places: vec![middle as i32; 8],
        }),
        ..Request::everything()
    }
}

#[test]
fn products_find_all_of_their_rows() {
    let length = 131_072;
    // As many rows as an earlier stage of the decoder has positions, too.
    for rows in [512, length / 8, length / 4] {
        let windows = Windows::new(length, vec![vec![0..500]; 2], 0, |_| rows / BLOCK);
        let asked = Request {
            windows: Some(windows),
            ..in_parts(length)
        };
        let asked = Request {
            splice_site_positions: asked
                .splice_site_positions
                .map(|sites| SpliceSitePositions {
                    places: vec![-1; 8],
                    ..sites
                }),
            ..asked
        };
        let (steps, outputs) = request(length, &[0, 0], false, &asked);
        assert_eq!(outputs["embeddings_1bp"].shape, [2, rows, 1536]);
        for step in &steps.steps {
            if let Work::Product {
                product,
                a: Place::Tensor(Id(tensor), offset),
                ..
            } = &step.work
            {
                let all = (product.batch - 1) * product.stride[0];
                let values = all + (product.m - 1) * product.row[0] + product.k;
                let (bytes, needed) = (steps.tensors[*tensor].bytes, offset + 2 * values as u64);
                let module = &steps.modules[step.module];
                assert!(
                    bytes >= needed,
                    "{rows} rows, {module}: {bytes} bytes of {needed}"
                );
            }
        }
    }
}

#[test]
fn a_pass_in_parts_does_a_part_of_the_work() {
    let length = 131_072;
    let operations = |asked: &Request| {
        let (steps, outputs) = request(length, &[0, 0], false, asked);
        let mut of = std::collections::BTreeMap::new();
        for step in &steps.steps {
            let module = &steps.modules[step.module];
            let parts = ["encoder", "tower", "decoder", "resolution_1"];
            let named = |part: &&str| match *part {
                "resolution_1" => module.ends_with(part),
                part => module.contains(part),
            };
            let part = parts.into_iter().find(named);
            *of.entry(part.unwrap_or("else")).or_insert(0.0) += match &step.work {
                Work::Product { product, .. } => product.operations(),
                Work::Convolution { convolution, .. } => convolution.operations(),
                Work::Launch { operations, .. } => *operations,
            };
        }
        (of, outputs)
    };
    let ((whole, _), (parts, outputs)) = (
        operations(&Request::everything()),
        operations(&in_parts(length)),
    );
    let share = |part: &str| parts[part] / whole[part];
    // One whole encoder and two short ones, the decoder's stages down to 16 bp, and 44 blocks.
    assert!(
        (0.50..0.55).contains(&share("encoder")),
        "{}",
        share("encoder")
    );
    assert!(
        (0.05..0.20).contains(&share("decoder")),
        "{}",
        share("decoder")
    );
    assert!(share("resolution_1") < 0.01);
    assert_eq!(share("tower"), 1.0);
    assert_eq!(outputs["embeddings_1bp"].shape, [2, 44 * 16, 1536]);
    assert_eq!(outputs["embeddings_128bp"].shape, [2, 1024, 3072]);
}

#[test]
fn the_outputs_are_those_of_the_model() {
    let (_, outputs) = plan(4096, &[1], false);
    assert_eq!(outputs["embeddings_1bp"].shape, [1, 4096, 1536]);
    assert_eq!(outputs["rna_seq/predictions_128bp"].shape, [1, 32, 768]);
    assert_eq!(outputs["contact_maps/predictions"].shape, [1, 2, 2, 28]);
    assert_eq!(
        outputs["splice_sites_junction/predictions"].shape,
        [1, 512, 512, 734]
    );
}

#[test]
fn what_nobody_asks_for_is_not_computed() {
    let modules = |heads: &[&str]| {
        let (steps, outputs) = request(4096, &[0], false, &Request::heads(heads.iter().copied()));
        (steps.modules, outputs.into_keys().collect::<Vec<_>>())
    };
    let has = |modules: &[String], part: &str| modules.iter().any(|module| module.contains(part));
    let (steps, outputs) = modules(&["contact_maps"]);
    assert!(
        has(&steps, "output_pair") && !has(&steps, "decoder") && !has(&steps, "output_embedder")
    );
    assert_eq!(outputs, ["contact_maps/predictions"]);
    let (steps, outputs) = modules(&["chip_tf"]);
    assert!(!has(&steps, "output_pair") && !has(&steps, "decoder"));
    assert_eq!(outputs.len(), 2);
    let (steps, _) = modules(&["rna_seq"]);
    assert!(has(&steps, "decoder") && !has(&steps, "splice_sites"));
    // Junctions need the probabilities that their sites are chosen from.
    let (steps, outputs) = modules(&["splice_sites_junction"]);
    assert!(has(&steps, "head/resolution_1"));
    assert!(
        !outputs
            .iter()
            .any(|output| output.contains("classification"))
    );
}

#[test]
fn on_given_embeddings_heads_alone_run() {
    let zeros = |shape: Vec<usize>| Array {
        values: Values::F32(vec![0.0; shape.iter().product()]),
        shape,
    };
    let given = [
        (Embedding::OneBasePair, zeros(vec![1, 4096, 1536])),
        (Embedding::Bins, zeros(vec![1, 32, 3072])),
        (Embedding::Pair, zeros(vec![1, 2, 2, 128])),
    ];
    let whole = request(4096, &[0], false, &Request::everything());
    let all = Request {
        given: given.into(),
        ..Request::everything()
    };
    let (steps, outputs) = request(4096, &[0], false, &all);
    assert_eq!(outputs.len(), whole.1.len());
    assert!(
        steps
            .modules
            .iter()
            .all(|module| module.starts_with("head/"))
    );
    // They were written before the first step, and stay for the next pass.
    for tensor in &steps.tensors[..3] {
        assert_eq!((tensor.first, tensor.last), (0, steps.steps.len()));
    }
    let bytes = [2 * 2 * 128, 32 * 3072, 4096 * 1536].map(|values| 2 * values);
    let found = steps.tensors[..3].iter().map(|tensor| tensor.bytes);
    assert_eq!(found.collect::<Vec<_>>(), bytes);
}

#[test]
fn heads_on_one_embedding_are_one_product_where_all_are_wanted() {
    let products = |heads: &[&str]| {
        let (steps, outputs) = request(4096, &[0], false, &Request::heads(heads.iter().copied()));
        let ours = steps.steps.iter().filter(|step| {
            steps.modules[step.module] == "head/resolution_1"
                && matches!(step.work, Work::Product { .. })
        });
        let wide = ours.map(|step| match &step.work {
            Work::Product { product, .. } => product.n,
            _ => 0,
        });
        (wide.collect::<Vec<_>>(), outputs.len())
    };
    // 256 + 640 + 384 + 128 + 768 tracks, 5 classes and 734 usages, each from a multiple of eight on.
    let all = [
        "atac",
        "cage",
        "dnase",
        "procap",
        "rna_seq",
        "splice_sites_classification",
        "splice_sites_usage",
    ];
    assert_eq!(products(&all).0, [2920]);
    // Neighbours are joined: atac and cage are, rna_seq is not one of theirs.
    let (wide, outputs) = products(&["atac", "cage", "rna_seq"]);
    assert_eq!(
        wide.iter().collect::<BTreeSet<_>>(),
        BTreeSet::from([&896, &768])
    );
    assert_eq!(outputs, 12);
}

/// A plan as text: a line a step, with all that decides what is computed but where it lies.
fn listing(length: usize, organisms: &[usize], asked: &Request) -> String {
    let (steps, outputs) = request(length, organisms, false, asked);
    let mut text = String::new();
    for step in &steps.steps {
        let module = &steps.modules[step.module];
        let what = match &step.work {
            Work::Launch {
                kernel,
                grid,
                block,
                shared,
                arguments,
                ..
            } => {
                let numbers = arguments.iter().filter_map(|argument| match argument {
                    Argument::At(_) => None,
                    Argument::Long(value) => Some(value.to_string()),
                    Argument::Int(value) => Some(value.to_string()),
                    Argument::Float(value) => Some(value.to_string()),
                    Argument::Struct(fields) => Some(format!("struct {fields}")),
                });
                let numbers = numbers.collect::<Vec<_>>().join(", ");
                format!("{kernel}<{grid:?}, {block:?}, {shared}>({numbers})")
            }
            Work::Product { product, bias, .. } => format!("{product:?} bias {}", bias.is_some()),
            Work::Convolution {
                convolution,
                residual,
                ..
            } => {
                let residual = !matches!(residual, Place::Nowhere);
                format!("{convolution:?} residual {residual}")
            }
        };
        text += &format!("{module}: {what}\n");
    }
    for (name, output) in &outputs {
        text += &format!("{name} {:?}\n", output.shape);
    }
    text
}

/// The plans are those that were measured: every operation, its shapes and its kernel. `ALPHAGENOME_WRITE_PLANS=DIR` writes
/// them as text there, to be compared with those of another build, and their digests beside.
#[test]
fn the_plans_are_those_that_were_measured() {
    let mut found = String::new();
    let written = std::env::var_os("ALPHAGENOME_WRITE_PLANS").map(std::path::PathBuf::from);
    for length in [4096, 131_072] {
        for organisms in [&[0][..], &[0, 1]] {
            for (heads, asked) in [
                ("all", Request::everything()),
                ("rna_seq", Request::heads(["rna_seq"])),
            ] {
                let text = listing(length, organisms, &asked);
                let name = format!("{length}_{}_{heads}", organisms.len());
                let digest = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
                    (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
                });
                found += &format!("{name} {} lines {digest:016x}\n", text.lines().count());
                if let Some(dir) = &written {
                    std::fs::write(dir.join(format!("{name}.txt")), &text).unwrap();
                }
            }
        }
    }
    if let Some(dir) = &written {
        std::fs::write(dir.join("cuda_plans.txt"), &found).unwrap();
    }
    assert_eq!(found, include_str!("../../tests/data/cuda_plans.txt"));
}
