//! Taps see every module by Haiku's path, and change nothing.

mod support;

use model::{Array, Batch, Request, Values};
use support::{Watch, distance, run, sequence, small_model};

#[test]
fn every_module_can_be_tapped_and_taps_change_nothing() {
    let (_dir, model) = small_model();
    let sequences = sequence(4096, 5);
    let batch = Batch::new(vec![sequences.clone()], vec![1]).unwrap();
    let mut watch = Watch::new("");
    let tapped = model
        .forward(&batch, &Request::everything(), &mut watch)
        .unwrap()
        .into_arrays();
    let plain = run(&model, &[(sequences, 1)], &Request::everything());
    for (name, array) in &plain {
        assert!(
            distance(&array.values.to_f32(), &tapped[name].values.to_f32()) <= 1e-6,
            "{name}"
        );
    }
    let tower = "alphagenome/transformer_tower";
    for (path, shape) in [
        (
            "alphagenome/sequence_encoder/dna_embedder",
            vec![1, 4096, 4],
        ),
        (
            "alphagenome/sequence_encoder/dna_embedder/conv_block",
            vec![1, 4096, 4],
        ),
        (
            "alphagenome/sequence_encoder/downres_block_0",
            vec![1, 2048, 4],
        ),
        (
            "alphagenome/sequence_encoder/downres_block_5/conv_block_1",
            vec![1, 64, 8],
        ),
        ("alphagenome/sequence_decoder/up_res_block", vec![1, 64, 8]),
        (
            "alphagenome/sequence_decoder/up_res_block_6",
            vec![1, 4096, 4],
        ),
        (
            "alphagenome/sequence_decoder/up_res_block_6/conv_in",
            vec![1, 2048, 4],
        ),
        (
            "alphagenome/sequence_decoder/up_res_block_1/pointwise_conv_unet_skip",
            vec![1, 128, 8],
        ),
        ("alphagenome/output_embedder", vec![1, 32, 16]),
        ("alphagenome/output_embedder_1", vec![1, 4096, 8]),
        ("alphagenome/output_pair", vec![1, 2, 2, 4]),
        (&format!("{tower}/pair_update_block"), vec![1, 2, 2, 4]),
        (
            &format!("{tower}/pair_update_block_1/sequence_to_pair_block"),
            vec![1, 2, 2, 4],
        ),
        (
            &format!("{tower}/pair_update_block_1/row_attention_block"),
            vec![1, 2, 2, 4],
        ),
        (
            &format!("{tower}/pair_update_block_1/pair_mlp_block"),
            vec![1, 2, 2, 4],
        ),
        (&format!("{tower}/attention_bias_block_2"), vec![1, 2, 2, 2]),
        (&format!("{tower}/mha_block"), vec![1, 32, 8]),
        (&format!("{tower}/mlp_block_2"), vec![1, 32, 8]),
    ] {
        let array = watch
            .taken
            .get(path)
            .unwrap_or_else(|| panic!("{path} was not handed out"));
        assert_eq!(array.shape, shape, "{path}");
    }
    assert!(
        !watch
            .taken
            .contains_key(&format!("{tower}/pair_update_block_2")),
        "the pair has two updates"
    );
}

#[test]
fn only_what_is_wanted_is_handed_out() {
    let (_dir, model) = small_model();
    let batch = Batch::new(vec![sequence(2048, 5)], vec![0]).unwrap();
    let mut watch = Watch::new("alphagenome/transformer_tower/mha_block_1");
    model
        .forward(&batch, &Request::everything(), &mut watch)
        .unwrap();
    assert_eq!(watch.taken.len(), 1);
}

