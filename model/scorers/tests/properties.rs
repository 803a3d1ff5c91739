//! What holds for any variant.

use genome::{Interval, Strand, Variant};
use proptest::prelude::*;
use scorers::alignment::{Alignment, Source};
use scorers::stitching::{From, Stitch};
use scorers::{
    Aggregation, Behaviour, IntervalAggregation, IntervalScorer, Organism, OutputType, Scorer,
    center_window,
};

const WIDTH: i64 = 256;

fn interval(strand: Strand) -> Interval {
    Interval::new("chr1", 1000, 1000 + WIDTH, strand).unwrap()
}

fn strands() -> impl Strategy<Value = Strand> {
    prop_oneof![
        Just(Strand::Positive),
        Just(Strand::Negative),
        Just(Strand::Unstranded)
    ]
}

fn variants() -> impl Strategy<Value = Variant> {
    let bases = |least: usize| proptest::collection::vec(0..4usize, least..12);
    (960i64..1300, bases(0), bases(0)).prop_map(|(position, reference, alternate)| {
        let text = |bases: Vec<usize>| {
            bases
                .into_iter()
                .map(|base| ["A", "C", "G", "T"][base])
                .collect::<String>()
        };
        Variant::new("chr1", position, text(reference), text(alternate)).unwrap()
    })
}

proptest! {
    /// Inside of the interval both behaviours align alike.
    #[test]
    fn corrected_alignment_is_that_of_0_3_0_where_the_variant_lies_inside(variant in variants(), strand in strands()) {
        let interval = interval(strand);
        let longest = variant.reference_length().max(variant.alternate_length());
        let anchored = variant.start() >= interval.start
            && variant.reference_length().min(variant.alternate_length()) > 0
            && variant.start() + longest <= interval.end;
        prop_assume!(anchored);
        let [own, other] = [Behaviour::V0_3_0, Behaviour::Corrected].map(|b| Alignment::new(&variant, &interval, b).unwrap());
        for at in 0..WIDTH as usize {
            prop_assert_eq!(own.source(at), other.source(at));
        }
    }

    /// The corrected alignment never fails; what it takes lies in ALT, in order, each place at most once.
    #[test]
    fn corrected_alignment_takes_every_place_at_most_once(variant in variants(), strand in strands()) {
        let alignment = Alignment::new(&variant, &interval(strand), Behaviour::Corrected).unwrap();
        let mut last = None;
        for at in 0..WIDTH as usize {
            let range = match alignment.source(at) {
                Source::Zero => continue,
                Source::At(at) => at..at + 1,
                Source::Largest(range) => range,
            };
            prop_assert!(range.end <= WIDTH as usize && last.is_none_or(|last| last <= range.start), "{} at {}", variant, at);
            last = Some(range.end);
        }
        let inside = variant.clip(&interval(strand)).is_some_and(|own| own.is_insertion() || own.is_deletion());
        prop_assert!(inside || (0..WIDTH as usize).all(|at| alignment.source(at) == Source::At(at)));
    }

    /// 0.3.0's alignment answers or refuses any variant, and what it takes lies in ALT.
    #[test]
    fn alignment_of_any_variant_stays_in_the_interval(variant in variants(), strand in strands()) {
        if let Ok(alignment) = Alignment::new(&variant, &interval(strand), Behaviour::V0_3_0) {
            for at in 0..WIDTH as usize {
                let end = match alignment.source(at) {
                    Source::Zero => 0,
                    Source::At(at) => at + 1,
                    Source::Largest(range) => range.end,
                };
                prop_assert!(end <= WIDTH as usize);
            }
        }
    }

    /// Corrected, the stitch of the negative strand is the mirror of that of the positive one.
    #[test]
    fn corrected_stitches_are_mirrors(variant in variants()) {
        let [own, other] = [Strand::Positive, Strand::Negative].map(|s| Stitch::new(&variant, &interval(s), Behaviour::Corrected));
        let (Some(own), Some(other)) = (own, other) else { return Ok(()) };
        let width = WIDTH as usize;
        for at in 0..width {
            let mirrored = match own.base(width, at) {
                From::Left(at) => From::Right(width - 1 - at),
                From::Right(at) => From::Left(width - 1 - at),
            };
            // Between the indel's ends it is free which side a base comes from.
            if !(own.start..own.index).contains(&(at as i64)) {
                prop_assert_eq!(other.base(width, width - 1 - at), mirrored, "{} at {}", variant, at);
            }
        }
    }

    /// A window has its width in bins, but for what the interval's edges cut.
    #[test]
    fn windows_have_their_width(start in 0i64..16_384, width in prop_oneof![Just(501usize), Just(2001), Just(10_001)], resolution in prop_oneof![Just(1usize), Just(128)]) {
        let interval = Interval::new("chr1", 0, 16_384, Strand::Unstranded).unwrap();
        let variant = Variant::new("chr1", start + 1, "A", "C").unwrap();
        let window = center_window(&interval, &variant, Some(width), resolution);
        prop_assert!(window.contains(&(start as usize / resolution)));
        let bins = width.div_ceil(resolution);
        let cut = window.start == 0 || window.end == 16_384 / resolution;
        prop_assert!(window.len() == bins || cut && window.len() < bins);
    }
}

