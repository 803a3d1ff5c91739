//! Passes that run where they are wanted, or where sequences differ, give the bits of whole passes.
#![allow(clippy::single_range_in_vec_init)] // A list of runs may have one.

mod support;

use std::collections::BTreeMap;
use std::ops::Range;

use burn::backend::Flex;
use model::regions::BLOCK;
use model::{
    AlphaGenome, Arithmetic, Array, Batch, Embedding, ForwardError, NoTaps, Patch, Request,
    Sequence, SpliceSitePositions, Windows,
};
use support::{CONFIG, TRACKS, Watch, sequence, tensors, write_model};

const LENGTH: usize = 4096;
/// Outputs with a row a base.
const FINE: [&str; 9] = [
    "atac/predictions_1bp",
    "atac/scaled_predictions_1bp",
    "embeddings_1bp",
    "rna_seq/predictions_1bp",
    "rna_seq/scaled_predictions_1bp",
    "splice_sites_classification/logits",
    "splice_sites_classification/predictions",
    "splice_sites_usage/logits",
    "splice_sites_usage/predictions",
];

type Arrays = BTreeMap<String, Array>;

/// The small model in every arithmetic.
fn each_arithmetic(f: impl Fn(&AlphaGenome<Flex>)) {
    let dir = tempfile::tempdir().unwrap();
    write_model(dir.path(), CONFIG, Some(TRACKS), &tensors(CONFIG, 1));
    for arithmetic in Arithmetic::ALL {
        let model = AlphaGenome::load(dir.path(), &Default::default(), arithmetic).unwrap();
        f(&model);
    }
}

/// Two sequences, the second of which has other bases in `differ`.
fn alleles(differ: Range<usize>, organisms: [usize; 2]) -> Batch {
    let first = sequence(LENGTH, 3);
    let mut bases = first.indices().to_vec();
    for base in &mut bases[differ] {
        *base = (*base + 1) % 4;
    }
    let second = Sequence::from_indices(&bases).unwrap();
    Batch::new(vec![first, second], organisms.to_vec()).unwrap()
}

fn forward(model: &AlphaGenome<Flex>, batch: &Batch, request: &Request) -> Arrays {
    let outputs = model.forward(batch, request, &mut NoTaps);
    outputs.unwrap().into_arrays()
}

/// Everything, with some of the bases that are wanted as splice sites.
fn everything(wanted: &[Vec<Range<usize>>]) -> Request {
    let places = wanted.iter().flat_map(|runs| {
        let mut bases = runs.iter().cloned().flatten().map(|base| base as i32);
        let of_kind = move |kind| match kind {
            3 => [-1; 2],
            _ => std::array::from_fn(|_| bases.next().unwrap_or(-1)),
        };
        (0..4).flat_map(of_kind).collect::<Vec<_>>()
    });
    Request {
        splice_site_positions: Some(SpliceSitePositions {
            count: 2,
            places: places.collect(),
        }),
        ..Request::everything()
    }
}

/// Holds what windows gave to the whole.
fn assert_same(windows: &Windows, wanted: &[Vec<Range<usize>>], found: &Arrays, whole: &Arrays) {
    assert_eq!(found.len(), whole.len());
    for (name, array) in whole {
        let part = &found[name];
        if !FINE.contains(&name.as_str()) {
            assert!(bits(part) == bits(array), "{name}");
            continue;
        }
        let [batch, length, channels] = array.shape[..] else {
            panic!("{name} has three axes")
        };
        assert_eq!(part.shape, [batch, windows.rows(), channels], "{name}");
        let (part, array) = (bits(part), bits(array));
        let row = |of: &[u32], row: usize| of[row * channels..][..channels].to_vec();
        for (sequence, runs) in wanted.iter().enumerate() {
            for base in runs.iter().cloned().flatten() {
                let at = sequence * windows.rows() + windows.row(sequence, base).unwrap();
                let expected = row(&array, sequence * length + base);
                assert_eq!(row(&part, at), expected, "{name}: {sequence}, {base}");
            }
        }
    }
}

/// NaN, which a track without a mean has, is equal to itself here.
fn bits(array: &Array) -> Vec<u32> {
    let values = array.values.to_f32().into_iter();
    values.map(f32::to_bits).collect()
}

fn assert_equal(found: &Arrays, whole: &Arrays, what: &str) {
    assert_eq!(found.len(), whole.len());
    for (name, array) in whole {
        assert_eq!(found[name].shape, array.shape, "{name}");
        assert!(bits(&found[name]) == bits(array), "{name} of {what}");
    }
}

