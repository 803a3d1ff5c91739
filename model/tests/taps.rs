//! Taps see every module by Haiku's path, and change nothing.

mod support;

use model::{Batch, Request};
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
