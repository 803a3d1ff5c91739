//! The form for GPUs, on a GPU.

use std::env;
use std::path::Path;

use inference::kept::{Embeddings, Ran, Rearranged, Wanted};
use inference::machine::Machine;
use inference::predictor::Predictor;
use libtest_mimic::{Completion, Failed, Trial};
use model::{
    Arithmetic, Array, Batch, Embedding, NoTaps, Patch, Request, Sequence, SpliceSitePositions,
    Values, Windows, runs,
};
use parity::scores::Recorded;
use scorers::{Organism, ScoredBy, Scorer};
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

fn convert_full(out: &Path) -> Result<(), Failed> {
    let root = fixtures::repository();
    let Some(snapshot) = env::var_os("ALPHAGENOME_MODEL_PATH") else {
        return Err(
            "ALPHAGENOME_MODEL_PATH is not set: it must name a snapshot of the full model".into(),
        );
    };
    let mut convert = program::command(CONVERT, &root, ["--snapshot"]);
    convert.arg(root.join(snapshot)).arg("--out").arg(out);
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
    convert_full(&folder.path().join("model"))?;
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
        let wanted = Wanted::from(whole.keys().map(|name| (name.clone(), None)));
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

/// Products that are three of bfloat16 are much nearer to float32 than those of TF32, in every output.
pub fn split_products_are_nearly_float32() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    convert_tiny(folder.path().join("model").as_path())?;
    let sequence = Sequence::parse(&"GATTACATTTTACGACGTTGCAACC".repeat(164)[..4096])?;
    let batch = Batch::new(vec![sequence; 2], vec![0, 1])?;
    // Sites that the model chooses may be others.
    let sites = SpliceSitePositions {
        count: 2,
        places: [100, 3000].repeat(8),
    };
    let request = Request {
        splice_site_positions: Some(sites),
        ..Request::everything()
    };
    let run = |arithmetic| -> Result<_, Failed> {
        let machine = Machine::load(&folder.path().join("model"), arithmetic, "cuda".parse()?)?;
        Ok(machine.run(&batch, &request, &mut NoTaps)?)
    };
    let float32 = run(Arithmetic::XlaGpuF32)?;
    let [split, tf32] = [run(Arithmetic::SplitF32)?, run(Arithmetic::XlaGpuTf32)?];
    assert!(split.len() > 20 && split.len() == float32.len());
    for (name, exact) in &float32 {
        if !matches!(exact.values, Values::F32(_)) {
            continue;
        }
        let [near, far] = [&split, &tf32].map(|other| distance(&other[name], exact));
        assert!(near > 0.0, "{name}: not split");
        // Attentions round their operands to bfloat16, and what tips over an edge there is not small.
        assert!(
            near < 5e-4 && near < 0.5 * far,
            "{name}: {near:e}, TF32 {far:e}"
        );
    }
    Ok(())
}

/// The full model: what two sequences have in common cancels, bit for bit, wherever they stand in a batch.
pub fn equal_sequences_give_equal_values() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let model = folder.path().join("model");
    convert_full(&model)?;
    let sequence = Sequence::parse(&"GATTACATTTTACGACGTTGCAACCGCG".repeat(586)[..16384])?;
    let batch = Batch::new(vec![sequence; 2], vec![0; 2])?;
    for arithmetic in [
        Arithmetic::XlaGpuBf16,
        Arithmetic::XlaGpuTf32,
        Arithmetic::SplitF32,
    ] {
        let machine = Machine::load(&model, arithmetic, "cuda".parse()?)?;
        let outputs = machine.run(&batch, &Request::everything(), &mut NoTaps)?;
        assert!(outputs.len() >= 20, "{}", outputs.len());
        for (name, array) in &outputs {
            let values = bits(array);
            let (first, second) = values.split_at(values.len() / 2);
            assert!(first == second, "{arithmetic:?}: {name}");
        }
    }
    Ok(())
}

/// The relative L2 distance of an array to the one that is right, where either is finite.
fn distance(own: &Array, known: &Array) -> f64 {
    let pairs = own.values.to_f32().into_iter().zip(known.values.to_f32());
    let [mut distance, mut size] = [0.0f64; 2];
    for (own, known) in pairs.filter(|(own, known)| own.is_finite() || known.is_finite()) {
        distance += f64::from(own - known).powi(2);
        size += f64::from(known).powi(2);
    }
    (distance / size.max(1e-30)).sqrt()
}

