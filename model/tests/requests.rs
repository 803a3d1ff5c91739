//! What is not asked for is not computed, and what cannot be computed is one clear error.

mod support;

use std::collections::BTreeSet;

use model::{Batch, Embedding, ForwardError, NoTaps, Request, SpliceSitePositions, Values};
use support::{Watch, distance, run, sequence, small_model};

fn names(arrays: &std::collections::BTreeMap<String, model::Array>) -> Vec<&str> {
    arrays.keys().map(String::as_str).collect()
}

#[test]
fn every_output_has_the_name_shape_and_type_of_jax() {
    let (_dir, model) = small_model();
    let outputs = run(&model, &[(sequence(4096, 1), 0)], &Request::everything());
    let shapes: Vec<(&str, &[usize])> = outputs
        .iter()
        .map(|(name, array)| (name.as_str(), &array.shape[..]))
        .collect();
    let expected: [(&str, &[usize]); 21] = [
        ("atac/predictions_128bp", &[1, 32, 3]),
        ("atac/predictions_1bp", &[1, 4096, 3]),
        ("atac/scaled_predictions_128bp", &[1, 32, 3]),
        ("atac/scaled_predictions_1bp", &[1, 4096, 3]),
        ("chip_tf/predictions_128bp", &[1, 32, 2]),
        ("chip_tf/scaled_predictions_128bp", &[1, 32, 2]),
        ("contact_maps/predictions", &[1, 2, 2, 2]),
        ("embeddings_128bp", &[1, 32, 16]),
        ("embeddings_1bp", &[1, 4096, 8]),
        ("embeddings_pair", &[1, 2, 2, 4]),
        ("rna_seq/predictions_128bp", &[1, 32, 2]),
        ("rna_seq/predictions_1bp", &[1, 4096, 2]),
        ("rna_seq/scaled_predictions_128bp", &[1, 32, 2]),
        ("rna_seq/scaled_predictions_1bp", &[1, 4096, 2]),
        ("splice_sites_classification/logits", &[1, 4096, 5]),
        ("splice_sites_classification/predictions", &[1, 4096, 5]),
        ("splice_sites_junction/predictions", &[1, 8, 8, 6]),
        ("splice_sites_junction/splice_junction_mask", &[1, 8, 8, 6]),
        ("splice_sites_junction/splice_site_positions", &[1, 4, 8]),
        ("splice_sites_usage/logits", &[1, 4096, 4]),
        ("splice_sites_usage/predictions", &[1, 4096, 4]),
    ];
    assert_eq!(shapes, expected);
    for (name, array) in &outputs {
        assert_eq!(
            array.values.len(),
            array.shape.iter().product::<usize>(),
            "{name}"
        );
        let right = match name.as_str() {
            "splice_sites_usage/predictions" => matches!(array.values, Values::F16(_)),
            "splice_sites_junction/splice_junction_mask" => matches!(array.values, Values::Bool(_)),
            "splice_sites_junction/splice_site_positions" => matches!(array.values, Values::I32(_)),
            _ => matches!(array.values, Values::F32(_)),
        };
        assert!(right, "{name} has another type");
    }
}

#[test]
fn without_one_base_pair_outputs_the_decoder_rests() {
    let (_dir, model) = small_model();
    let batch = Batch::new(vec![sequence(2048, 1)], vec![0]).unwrap();
    let ran = |request: &Request, part: &str| {
        let mut watch = Watch::new("nothing");
        let outputs = model
            .forward(&batch, request, &mut watch)
            .unwrap()
            .into_arrays();
        assert!(!outputs.is_empty());
        watch
            .offered
            .into_inner()
            .iter()
            .any(|path| path.contains(part))
    };
    let coarse = Request {
        resolutions: BTreeSet::from([128]),
        ..Request::heads(["atac", "splice_sites_usage"])
    };
    assert!(!ran(&coarse, "sequence_decoder"));
    assert!(ran(&coarse, "mha_block_2"));
    assert!(ran(&Request::heads(["atac"]), "sequence_decoder"));
    let pair = Request {
        embeddings: BTreeSet::from([Embedding::Pair]),
        ..Request::heads(["contact_maps"])
    };
    assert!(!ran(&pair, "sequence_decoder"));
    assert!(
        !ran(&pair, "mha_block_2"),
        "the last layer does not reach the pair"
    );
    assert!(!ran(&pair, "output_embedder"));
    assert!(ran(&Request::heads(["chip_tf"]), "mha_block_2"));
    assert!(!ran(&Request::heads(["chip_tf"]), "output_pair"));
}

#[test]
fn parts_equal_the_whole() {
    let (_dir, model) = small_model();
    let input = [(sequence(2048, 7), 1)];
    let whole = run(&model, &input, &Request::everything());
    let requests = [
        Request::heads(["atac"]),
        Request::heads(["contact_maps"]),
        Request::heads(["chip_tf", "splice_sites_junction"]),
        Request {
            resolutions: BTreeSet::from([128]),
            ..Request::everything()
        },
        Request {
            resolutions: BTreeSet::from([1]),
            ..Request::everything()
        },
        Request {
            embeddings: BTreeSet::from([Embedding::OneBasePair]),
            ..Request::heads([""; 0])
        },
    ];
    for request in &requests {
        let outputs = run(&model, &input, request);
        assert!(!outputs.is_empty());
        for (name, array) in &outputs {
            assert!(
                distance(&whole[name].values.to_f32(), &array.values.to_f32()) <= 1e-6,
                "{name} for {request:?}"
            );
        }
    }
    let junctions = run(&model, &input, &Request::heads(["splice_sites_junction"]));
    assert_eq!(
        names(&junctions).len(),
        3,
        "the classification it reads is not handed out"
    );
    let nothing = Request {
        resolutions: BTreeSet::new(),
        ..Request::heads(["atac"])
    };
    assert!(run(&model, &input, &nothing).is_empty());
}

