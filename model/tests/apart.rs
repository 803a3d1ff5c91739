//! Trunk, embeddings and heads apart, and heads on embeddings that a request hands in.

mod support;

use std::collections::{BTreeMap, BTreeSet};

use burn::backend::Flex;
use model::{AlphaGenome, Array, Batch, Embedding, ForwardError, NoTaps, Request, Values};
use support::{Watch, sequence, small_model};

type Arrays = BTreeMap<String, Array>;

fn bits(array: &Array) -> Vec<u32> {
    let values = array.values.to_f32().into_iter();
    values.map(f32::to_bits).collect()
}

fn same(found: &Arrays, expected: &Arrays) {
    assert!(!found.is_empty());
    for (name, array) in found {
        assert_eq!(array.shape, expected[name].shape, "{name}");
        assert_eq!(bits(array), bits(&expected[name]), "{name}");
    }
}

/// What a pass gives, and the modules that ran.
fn watched(model: &AlphaGenome<Flex>, batch: &Batch, request: &Request) -> (Arrays, String) {
    let mut watch = Watch::new("nothing");
    let outputs = model.forward(batch, request, &mut watch).unwrap();
    let ran = watch.offered.into_inner();
    (
        outputs.into_arrays(),
        ran.into_iter().collect::<Vec<_>>().join(" "),
    )
}

fn batch() -> Batch {
    Batch::new(vec![sequence(4096, 7), sequence(4096, 8)], vec![1, 0]).unwrap()
}

#[test]
fn heads_on_given_embeddings_give_what_a_pass_gives_and_nothing_else_runs() {
    let ((_dir, model), batch) = (small_model(), batch());
    let whole = watched(&model, &batch, &Request::everything()).0;
    let given = |wanted: &[Embedding]| {
        let arrays = wanted.iter().map(|its| (*its, whole[its.name()].clone()));
        arrays.collect::<BTreeMap<_, _>>()
    };
    let all = Request {
        given: given(&Embedding::ALL),
        ..Request::everything()
    };
    let (outputs, ran) = watched(&model, &batch, &all);
    assert_eq!(outputs.len(), whole.len());
    same(&outputs, &whole);
    assert!(
        ran.contains("head/atac") && !ran.contains("sequence_encoder"),
        "{ran}"
    );
    same(&model.replay(&batch, &all, &mut NoTaps).unwrap(), &whole);
    // What is not given is computed, with what leads to it.
    let fine = Request {
        given: given(&[Embedding::OneBasePair]),
        ..Request::heads(["atac"])
    };
    let (outputs, ran) = watched(&model, &batch, &fine);
    same(&outputs, &whole);
    assert!(
        ran.contains("mha_block_2") && !ran.contains("sequence_decoder"),
        "{ran}"
    );
    let bins = Request {
        resolutions: BTreeSet::from([1]),
        given: given(&[Embedding::Bins]),
        ..Request::heads(["atac"])
    };
    let (outputs, ran) = watched(&model, &batch, &bins);
    same(&outputs, &whole);
    assert!(
        ran.contains("output_embedder_1") && !ran.contains("output_embedder "),
        "{ran}"
    );
    // Another embedding, another prediction.
    let mut other = all.clone();
    let turned = other.given.get_mut(&Embedding::Pair).unwrap();
    turned.values = Values::F32(turned.values.to_f32().into_iter().rev().collect());
    let (outputs, _) = watched(&model, &batch, &other);
    let name = "contact_maps/predictions";
    assert_ne!(bits(&outputs[name]), bits(&whole[name]));
}

#[test]
fn trunk_embeddings_and_heads_one_after_the_other_give_what_a_pass_gives() {
    let ((_dir, model), batch) = (small_model(), batch());
    let whole = watched(&model, &batch, &Request::everything()).0;
    let trunk = model.trunk(&batch, &mut NoTaps).unwrap();
    let embeddings = model.embed(&batch, trunk, &mut NoTaps).unwrap();
    let outputs = model.predict(&batch, embeddings, &Request::everything(), &mut NoTaps);
    let outputs = outputs.unwrap().into_arrays();
    assert_eq!(outputs.len(), whole.len());
    same(&outputs, &whole);
}

#[test]
fn embeddings_that_do_not_fit_are_refused() {
    let ((_dir, model), batch) = (small_model(), batch());
    let with = |array: Array| Request {
        given: BTreeMap::from([(Embedding::Bins, array)]),
        ..Request::everything()
    };
    let array = |shape: Vec<usize>, values| Array { shape, values };
    for (array, found) in [
        (
            array(vec![2, 31, 16], Values::F32(vec![0.0; 992])),
            "[2, 31, 16] with 992 values",
        ),
        (
            array(vec![2, 32, 16], Values::F32(vec![0.0; 3])),
            "[2, 32, 16] with 3 values",
        ),
        (
            array(vec![2, 32, 16], Values::I32(vec![0; 1024])),
            "no floats",
        ),
    ] {
        let error = model
            .forward(&batch, &with(array), &mut NoTaps)
            .unwrap_err();
        let error = error.to_string();
        assert!(
            error.contains("embeddings_128bp")
                && error.contains(found)
                && error.contains("[2, 32, 16]"),
            "{error}"
        );
    }
    let trunk = model.trunk(&batch, &mut NoTaps).unwrap();
    let mut embeddings = model.embed(&batch, trunk, &mut NoTaps).unwrap();
    let pair = embeddings.pair.take();
    let error = model.predict(
        &batch,
        embeddings.clone(),
        &Request::everything(),
        &mut NoTaps,
    );
    assert_eq!(
        error.unwrap_err(),
        ForwardError::NoEmbedding("embeddings_pair")
    );
    embeddings.pair = pair.map(|pair| pair.narrow(1, 0, 1));
    let error = model.predict(&batch, embeddings, &Request::everything(), &mut NoTaps);
    assert!(matches!(error.unwrap_err(), ForwardError::Embedding { .. }));
}