/// Of each of two sequences, what is wanted.
fn cases() -> Vec<[Vec<Range<usize>>; 2]> {
    let both = |runs: Vec<Range<usize>>| [runs.clone(), runs];
    vec![
        both(vec![0..1, 4095..4096]),
        both(vec![0..40, 4000..4096]),
        // What lies around the runs overlaps, or meets.
        both(vec![1000..1016, 1016..1020, 1100..1101, 1400..1410]),
        // The end of a run's margin is the end of a block.
        both(vec![2057..2058]),
        both(vec![2038..2039]),
        both(vec![0..LENGTH]),
        // Other blocks, and more of them.
        [vec![100..101], vec![3000..3400, 4090..4096]],
        [vec![], vec![2000..2100]],
    ]
}

#[test]
fn windows_give_the_bits_of_the_whole() {
    each_arithmetic(|model| {
        let batch = alleles(1500..1600, [0, 1]);
        for wanted in cases() {
            let request = everything(&wanted);
            let whole = forward(model, &batch, &request);
            let margin = Windows::margin(model.config());
            for more in [0, 3] {
                let windows = Windows::new(LENGTH, wanted.to_vec(), margin, |count| count + more);
                let request = Request {
                    windows: Some(windows.clone()),
                    ..request.clone()
                };
                assert_same(&windows, &wanted, &forward(model, &batch, &request), &whole);
                let mut replayed = model.replay(&batch, &request, &mut NoTaps).unwrap();
                assert_same(&windows, &wanted, &replayed, &whole);
                // Heads on these rows need nothing around them.
                let given = replayed.remove("embeddings_1bp").unwrap();
                let heads = Request {
                    resolutions: [1].into(),
                    given: [(Embedding::OneBasePair, given)].into(),
                    embeddings: Default::default(),
                    heads: Some(["atac", "splice_sites_junction"].map(String::from).into()),
                    ..request
                };
                let mut whole = whole.clone();
                whole.retain(|name, _| {
                    name.starts_with("atac") && name.ends_with("_1bp") || name.contains("junction")
                });
                assert_same(&windows, &wanted, &forward(model, &batch, &heads), &whole);
            }
        }
    });
}

/// The margin is as wide as it must be: with one base pair less a block is missing here.
#[test]
fn a_narrower_margin_is_seen() {
    let (_dir, model) = support::small_model();
    let batch = alleles(0..0, [0, 0]);
    let request = Request::embeddings([Embedding::OneBasePair]);
    let whole = forward(&model, &batch, &request);
    for base in [2057, 2038] {
        let found = |margin: usize| {
            let windows =
                Windows::new(LENGTH, vec![vec![base..base + 1]; 2], margin, |count| count);
            let row = windows.row(0, base).unwrap();
            let request = Request {
                windows: Some(windows),
                ..request.clone()
            };
            let found = forward(&model, &batch, &request);
            bits(&found["embeddings_1bp"])[row * 8..][..8].to_vec()
        };
        let margin = Windows::margin(model.config());
        let whole = &bits(&whole["embeddings_1bp"])[base * 8..][..8];
        assert_eq!(found(margin), whole, "base {base}");
        assert_ne!(found(margin - 1), whole, "base {base}");
    }
}

#[test]
fn a_patch_gives_the_bits_of_the_whole() {
    each_arithmetic(|model| {
        let runs = [
            0..1,
            0..50,
            1000..1001,
            1279..1281,
            2047..2048,
            3000..3050,
            4095..4096,
        ];
        for (index, differ) in runs.into_iter().enumerate() {
            let batch = alleles(differ.clone(), [0, index % 2]);
            let wanted = [vec![500..600], vec![differ.clone(), 1200..1201]];
            let request = everything(&wanted);
            let whole = forward(model, &batch, &request);
            for width in [0, 3000] {
                let patch = Patch::between(model.config(), &batch, width).unwrap();
                assert!(patch.window.len() < LENGTH, "{patch:?}");
                let patched = Request {
                    patch: Some(patch),
                    ..request.clone()
                };
                let found = forward(model, &batch, &patched);
                assert_equal(&found, &whole, &format!("{differ:?}, {width}"));
                let replayed = model.replay(&batch, &patched, &mut NoTaps).unwrap();
                assert_equal(&replayed, &whole, &format!("{differ:?}, {width}, replayed"));
                let margin = Windows::margin(model.config());
                let windows = Windows::new(LENGTH, wanted.to_vec(), margin, |count| count);
                let both = Request {
                    windows: Some(windows.clone()),
                    ..patched
                };
                assert_same(&windows, &wanted, &forward(model, &batch, &both), &whole);
                let replayed = model.replay(&batch, &both, &mut NoTaps).unwrap();
                assert_same(&windows, &wanted, &replayed, &whole);
            }
        }
    });
}