#[test]
fn every_module_run_alone_gives_what_it_gave_in_the_pass() {
    let (_dir, model) = small_model();
    let batch = vec![sequence(4096, 5), sequence(4096, 6)];
    let batch = Batch::new(batch, vec![1, 0]).unwrap();
    let mut watch = Watch::new("");
    let outputs = model
        .forward(&batch, &Request::everything(), &mut watch)
        .unwrap();
    let mut known = watch.taken;
    known.extend(outputs.into_arrays());
    let stages = model.stages();
    assert_eq!(stages.len(), 44);
    let bits = |array: &Array| -> Vec<u32> {
        let values = array.values.to_f32().into_iter();
        values.map(f32::to_bits).collect()
    };
    for stage in &stages {
        let given = model.run_stage(&stage.path, &batch, &known).unwrap();
        assert_eq!(given.len(), stage.outputs.len());
        for (name, array) in given {
            assert_eq!(bits(&array), bits(&known[&name]), "{name}");
        }
        let read = model.stage_input(&stage.path, &batch, &known).unwrap();
        assert_eq!(read.is_none(), stage.inputs.is_empty(), "{}", stage.path);
        // Before it is pooled, and not what it gives.
        if let (Some(read), true) = (&read, stage.path.contains("downres_block")) {
            assert_eq!(read.shape[1], 2 * known[&stage.path].shape[1]);
        }
        if let Some(read) = read {
            // What it reads is given: what that was a sum of is not read, but for the first part by a skip connection.
            let mut spoilt = known.clone();
            for part in stage.sum.iter().skip(1) {
                let array = spoilt.get_mut(part).unwrap();
                array.values = Values::F32(vec![f32::NAN; array.values.len()]);
            }
            let given = model.run_stage_on(&stage.path, &batch, &spoilt, &read);
            let same = bits(&given.unwrap()[0].1) == bits(&known[&stage.outputs[0]]);
            assert!(same, "{} reads one of {:?}", stage.path, stage.sum);
        }
        let mut less = known.clone();
        if let Some(input) = stage.inputs.last() {
            less.remove(input);
            let error = model.run_stage(&stage.path, &batch, &less).unwrap_err();
            assert!(error.to_string().contains(input), "{error}");
        }
    }
}

#[test]
fn what_a_module_reads_and_gives_is_read_off_the_graph() {
    let (_dir, model) = small_model();
    let stages = model.stages();
    let stage = |path: &str| {
        let path = format!("alphagenome/{path}");
        stages.iter().find(|stage| stage.path == path).unwrap()
    };
    let long = |paths: &[&str]| -> Vec<String> {
        let paths = paths.iter().map(|path| format!("alphagenome/{path}"));
        paths.collect()
    };
    let trunk = [
        "sequence_encoder/downres_block_5",
        "embed",
        "transformer_tower/mha_block",
        "transformer_tower/mlp_block",
    ];
    let mha = stage("transformer_tower/mha_block_1");
    assert_eq!(mha.sum, long(&trunk));
    let bias = "transformer_tower/attention_bias_block_1";
    assert_eq!(mha.inputs, long(&[&trunk[..], &[bias]].concat()));
    let (first, second) = (
        "transformer_tower/pair_update_block",
        "transformer_tower/pair_update_block_1",
    );
    let parts = [
        "sequence_to_pair_block",
        "row_attention_block",
        "pair_mlp_block",
    ];
    let parts = parts.map(|part| format!("{second}/{part}"));
    let parts = [first, &parts[0], &parts[1], &parts[2]];
    assert_eq!(stage(second).inputs, long(&parts));
    assert_eq!(stage(parts[3]).inputs, long(&parts[..3]));
    let up = stage("sequence_decoder/up_res_block_1");
    let skip = "sequence_encoder/downres_block_4";
    assert_eq!(up.inputs, long(&["sequence_decoder/up_res_block", skip]));
    assert!(stage("sequence_encoder/dna_embedder").reads_sequence);
    let head = stage("head/atac/resolution_1");
    assert_eq!(head.inputs, long(&["output_embedder_1"]));
    assert_eq!(
        head.outputs,
        ["atac/scaled_predictions_1bp", "atac/predictions_1bp"]
    );
    let pair = stage("output_pair");
    assert_eq!(pair.outputs, ["alphagenome/output_pair", "embeddings_pair"]);
    let junctions = stage("head/splice_sites_junction");
    assert_eq!(junctions.inputs, long(&["output_embedder_1"]));
    assert_eq!(junctions.outputs, ["splice_sites_junction/predictions"]);
}