#[test]
fn names_come_back_as_scorers_and_what_the_sdk_refuses_is_refused() {
    for scorer in Scorer::recommended(Organism::Human) {
        assert_eq!(scorer.to_string().parse::<Scorer>().unwrap(), scorer);
    }
    assert_eq!(Scorer::recommended(Organism::Human).len(), 19);
    assert_eq!(Scorer::recommended(Organism::Mouse).len(), 18);
    let window = |output, width| Scorer::CenterMask {
        output,
        width,
        aggregation: Aggregation::DiffSum,
    };
    for (scorer, message) in [
        (
            window(OutputType::Atac, Some(100)),
            "width 100 is not supported; choose among None, 501, 2001",
        ),
        (
            window(OutputType::ContactMaps, Some(501)),
            "output CONTACT_MAPS is not supported; choose among ATAC",
        ),
        (
            window(OutputType::SpliceJunctions, Some(501)),
            "output SPLICE_JUNCTIONS",
        ),
        (
            Scorer::GeneMaskLfc {
                output: OutputType::ChipTf,
            },
            "output CHIP_TF",
        ),
        (
            Scorer::GeneMaskSplicing {
                output: OutputType::RnaSeq,
                width: None,
            },
            "output RNA_SEQ",
        ),
        (
            Scorer::GeneMaskSplicing {
                output: OutputType::SpliceSites,
                width: Some(501),
            },
            "width 501",
        ),
    ] {
        let error = scorer.checked().unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
        assert_eq!(
            scorer
                .to_string()
                .parse::<Scorer>()
                .unwrap_err()
                .to_string(),
            error
        );
    }
    let procap = IntervalScorer {
        output: OutputType::Procap,
        width: None,
        aggregation: IntervalAggregation::Mean,
    };
    assert!(
        procap
            .to_string()
            .parse::<IntervalScorer>()
            .unwrap_err()
            .to_string()
            .contains("output PROCAP")
    );
}

#[test]
fn a_fault_in_a_name_says_what_there_is() {
    let window = |arguments: &str| format!("CenterMaskScorer({arguments})");
    for (text, words) in [
        ("".into(), "write it as the SDK does"),
        ("ContactMapScorer".into(), "write it as the SDK does"),
        (
            "CentreMaskScorer()".into(),
            "there are CenterMaskScorer, GeneMaskLFCScorer, ",
        ),
        (
            "ContactMapScorer(x=1)".into(),
            "argument x is not supported; choose among none",
        ),
        (
            "GeneMaskLFCScorer()".into(),
            "argument requested_output is missing; expected requested_output",
        ),
        (
            window("requested_output=ATAC, width=501, width=501, aggregation_type=DIFF_SUM"),
            "argument width is not supported; choose among requested_output, width",
        ),
        (
            window("requested_output=ATAC, width=501"),
            "argument aggregation_type is missing; expected requested_output, width",
        ),
        (
            window("requested_output=ATAC, with=501, aggregation_type=DIFF_SUM"),
            "argument with is not supported; choose among requested_output, width, aggregation_type",
        ),
        (
            window("requested_output=ATAK, width=501, aggregation_type=DIFF_SUM"),
            "requested_output ATAK is not supported; choose among ATAC, CAGE, ",
        ),
        (
            window("requested_output=ATAC, width=wide, aggregation_type=DIFF_SUM"),
            "width wide is not supported; choose among None and whole numbers",
        ),
        (
            window("requested_output=ATAC, width=501, aggregation_type=SUM"),
            "aggregation_type SUM is not supported; choose among DIFF_MEAN, ",
        ),
    ] {
        let text: String = text;
        let error = text.parse::<Scorer>().unwrap_err().to_string();
        assert!(error.contains(words), "{text}: {error}");
    }
    let error = "ContactMapScorer()".parse::<IntervalScorer>().unwrap_err();
    assert!(error.to_string().contains("such as \"GeneMaskScorer("));
}