/// Windows and a patch give the rows of the whole pass, also after a pass elsewhere, and the same bits each time.
pub fn parts_are_those_of_the_whole() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    convert_tiny(folder.path().join("model").as_path())?;
    let length = 8192;
    let text: String = "GATTACATTTTACGACGTTGCAACC".repeat(length / 25 + 1)[..length].into();
    for (arithmetic, bound) in [
        // Operands of attentions are rounded to bfloat16, so other sums tip some over an edge.
        (Arithmetic::XlaGpuF32, 1e-3),
        (Arithmetic::SplitF32, 1e-3),
        (Arithmetic::XlaGpuTf32, 4e-3),
        (Arithmetic::XlaGpuBf16, 3e-2),
    ] {
        let machine = Machine::load(&folder.path().join("model"), arithmetic, "cuda".parse()?)?;
        machine.keep_passes(1);
        let (config, _) = machine.describe();
        let mut seen: Vec<(usize, Vec<u32>)> = Vec::new();
        // In the middle, at both ends, and in the middle again.
        for at in [4000, 3, length - 2, 4000] {
            let mut other = text.clone().into_bytes();
            other[at] = if other[at] == b'A' { b'C' } else { b'A' };
            let sequences = [text.as_bytes(), &other].map(|bases| std::str::from_utf8(bases));
            let sequences = sequences.map(|bases| Sequence::parse(bases.unwrap_or("")));
            let sequences = sequences.into_iter().collect::<Result<Vec<_>, _>>()?;
            let batch = Batch::new(sequences, vec![0; 2])?;
            let wanted = at.saturating_sub(100)..(at + 101).min(length);
            let sites = SpliceSitePositions {
                count: 2,
                places: [wanted.start, wanted.end - 1]
                    .repeat(8)
                    .into_iter()
                    .map(|at| at as i32)
                    .collect(),
            };
            let whole = Request {
                splice_site_positions: Some(sites.clone()),
                ..Request::everything()
            };
            let windows = Windows::new(
                length,
                vec![vec![wanted.clone()]; 2],
                Windows::margin(&config),
                |_| 32,
            );
            let parts = Request {
                patch: Some(Patch::new(&config, length, at..at + 1, 4096)),
                windows: Some(windows.clone()),
                ..whole.clone()
            };
            let [whole, parts] = [
                machine.run(&batch, &whole, &mut NoTaps)?,
                machine.run(&batch, &parts, &mut NoTaps)?,
            ];
            assert_eq!(whole.len(), parts.len());
            let mut all = Vec::new();
            for (name, array) in &whole {
                let own = &parts[name];
                let (own, array) = match own.shape == array.shape {
                    true => (own.clone(), array.clone()),
                    false => {
                        let rows = windows
                            .rows_of(0, std::slice::from_ref(&wanted))
                            .ok_or("rows")?;
                        let of = |array: &Array, rows| array.rows(rows).ok_or("rows");
                        (of(own, &rows)?, of(array, std::slice::from_ref(&wanted))?)
                    }
                };
                let distance = distance(&own, &array);
                assert!(
                    distance < bound,
                    "{arithmetic:?} at {at}: {name} is {distance:e} away"
                );
                all.extend(bits(&own));
            }
            match seen.iter().find(|(place, _)| *place == at) {
                Some((_, known)) => assert!(
                    *known == all,
                    "{arithmetic:?}: other bits after another pass"
                ),
                None => seen.push((at, all)),
            }
        }
    }
    Ok(())
}

/// Scores from sums and junctions that the device made are those that the host makes of the same pass's rows.
pub fn scores_are_made_on_the_device() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    convert_tiny(folder.path().join("model").as_path())?;
    let recorded = Recorded::open(&fixtures::root().join("scores"), None, "f32")?;
    for arithmetic in [Arithmetic::XlaGpuTf32, Arithmetic::XlaGpuBf16] {
        let model = folder.path().join("model");
        let predictor = Predictor::open(&model, arithmetic, "cuda".parse()?, Organism::Human)?;
        let scoring = parity::scores::run::open(&recorded, predictor, true)?;
        let setting = parity::scores::run::setting(&scoring, Organism::Human)?;
        let (mut compared, mut kinds) = (0, [false; 3]);
        let human = recorded.cases.iter();
        let human = human.filter(|case| case.organism == Organism::Human);
        for case in human {
            let (interval, variant) = (&case.interval, &case.variant);
            if interval.negative_strand() {
                continue;
            }
            let Ok(own) = scoring.score(interval, variant) else {
                continue;
            };
            kinds[0] |= variant.is_insertion();
            kinds[1] |= variant.is_deletion();
            kinds[2] |= own.iter().any(|scores| {
                matches!(
                    scores.by,
                    ScoredBy::Variant {
                        scorer: Scorer::SpliceJunction,
                        ..
                    }
                ) && !scores.rows.is_empty()
            });
            let plans = scoring.scorers.iter();
            let plans = plans.map(|scorer| scorer.prepare(interval, variant, &setting));
            let plans = plans.collect::<Result<Vec<_>, _>>()?;
            let [reference, alternate] =
                scoring.predict_read(interval, variant, setting.annotation, &plans)?;
            for (plan, own) in plans.iter().zip(own) {
                let tracks = scoring.predictor.tracks(plan.scorer().output());
                let known = plan.score(&reference, &alternate, tracks.ok_or("tracks")?)?;
                let named = format!("{arithmetic:?} {} {}", case.name, plan.scorer());
                assert_eq!(known.rows, own.rows, "{named}");
                assert_eq!(known.values.len(), own.values.len(), "{named}");
                for (known, own) in known.values.iter().zip(&own.values) {
                    let near = (known - own).abs() <= 1e-6 * known.abs().max(1e-6);
                    assert!(
                        near || known.to_bits() == own.to_bits() || known.is_nan() && own.is_nan(),
                        "{named}: {known:e} {own:e}"
                    );
                    compared += 1;
                }
            }
        }
        assert!(
            compared > 10_000 && kinds == [true; 3],
            "{compared} {kinds:?}"
        );
    }
    Ok(())
}

fn bits(array: &Array) -> Vec<u32> {
    let values = array.values.to_f32().into_iter();
    values.map(f32::to_bits).collect()
}
