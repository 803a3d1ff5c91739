//! Folders that are models in another form load to the same model, and those that are none are one clear error.

mod support;

use std::fs;
use std::path::Path;

use model::{Array, LoadError, Request};
use support::{
    CONFIG, TRACKS, Tensors, distance, load, run, sequence, tensors, write_model, write_tensors,
};

fn predictions(dir: &Path) -> std::collections::BTreeMap<String, Array> {
    run(
        &load(dir).unwrap(),
        &[(sequence(2048, 1), 0)],
        &Request::everything(),
    )
}

/// The largest distance of any output but the usage of splice sites, which float16 coarsens.
fn furthest(a: &Path, b: &Path) -> f64 {
    let (a, b) = (predictions(a), predictions(b));
    assert_eq!(a.keys().collect::<Vec<_>>(), b.keys().collect::<Vec<_>>());
    let fine = a
        .iter()
        .filter(|(name, _)| *name != "splice_sites_usage/predictions");
    let distances = fine.map(|(name, array)| {
        let distance = distance(&array.values.to_f32(), &b[name].values.to_f32());
        println!("{name} {distance:.1e}");
        distance
    });
    distances.fold(0.0, f64::max)
}

fn written(config: &str, tensors: &Tensors) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    write_model(dir.path(), config, Some(TRACKS), tensors);
    dir
}

#[test]
fn all_tensors_at_fault_are_in_one_error() {
    let mut given = tensors(CONFIG, 1);
    given
        .remove("transformer_tower/mha_block_1/q_layer/w")
        .unwrap();
    given.remove("head/atac/resolution_1/learnt_scale").unwrap();
    given.get_mut("output_embedder/linear/b").unwrap().0 = vec![1, 16];
    given.insert("optimizer/step".into(), (vec![1], vec![0.0]));
    let dir = written(CONFIG, &given);
    let error = load(dir.path()).unwrap_err();
    let LoadError::Tensors {
        missing,
        misshapen,
        extra,
        ..
    } = &error
    else {
        panic!("{error}")
    };
    let expected = [
        "transformer_tower/mha_block_1/q_layer/w [8, 8]",
        "head/atac/resolution_1/learnt_scale [2, 3]",
    ];
    assert_eq!(missing, &expected);
    assert_eq!(
        misshapen,
        &["output_embedder/linear/b is F32 [1, 16], expected F32 or BF16 [16]"]
    );
    assert_eq!(extra, &["optimizer/step"]);
    let message = error.to_string();
    assert!(
        message.contains("2 missing") && message.contains("1 not of this model: optimizer/step"),
        "{message}"
    );
}