/// What a substitution changes must lie within, and what that sees too.
#[test]
fn a_narrower_patch_is_refused() {
    let (_dir, model) = support::small_model();
    let batch = alleles(2048..2049, [0, 0]);
    let least = Patch::between(model.config(), &batch, 0).unwrap();
    let (window, changed) = (least.window.clone(), least.changed.clone());
    let run = |window, changed| {
        let request = Request {
            patch: Some(Patch { window, changed }),
            ..Request::embeddings([Embedding::Bins])
        };
        let outputs = model.forward(&batch, &request, &mut NoTaps);
        outputs.map(|_| ())
    };
    assert_eq!(run(window.clone(), changed.clone()), Ok(()));
    let narrower = [
        (window.clone(), changed.start + 128..changed.end),
        (window.clone(), changed.start..changed.end - 128),
        (window.start + 128..window.end, changed.clone()),
        (window.start..window.end - 128, changed),
    ];
    for (window, changed) in narrower {
        let refused = run(window, changed);
        assert!(
            matches!(refused, Err(ForwardError::Regions(_))),
            "{refused:?}"
        );
    }
}

#[test]
fn taps_see_the_rows_of_windows_and_the_first_sequence_of_a_patch() {
    let (_dir, model) = support::small_model();
    let batch = alleles(2000..2001, [0, 0]);
    let wanted = vec![vec![1000..1001]; 2];
    let windows = Windows::new(LENGTH, wanted, Windows::margin(model.config()), |count| {
        count
    });
    let rows = windows.rows();
    let request = Request {
        windows: Some(windows),
        patch: Patch::between(model.config(), &batch, 0),
        ..Request::embeddings([Embedding::OneBasePair])
    };
    let mut eager = Watch::new("alphagenome/sequence_");
    model.forward(&batch, &request, &mut eager).unwrap();
    let shape = |path: &str| &eager.taken[path].shape;
    assert_eq!(
        *shape("alphagenome/sequence_encoder/downres_block_0"),
        [1, LENGTH / 2, 4]
    );
    assert_eq!(
        *shape("alphagenome/sequence_decoder/up_res_block_2"),
        [2, LENGTH / BLOCK, 8]
    );
    assert_eq!(
        *shape("alphagenome/sequence_decoder/up_res_block_6"),
        [2, rows, 4]
    );
}

#[test]
fn regions_that_do_not_fit_are_refused() {
    let (_dir, model) = support::small_model();
    let batch = alleles(2000..2001, [0, 0]);
    let windows = |length, wanted| Some(Windows::new(length, wanted, 0, |count| count));
    let refused = |request: Request| {
        let outputs = model.forward(&batch, &request, &mut NoTaps);
        outputs.map(|_| ()).unwrap_err().to_string()
    };
    let coarse = Request::heads(["atac"]);
    let found = refused(Request {
        windows: windows(LENGTH, vec![vec![0..1]]),
        ..coarse.clone()
    });
    assert!(found.contains("windows are of 1 sequences"), "{found}");
    let found = refused(Request {
        windows: windows(2048, vec![vec![0..1]; 2]),
        ..coarse.clone()
    });
    assert!(found.contains("of 2048 bp"), "{found}");
    let found = refused(Request {
        windows: windows(LENGTH, vec![vec![0..1]; 2]),
        ..Request::everything()
    });
    assert!(found.contains("give splice_site_positions"), "{found}");
    let found = refused(Request {
        windows: windows(LENGTH, vec![vec![0..1]; 2]),
        splice_site_positions: Some(SpliceSitePositions {
            count: 1,
            places: vec![0, -1, -1, -1, 0, 5, -1, -1],
        }),
        ..Request::everything()
    });
    assert!(
        found.contains("a splice site of sequence 1 is at 5"),
        "{found}"
    );
    let patch = |window, changed| Request {
        patch: Some(Patch { window, changed }),
        ..coarse.clone()
    };
    let found = refused(patch(0..2000, 0..0));
    assert!(found.contains("whole positions of 128 bp"), "{found}");
    let found = refused(patch(0..256, 0..128));
    assert!(found.contains("is too small"), "{found}");
}
