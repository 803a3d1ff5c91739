//! Where numbers round, read off the definitions of the operations and off the graph: the tables in `docs/bfloat16.md`.
//!
//! The plain definitions run on the recording backend, and what they ask of Burn is written as a formula.

use std::collections::BTreeMap;

use burn::tensor::{Slice, Tensor};
use burn_flex::FlexDevice;

use super::record::{Recorded, recorded};
use super::{Graph, Node, Operation, ValueId, describe};
use crate::attention::AttentionForm;
use crate::batch::Batch;
use crate::config::Config;
use crate::layers::{Affine, Convolution, LayerNorm, Linear, Rotation};
use crate::names::number_of;
use crate::operations::{Activation, Gelu, Operations, Source};
use crate::parts::Form;
use crate::plain;
use crate::precision::{Arithmetic, Roundings};
use crate::request::Request;
use crate::sequence::Sequence;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/bfloat16.md");
const FULL: &str = include_str!("../../tests/data/full_config.json");
/// Those of the page, the one that is shipped first.
const ARITHMETICS: [Arithmetic; 3] = [
    Arithmetic::XlaGpuBf16,
    Arithmetic::XlaGpuBf16Strict,
    Arithmetic::XlaCpuBf16,
];

fn named<const D: usize>(name: &'static str, shape: [usize; D]) -> Tensor<Recorded, D> {
    Recorded::floats(Source::Constant(name), shape, Vec::new, &FlexDevice)
}

/// A graph whose values are written as formulas.
struct Formulas<'a> {
    graph: &'a Graph,
    /// Values that are read more than once, by their letters.
    letters: BTreeMap<ValueId, String>,
    text: Vec<String>,
}

impl Formulas<'_> {
    /// What a value is; `free` where it may be a sum.
    fn of(&mut self, value: ValueId, free: bool) -> String {
        if let Some(letter) = self.letters.get(&value) {
            return letter.clone();
        }
        let node = self.graph.node(value);
        let readers = self.graph.readers(value);
        let laid_out = self.is_layout(node);
        let formula = self.node(node, free);
        let plain = formula
            .chars()
            .all(|c| c.is_alphanumeric() || "_.' ".contains(c));
        if readers.len() < 2 || laid_out || plain {
            return formula;
        }
        let letter = char::from(b'a' + self.letters.len() as u8).to_string();
        self.text.push(format!("{letter} = {formula}"));
        self.letters.insert(value, letter.clone());
        letter
    }

    fn is_layout(&self, node: &Node) -> bool {
        let foreign = |name: &str| ["Permute", "Expand", "RepeatDim", "Flip"].contains(&name);
        match &node.operation {
            Operation::Reshape | Operation::SwapDims(..) | Operation::Slice(_) => true,
            Operation::Cast(_) => false,
            Operation::Foreign(text) => foreign(name(text)),
            _ => false,
        }
    }

    fn node(&mut self, node: &Node, free: bool) -> String {
        let input = |formulas: &mut Self, which: usize, free| formulas.of(node.inputs[which], free);
        let closed = |formula: String| {
            if free {
                formula
            } else {
                format!("({formula})")
            }
        };
        match &node.operation {
            Operation::Source(Source::Constant(name), _) => (*name).to_owned(),
            Operation::Slice(ranges) => {
                let whole = input(self, 0, false);
                match one_of_a_few(ranges, &self.graph.values[node.inputs[0]].shape) {
                    Some(place) => format!("{whole}_{place}"),
                    None => whole,
                }
            }
            Operation::Cat(_) => {
                let parts = (0..node.inputs.len()).map(|which| input(self, which, true));
                let parts = parts.collect::<Vec<_>>();
                parts.join(", ")
            }
            // To bfloat16 and back.
            Operation::Cast(_) => {
                let inner = self.graph.node(node.inputs[0]).inputs[0];
                format!("r({})", self.of(inner, true))
            }
            Operation::Reshape | Operation::SwapDims(..) => input(self, 0, free),
            Operation::Foreign(text) => {
                let number = || number(text);
                match name(text) {
                    "Permute" | "Expand" => input(self, 0, free),
                    "Add" => closed(format!(
                        "{} + {}",
                        input(self, 0, true),
                        input(self, 1, true)
                    )),
                    "AddScalar" => closed(format!("{} + {}", input(self, 0, true), number())),
                    "Sub" => closed(format!(
                        "{} - {}",
                        input(self, 0, true),
                        input(self, 1, false)
                    )),
                    "Mul" => format!("{} {}", input(self, 0, false), input(self, 1, false)),
                    "MulScalar" => format!("{} {}", number(), input(self, 0, false)),
                    "Div" => format!("{} / {}", input(self, 0, false), input(self, 1, false)),
                    "DivScalar" => format!("{} / {}", input(self, 0, false), number()),
                    "Matmul" => format!("{} · {}", input(self, 0, false), input(self, 1, false)),
                    "Recip" => format!("1 / {}", input(self, 0, false)),
                    "Powi" | "PowiScalar" => format!("{}²", input(self, 0, false)),
                    "MeanDim" => format!("mean({})", input(self, 0, true)),
                    "SumDim" => format!("sum({})", input(self, 0, true)),
                    "MaxDim" => format!("max({})", input(self, 0, true)),
                    "Conv1d" => {
                        let parts = (0..node.inputs.len()).map(|which| input(self, which, true));
                        format!("conv({})", parts.collect::<Vec<_>>().join(", "))
                    }
                    function => {
                        format!("{}({})", function.to_lowercase(), input(self, 0, true))
                    }
                }
            }
            other => format!("{other:?}"),
        }
    }
}

