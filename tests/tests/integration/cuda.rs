//! The form for GPUs, on a GPU.

use std::env;
use std::path::Path;

use inference::kept::{Embeddings, Ran, Rearranged};
use inference::machine::Machine;
use libtest_mimic::{Completion, Failed, Trial};
use model::{Arithmetic, Array, Batch, Embedding, NoTaps, Request, Sequence, runs};
use tests::{fixtures, program};

use crate::gate::{CONVERT, PARITY, succeed};

/// A test that needs a GPU with CUDA's libraries.
pub fn gated(name: &'static str, test: fn() -> Result<(), Failed>) -> Trial {
    Trial::ignorable_test(name, move || {
        if env::var("ALPHAGENOME_CUDA").as_deref() != Ok("1") {
            return Ok(Completion::ignored_with("ALPHAGENOME_CUDA is not 1"));
        }
        test().map(|()| Completion::Completed)
    })
}

fn convert_tiny(out: &Path) -> Result<(), Failed> {
    let mut convert = program::command(CONVERT, &fixtures::repository(), ["--snapshot"]);
    convert
        .arg(fixtures::Form::Ocdbt.path())
        .arg("--metadata")
        .arg(fixtures::metadata())
        .arg("--out")
        .arg(out);
    succeed(convert)
}

/// Every output and every module of the tiny model, float32: the plan on the GPU gives what the Burn modules give on the CPU.
pub fn agrees_with_the_modules() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let at = |name: &str| folder.path().join(name);
    let root = fixtures::repository();
    convert_tiny(&at("model"))?;
    for device in ["cpu", "cuda"] {
        let arguments = ["record", "--device", device, "--arithmetic", "xla-gpu-f32"];
        let mut record = program::command(PARITY, &root, arguments);
        record
            .args(["--taps", "full", "--budget", "0", "--model"])
            .arg(at("model"))
            .arg("--like")
            .arg(fixtures::recording("tiny_cpu_f32"))
            .arg("--out")
            .arg(at(device));
        succeed(record)?;
    }
    // Operands of the attentions are rounded to bfloat16, so float32 noise tips some values over a rounding edge.
    let mut compare = program::command(PARITY, &root, ["compare"]);
    compare
        .arg(at("cpu"))
        .arg(at("cuda"))
        .args(["--level", "3"]);
    succeed(compare)?;
    Ok(())
}

/// The full model in bfloat16: the attention as one kernel gives what its definition gives, for one tile of keys and for many.
pub fn forms_of_attention_agree() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let root = fixtures::repository();
    let Some(snapshot) = env::var_os("ALPHAGENOME_MODEL_PATH") else {
        return Err(
            "ALPHAGENOME_MODEL_PATH is not set: it must name a snapshot of the full model".into(),
        );
    };
    let mut convert = program::command(CONVERT, &root, ["--snapshot"]);
    convert
        .arg(root.join(snapshot))
        .arg("--out")
        .arg(folder.path().join("model"));
    succeed(convert)?;
    // 16 keys, 48, one tile of 64, and two of them.
    let arguments = [
        "attention",
        "--device",
        "cuda",
        "--lengths",
        "2048,6144,8192,16384",
    ];
    let mut attention = program::command(PARITY, &root, arguments);
    attention.arg("--model").arg(folder.path().join("model"));
    succeed(attention)?;
    Ok(())
}

/// Heads on the embeddings of a pass give that pass's outputs bit for bit; on another's they give the other's.
pub fn heads_run_on_given_embeddings() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    convert_tiny(folder.path().join("model").as_path())?;
    for arithmetic in [Arithmetic::XlaGpuF32, Arithmetic::XlaGpuBf16] {
        let machine = Machine::load(&folder.path().join("model"), arithmetic, "cuda".parse()?)?;
        let batch = |text: &str| -> Result<Batch, Failed> {
            let sequence = Sequence::parse(&text.repeat(8192 / text.len()))?;
            Ok(Batch::new(vec![sequence; 2], vec![0, 1])?)
        };
        let run = |batch: &Batch, request: &Request| machine.run(batch, request, &mut NoTaps);
        let request = Request::everything();
        let (first, other) = (batch("ACGTTGCA")?, batch("GATTACAT")?);
        let [expected, others] = [run(&first, &request)?, run(&other, &request)?];
        for known in [&expected, &others] {
            let given = request.embeddings.iter();
            let given = given.map(|its| (*its, known[its.name()].clone()));
            let request = Request {
                given: given.collect(),
                ..request.clone()
            };
            // Whatever the sequence is.
            let found = run(&other, &request)?;
            assert_eq!(found.len(), known.len());
            for (name, array) in &found {
                assert!(bits(array) == bits(&known[name]), "{arithmetic:?}: {name}");
            }
        }
        assert!(bits(&expected["atac/predictions_1bp"]) != bits(&others["atac/predictions_1bp"]));
    }
    Ok(())
}