#[test]
fn a_tensor_of_another_type_is_an_error() {
    let dir = written(CONFIG, &tensors(CONFIG, 1));
    let path = dir.path().join("model.safetensors");
    let bytes = fs::read(&path).unwrap();
    let text = String::from_utf8_lossy(&bytes[8..])
        .find(r#""dtype":"F32""#)
        .unwrap()
        + 8;
    let mut bytes = bytes;
    bytes[text..][..13].copy_from_slice(br#""dtype":"I32""#);
    fs::write(&path, bytes).unwrap();
    assert!(load(dir.path()).unwrap_err().to_string().contains("is I32"));
}

#[test]
fn folded_parameters_give_the_same_model() {
    let plain = tensors(CONFIG, 1);
    let reference = written(CONFIG, &plain);
    let mut folded = plain.clone();
    let norms: Vec<String> = plain
        .keys()
        .filter_map(|name| name.strip_suffix("/var_ema"))
        .map(Into::into)
        .collect();
    assert!(norms.len() > 30);
    for norm in norms {
        let (_, variance) = folded.remove(&format!("{norm}/var_ema")).unwrap();
        let (_, scale) = folded.get_mut(&format!("{norm}/scale")).unwrap();
        scale
            .iter_mut()
            .zip(variance)
            .for_each(|(scale, variance)| *scale /= (variance + 1e-5).sqrt());
    }
    let config = CONFIG.replace(r#""rms_batch_norm": false"#, r#""rms_batch_norm": true"#);
    let dir = written(&config, &folded);
    assert!(furthest(reference.path(), dir.path()) < 1e-5);

    let kernels: Vec<String> = plain
        .keys()
        .filter_map(|name| name.strip_suffix("standardized_conv1_d/scale"))
        .map(Into::into)
        .collect();
    assert!(kernels.len() > 20);
    for kernel in kernels {
        let (_, scale) = folded
            .remove(&format!("{kernel}standardized_conv1_d/scale"))
            .unwrap();
        let (shape, weight) = folded
            .get_mut(&format!("{kernel}standardized_conv1_d/w"))
            .unwrap();
        let outputs = shape[2];
        let fan_in = (shape[0] * shape[1]) as f64;
        for (output, scale) in scale.iter().enumerate() {
            let column = || (output..).step_by(outputs).take(fan_in as usize);
            let mean = column().map(|index| f64::from(weight[index])).sum::<f64>() / fan_in;
            let variance = column()
                .map(|index| (f64::from(weight[index]) - mean).powi(2))
                .sum::<f64>()
                / fan_in;
            let factor = f64::from(*scale) / (fan_in * variance).max(1e-4).sqrt();
            column().for_each(|index| {
                weight[index] = ((f64::from(weight[index]) - mean) * factor) as f32
            });
        }
    }
    let config = config.replace(
        r#""standardized_conv1d": false"#,
        r#""standardized_conv1d": true"#,
    );
    let dir = written(&config, &folded);
    assert!(furthest(reference.path(), dir.path()) < 1e-5);
}

#[test]
fn shards_with_an_index_load() {
    let all = tensors(CONFIG, 1);
    let reference = written(CONFIG, &all);
    let dir = written(CONFIG, &all);
    fs::remove_file(dir.path().join("model.safetensors")).unwrap();
    let mut shards = [Tensors::new(), Tensors::new()];
    let mut map = serde_json::Map::new();
    let names = [
        "model-00001-of-00002.safetensors",
        "model-00002-of-00002.safetensors",
    ];
    for (index, (name, tensor)) in all.into_iter().enumerate() {
        map.insert(name.clone(), names[index % 2].into());
        shards[index % 2].insert(name, tensor);
    }
    for (name, shard) in names.iter().zip(&shards) {
        write_tensors(&dir.path().join(name), shard);
    }
    let index = dir.path().join("model.safetensors.index.json");
    fs::write(
        &index,
        serde_json::json!({ "metadata": {}, "weight_map": map }).to_string(),
    )
    .unwrap();
    assert_eq!(furthest(reference.path(), dir.path()), 0.0);

    map.insert("optimizer/step".into(), names[0].into());
    fs::write(&index, serde_json::json!({ "weight_map": map }).to_string()).unwrap();
    assert!(
        load(dir.path())
            .unwrap_err()
            .to_string()
            .contains("lists `optimizer/step`, which none of its files holds")
    );
    map.insert("optimizer/step".into(), "../model.safetensors".into());
    fs::write(&index, serde_json::json!({ "weight_map": map }).to_string()).unwrap();
    assert!(
        load(dir.path())
            .unwrap_err()
            .to_string()
            .contains("no name of a file beside the index")
    );
    fs::write(&index, "{").unwrap();
    assert!(matches!(load(dir.path()), Err(LoadError::Weights { .. })));
    write_tensors(&dir.path().join(names[1]), &shards[0]);
    map.remove("optimizer/step");
    fs::write(&index, serde_json::json!({ "weight_map": map }).to_string()).unwrap();
    assert!(
        load(dir.path())
            .unwrap_err()
            .to_string()
            .contains("which another file holds too")
    );
}

#[test]
fn bfloat16_files_load() {
    let mut rounded = tensors(CONFIG, 1);
    for (_, values) in rounded.values_mut() {
        values
            .iter_mut()
            .for_each(|value| *value = half::bf16::from_f32(*value).to_f32());
    }
    let reference = written(CONFIG, &rounded);
    let dir = written(CONFIG, &rounded);
    let bytes: Vec<_> = rounded
        .iter()
        .map(|(name, (shape, values))| {
            let bytes = values
                .iter()
                .flat_map(|value| half::bf16::from_f32(*value).to_le_bytes());
            (name, shape, bytes.collect::<Vec<u8>>())
        })
        .collect();
    let views = bytes.iter().map(|(name, shape, bytes)| {
        let view =
            safetensors::tensor::TensorView::new(safetensors::Dtype::BF16, shape.to_vec(), bytes);
        (name.as_str(), view.unwrap())
    });
    safetensors::serialize_to_file(views, None, &dir.path().join("model.safetensors")).unwrap();
    assert_eq!(furthest(reference.path(), dir.path()), 0.0);
}

#[test]
fn without_metadata_there_are_no_experimental_units() {
    let dir = tempfile::tempdir().unwrap();
    write_model(dir.path(), CONFIG, None, &tensors(CONFIG, 1));
    let outputs = predictions(dir.path());
    assert!(outputs.contains_key("atac/scaled_predictions_1bp"));
    assert!(!outputs.keys().any(|name| name.contains("/predictions_")));
}

/// Undoes the soft clip of the training targets.
fn unclip(value: f32) -> f32 {
    if value > 10.0 {
        (value + 10.0).powi(2) / 40.0
    } else {
        value
    }
}

#[test]
fn means_scale_predictions_and_padding_is_nan() {
    let dir = written(CONFIG, &tensors(CONFIG, 1));
    let model = load(dir.path()).unwrap();
    let human = run(
        &model,
        &[(sequence(2048, 1), 0)],
        &Request::heads(["atac", "rna_seq"]),
    );
    let scaled = human["atac/scaled_predictions_128bp"].values.to_f32();
    let unscaled = human["atac/predictions_128bp"].values.to_f32();
    for (scaled, unscaled) in scaled.chunks(3).zip(unscaled.chunks(3)) {
        assert!((unscaled[0] / (unclip(scaled[0]) * 0.5 * 128.0) - 1.0).abs() < 1e-5);
        assert!((unscaled[1] / (unclip(scaled[1]) * 2.0 * 128.0) - 1.0).abs() < 1e-5);
        assert!(unscaled[2].is_nan());
    }
    let mouse = run(
        &model,
        &[(sequence(2048, 1), 1)],
        &Request::heads(["atac", "rna_seq"]),
    );
    let scaled = mouse["atac/scaled_predictions_1bp"].values.to_f32();
    let unscaled = mouse["atac/predictions_1bp"].values.to_f32();
    let expected: Vec<f32> = scaled.iter().map(|&value| unclip(value)).collect();
    assert!(
        distance(&expected, &unscaled) < 1e-6,
        "no track has a mean: all count as one"
    );
    let scaled = mouse["rna_seq/scaled_predictions_1bp"].values.to_f32();
    let unscaled = mouse["rna_seq/predictions_1bp"].values.to_f32();
    assert!((unscaled[0] / (unclip(scaled[0]).powf(1.0 / 0.75) * 3.0) - 1.0).abs() < 1e-5);
    assert!(unscaled[1].is_nan());
}

#[test]
fn a_folder_that_is_no_model_says_why() {
    let all = tensors(CONFIG, 1);
    let dir = written(CONFIG, &all);
    let message = || load(dir.path()).unwrap_err().to_string();
    let file = |name: &str| dir.path().join(name);
    fs::write(file("model.safetensors"), b"not safetensors").unwrap();
    assert!(message().contains("model.safetensors: "));
    fs::remove_file(file("model.safetensors")).unwrap();
    assert!(message().contains("holds neither model.safetensors nor model.safetensors.index.json"));
    fs::write(
        file("tracks.json"),
        TRACKS.replace(r#""CHIP_TF": [{}, {}]"#, r#""CHIP_TF": [{}]"#),
    )
    .unwrap();
    let tracks = message();
    assert!(
        tracks.contains("tracks.json")
            && tracks.contains("human has 1 tracks for CHIP_TF, head chip_tf has 2")
    );
    fs::write(
        file("tracks.json"),
        TRACKS.replace(r#""index": 1"#, r#""index": 0"#),
    )
    .unwrap();
    assert!(message().contains("organisms have the indices [0, 0]"));
    fs::write(file("tracks.json"), TRACKS.replace("ATAC", "DNASE")).unwrap();
    assert!(message().contains("human has nothing for ATAC"));
    fs::write(file("tracks.json"), "[]").unwrap();
    assert!(message().contains("tracks.json: not track metadata"));
    fs::write(file("config.json"), "{}").unwrap();
    assert!(message().contains("config.json: not a model configuration: missing field"));
    fs::remove_file(file("config.json")).unwrap();
    assert!(message().contains("has no config.json; name the folder that `convert` wrote"));
    fs::remove_dir_all(dir.path()).unwrap();
    assert!(message().contains("there is no such folder; name the folder that `convert` wrote"));
}

#[test]
fn a_file_that_was_cut_says_so() {
    let dir = written(CONFIG, &tensors(CONFIG, 1));
    let path = dir.path().join("model.safetensors");
    let whole = fs::read(&path).unwrap();
    let message = |length: usize| {
        fs::write(&path, &whole[..length]).unwrap();
        load(dir.path()).unwrap_err().to_string()
    };
    let length = whole.len();
    let cut = message(length - 1);
    let lengths = format!(
        "it has {} bytes, and its header says {length} or more",
        length - 1
    );
    assert!(cut.contains("model.safetensors: is cut off"), "{cut}");
    assert!(
        cut.contains(&lengths) && cut.contains("copy it again"),
        "{cut}"
    );
    let header = message(20);
    assert!(header.contains("is cut off: it has 20 bytes"), "{header}");
    let none = message(3);
    assert!(
        none.contains("is no whole safetensors file of 3 bytes"),
        "{none}"
    );
}