/// Which of a few neighbours a slice takes.
fn one_of_a_few(ranges: &[Slice], shape: &[usize]) -> Option<isize> {
    let mut axes = ranges.iter().zip(shape);
    let found = axes.find(|(range, length)| **length > 1 && range.end == Some(range.start + 1));
    found.map(|(range, _)| range.start)
}

/// The name of an operation of Burn's, from how it is printed.
fn name(text: &str) -> &str {
    let head = text.find("OpIr").map_or(text, |end| &text[..end]);
    let head = head.rfind('(').map_or(head, |end| &head[..end]);
    let start = head.rfind(|c: char| !c.is_alphanumeric());
    start.map_or(head, |start| &head[start + 1..])
}

/// Its number.
fn number(text: &str) -> f32 {
    let number = text
        .split_once("rhs: Float(")
        .and_then(|(_, rest)| rest.split_once(')'));
    number
        .and_then(|(number, _)| number.parse().ok())
        .unwrap_or(f32::NAN)
}

fn formula<const D: usize>(f: impl FnOnce() -> Tensor<Recorded, D>) -> String {
    let (graph, result) = recorded(f);
    let mut formulas = Formulas {
        graph: &graph,
        letters: BTreeMap::new(),
        text: Vec::new(),
    };
    let last = formulas.of(super::read::float_value(&result), true);
    formulas.text.push(last);
    formulas.text.join("; ")
}

/// Every operation that rounds, by its name in the graph.
fn operations(r: Roundings) -> Vec<(&'static str, String)> {
    let x = || named("x", [1, 4, 4]);
    let wide = |name| named(name, [1, 2, 2, 4]);
    let affine = || Affine {
        scale: named("scale", [4]),
        offset: named("offset", [4]),
    };
    let linear = |bias: bool| Linear {
        weight: named("w", [4, 4]),
        bias: bias.then(|| named("bias", [4])),
    };
    let norm = |centred| LayerNorm {
        scale: named("scale", [4]),
        offset: named("offset", [4]),
        centred,
    };
    // Made anew for every formula, on its own tape.
    let convolution = || Convolution {
        weight: named("w", [5, 4, 4]),
        bias: named("bias", [4]),
    };
    let rotation = || Rotation {
        cosine: named("cos", [2, 2]),
        sine: named("sin", [2, 2]),
    };
    let same = Activation::Identity;
    vec![
        ("Add", formula(|| plain::add(x(), named("y", [1, 4, 4]), r))),
        ("Normalise", formula(|| plain::normalise(x(), &affine(), r))),
        (
            "Activate, sigmoid form",
            formula(|| plain::activate(x(), Gelu::Sigmoid, r)),
        ),
        (
            "Activate, tanh form",
            formula(|| plain::activate(x(), Gelu::Tanh, r)),
        ),
        (
            "LayerNormalise, centred",
            formula(|| plain::layer_normalise(x(), &norm(true), r)),
        ),
        (
            "LayerNormalise",
            formula(|| plain::layer_normalise(x(), &norm(false), r)),
        ),
        (
            "Project",
            formula(|| plain::project(x(), &linear(true), same, r)),
        ),
        (
            "Project, without a bias",
            formula(|| plain::project(x(), &linear(false), same, r)),
        ),
        (
            "Stem",
            formula(|| plain::convolution(x(), &convolution(), r)),
        ),
        (
            "ConvolutionBlock, after its norm and gelu",
            formula(|| {
                let y = plain::convolution(x(), &convolution(), r.unfinished());
                plain::add_channels(y, named("residual", [1, 4, 4]), r)
            }),
        ),
        ("MeanPool, of four", formula(|| plain::mean_pool(x(), 4, r))),
        (
            "UpsampleAdd",
            formula(|| plain::upsample_add(x(), named("scale", [1]), named("skip", [1, 8, 4]), r)),
        ),
        (
            "Rotate",
            formula(|| plain::rotate(wide("x"), &rotation(), r)),
        ),
        (
            "SequenceAttention",
            formula(|| {
                let (keys, values) = (named("k", [1, 2, 4]), named("v", [1, 2, 4]));
                plain::sequence_attention(
                    wide("q"),
                    keys,
                    values,
                    named("bias", [1, 2, 1, 1]),
                    5.0,
                    r,
                )
            }),
        ),
        (
            "RowAttention",
            formula(|| plain::row_attention(wide("q"), wide("k"), wide("v"), r)),
        ),
        (
            "PairProducts",
            formula(|| {
                let biases = [named("bias_q", [2, 4]), named("bias_k", [2, 4])];
                let [of_query, of_key] = biases;
                let positions = named("pos", [4, 2, 4]);
                plain::pair_products(wide("q"), wide("k"), of_query, of_key, positions, r)
            }),
        ),
        ("Symmetrise", formula(|| plain::symmetrise(wide("x"), r))),
        (
            "OutputEmbedding, before its gelu",
            formula(|| {
                let sum = plain::add(x(), named("skip", [1, 4, 4]), r);
                let normalised = plain::normalise(sum, &affine(), r);
                plain::add(normalised, named("organism", [1, 4, 4]), r)
            }),
        ),
    ]
}