/// Embeddings that stay on the device and are put together there give what the host puts together, bit for bit; and rows of
/// outputs are those of the whole.
pub fn embeddings_stay_on_the_device() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    convert_tiny(folder.path().join("model").as_path())?;
    for arithmetic in [Arithmetic::XlaGpuF32, Arithmetic::XlaGpuBf16] {
        let machine = Machine::load(&folder.path().join("model"), arithmetic, "cuda".parse()?)?;
        machine.keep_passes(1);
        let sequence = |text: &str| Sequence::parse(&text.repeat(8192 / text.len()));
        let sequences = ["ACGTTGCA", "GATTACAT", "TTTTACGA"].map(sequence);
        let batch = Batch::new(sequences.into_iter().collect::<Result<_, _>>()?, vec![0; 3])?;
        let request = Request::everything();
        let whole = machine.run(&batch, &request, &mut NoTaps)?;
        let some = [3..5, 100..101, 8191..8192];
        let name = "atac/predictions_1bp";
        let wanted = [(name.to_owned(), Some(some.to_vec()))].into();
        let ran = machine.run_kept(&batch, &request, &wanted)?;
        assert_eq!(ran.outputs.len(), 1);
        let rows = whole[name].rows(&some).expect("they lie in it");
        assert_eq!(ran.outputs[name].shape, rows.shape);
        assert!(bits(&ran.outputs[name]) == bits(&rows), "{arithmetic:?}");

        // The second sequence, and the third with the first one's end, a base and a pair further on.
        let given = |which: Embedding| {
            let each = whole[which.name()].shape[1..]
                .iter()
                .rev()
                .skip(1)
                .product::<usize>();
            let end = (each / 2..each).map(|at| at - 1);
            Rearranged {
                rows: runs(
                    (each..2 * each)
                        .chain(2 * each..2 * each + each / 2)
                        .chain(end),
                ),
                replaced: match which {
                    Embedding::OneBasePair => vec![(7, vec![0.5; whole[which.name()].shape[2]])],
                    _ => Vec::new(),
                },
            }
        };
        let all = || {
            Embedding::ALL
                .into_iter()
                .map(|which| (which, given(which)))
                .collect()
        };
        let held = Embedding::ALL.map(|which| (which, whole[which.name()].clone()));
        let two = Batch::new(batch.sequences()[..2].to_vec(), vec![0; 2])?;
        let wanted = whole.keys().map(|name| (name.clone(), None)).collect();
        let request = Request {
            embeddings: Default::default(),
            ..request
        };
        // The device goes first: both use one planned pass, and the host's rows would lie there already.
        let device = machine.run_on(ran.embeddings, all(), &two, &request, &wanted)?;
        let first =
            |ran: &Ran| machine.rows_of(&ran.embeddings, Embedding::OneBasePair, &[7..8, 8..9]);
        let rows = first(&device)?;
        let host = machine.run_on(
            Embeddings::Host(held.into()),
            all(),
            &two,
            &request,
            &wanted,
        )?;
        assert!(host.outputs.len() > 20 && host.outputs.len() == device.outputs.len());
        for (name, array) in &host.outputs {
            assert!(
                bits(array) == bits(&device.outputs[name]),
                "{arithmetic:?}: {name}"
            );
        }
        assert!(rows == first(&host)? && rows[0] == 0.5 && rows[rows.len() / 2] != 0.5);
    }
    Ok(())
}

fn bits(array: &Array) -> Vec<u32> {
    let values = array.values.to_f32().into_iter();
    values.map(f32::to_bits).collect()
}