#[test]
fn given_splice_sites_are_used_and_gaps_are_masked() {
    let (_dir, model) = small_model();
    let input = [(sequence(2048, 3), 1)];
    let places = vec![5, 900, 3, 1000, -1, 2047, 0, 1, 2, -1, -1, -1];
    let request = Request {
        splice_site_positions: Some(SpliceSitePositions {
            count: 3,
            places: places.clone(),
        }),
        ..Request::heads(["splice_sites_junction"])
    };
    let outputs = run(&model, &input, &request);
    assert_eq!(
        outputs["splice_sites_junction/splice_site_positions"].values,
        Values::I32(places)
    );
    let counts = outputs["splice_sites_junction/predictions"].values.to_f32();
    let mask = outputs["splice_sites_junction/splice_junction_mask"]
        .values
        .to_f32();
    assert_eq!(
        outputs["splice_sites_junction/predictions"].shape,
        [1, 3, 3, 6]
    );
    for donor in 0..3 {
        for acceptor in 0..3 {
            for track in 0..6 {
                let index = (donor * 3 + acceptor) * 6 + track;
                // The mouse has two of three tissues; acceptor 1 is missing; the negative strand has no acceptors.
                let there = track < 2 && acceptor != 1;
                assert_eq!(mask[index] == 1.0, there, "{donor} {acceptor} {track}");
                assert!(there || counts[index] == 0.0, "{donor} {acceptor} {track}");
            }
        }
    }
    assert!(counts.iter().filter(|&&count| count > 0.0).count() > 6);
    // A donor's counts do not depend on which other sites stand beside it.
    let alone = SpliceSitePositions {
        count: 1,
        places: vec![3, 2047, -1, -1],
    };
    let outputs = run(
        &model,
        &input,
        &Request {
            splice_site_positions: Some(alone),
            ..request
        },
    );
    let alone = outputs["splice_sites_junction/predictions"].values.to_f32();
    assert!(distance(&alone[..2], &counts[(2 * 3 + 2) * 6..][..2]) < 1e-6);
}

#[test]
fn the_model_chooses_its_best_splice_sites() {
    let (_dir, model) = small_model();
    let outputs = run(&model, &[(sequence(2048, 3), 0)], &Request::everything());
    let probabilities = outputs["splice_sites_classification/predictions"]
        .values
        .to_f32();
    let Values::I32(positions) = &outputs["splice_sites_junction/splice_site_positions"].values
    else {
        panic!()
    };
    for (kind, positions) in positions.chunks(8).enumerate() {
        let mut of_kind: Vec<f32> = probabilities.chunks(5).map(|row| row[kind]).collect();
        let chosen: Vec<usize> = positions
            .iter()
            .filter(|&&place| place >= 0)
            .map(|&place| place as usize)
            .collect();
        assert!(chosen.is_sorted());
        let least = chosen
            .iter()
            .map(|&place| of_kind[place])
            .fold(f32::INFINITY, f32::min);
        of_kind.sort_by(|a, b| b.total_cmp(a));
        let above = of_kind[..8].iter().filter(|&&value| value >= 0.1).count();
        assert_eq!(chosen.len(), above);
        assert!(above == 0 || least == of_kind[above - 1]);
    }
}

#[test]
fn what_does_not_fit_the_model_is_an_error() {
    let (_dir, model) = small_model();
    let fault = |request: Request, organism: usize| {
        let batch = Batch::new(vec![sequence(2048, 1)], vec![organism]).unwrap();
        model.forward(&batch, &request, &mut NoTaps).unwrap_err()
    };
    let error = fault(Request::everything(), 2);
    assert!(matches!(
        error,
        ForwardError::Organism {
            sequence: 0,
            organism: 2,
            ..
        }
    ));
    assert!(error.to_string().contains("human"));
    let error = fault(Request::heads(["dnase"]), 0);
    assert!(
        error
            .to_string()
            .contains("no head `dnase`: it has atac, chip_tf")
    );
    let error = fault(
        Request {
            resolutions: BTreeSet::from([32]),
            ..Request::everything()
        },
        0,
    );
    assert_eq!(error, ForwardError::Resolution(32));
    let positions = |count, places: Vec<i32>| Request {
        splice_site_positions: Some(SpliceSitePositions { count, places }),
        ..Request::everything()
    };
    assert!(
        fault(positions(2, vec![0; 7]), 0)
            .to_string()
            .contains("7 places were given, expected [1, 4, 2]")
    );
    assert!(
        fault(positions(0, vec![]), 0)
            .to_string()
            .contains("at least one")
    );
    assert!(
        fault(positions(usize::MAX, vec![]), 0)
            .to_string()
            .contains("0 places")
    );
    for wrong in [2048, -2, i32::MIN] {
        let error = fault(positions(2, vec![0, 0, -1, wrong, 0, 0, 0, 0]), 0).to_string();
        let said = format!("place 1 of kind 1 in sequence 0 is {wrong}, expected -1 (none) or");
        assert!(error.contains(&said), "{error}");
    }
}