/// The table of operations: as shipped, and what other arithmetics make of them where they differ.
fn operations_table() -> String {
    let [shipped, others @ ..] = ARITHMETICS.map(|arithmetic| operations(arithmetic.roundings()));
    let mut table = "| operation | as shipped | elsewhere |\n|---|---|---|\n".to_owned();
    for (index, (name, formula)) in shipped.iter().enumerate() {
        let others = ARITHMETICS[1..].iter().zip(&others);
        let differ = others.filter(|(_, other)| other[index].1 != *formula);
        let differ = differ.map(|(arithmetic, other)| format!("{arithmetic}: {}", other[index].1));
        let differ = differ.collect::<Vec<_>>().join("; ");
        table += &format!("| {name} | {formula} | {differ} |\n");
    }
    table
}

/// The table of modules: their operations in order, and which of them round otherwise than the rest.
fn modules_table() -> String {
    let (config, arithmetic) = (Config::parse(FULL).unwrap(), ARITHMETICS[0]);
    let batch = Batch::new(vec![Sequence::from_indices(&[0; 2048]).unwrap()], vec![0]).unwrap();
    let form = (Form::from(arithmetic), AttentionForm::default());
    let graph = describe(&config, None, form, &batch, &Request::everything()).unwrap();
    let whole = arithmetic.roundings();
    let mut modules: Vec<(&str, Vec<String>)> = Vec::new();
    for node in graph.nodes.iter().filter(|node| !node.path.is_empty()) {
        let how = match node.roundings {
            None => continue,
            Some(r) if r == whole => "",
            Some(r) if r == whole.unfinished() => " (last step unrounded)",
            Some(r) if r == whole.in_float32() => " (float32)",
            Some(_) => " (otherwise)",
        };
        let operation = format!("{:?}", node.operation);
        let operation = operation.split([' ', '(']).next().unwrap_or_default();
        let operation = format!("{operation}{how}");
        match modules.iter_mut().find(|(path, _)| *path == &*node.path) {
            Some((_, operations)) => operations.push(operation),
            None => modules.push((&node.path, vec![operation])),
        }
    }
    // Modules of one name that do the same share a row.
    let mut rows: Vec<(String, String)> = Vec::new();
    for (path, operations) in modules {
        let parts = path.split('/').skip(1).map(|part| number_of(part).0);
        let row = (parts.collect::<Vec<_>>().join("/"), operations.join(", "));
        if !rows.contains(&row) {
            rows.push(row);
        }
    }
    let mut table = "| module | operations that round |\n|---|---|\n".to_owned();
    for (family, operations) in rows {
        table += &format!("| `{family}` | {operations} |\n");
    }
    table
}

/// `ALPHAGENOME_WRITE_ROUNDINGS=FILE` writes the tables there.
#[test]
fn the_page_says_what_the_definitions_round() {
    let tables = [operations_table(), modules_table()];
    if let Some(path) = std::env::var_os("ALPHAGENOME_WRITE_ROUNDINGS") {
        std::fs::write(path, tables.join("\n")).unwrap();
    }
    let page = std::fs::read_to_string(PAGE).unwrap();
    for table in tables {
        assert!(page.contains(&table), "docs/bfloat16.md lacks\n{table}");
    }
}
