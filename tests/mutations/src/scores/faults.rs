//! The list of faults.

use std::f64::consts::LN_2;
use std::sync::Arc;

use genome::{Strand, Variant};
use scorers::alignment::{Alignment, Source};
use scorers::{Behaviour, OutputType, Tracks};

use super::{Fault, Make};

const SUMS: &[&str] = &["r00"];
const GENES: &[&str] = &["r07", "r08", "r09"];
const JUNCTIONS: &[&str] = &["r11"];
const POLYA: &[&str] = &["r12"];
const SNV: &[&str] = &["s11.main", "s01.main"];
const INDELS: &[&str] = &["i03.main", "d03.main"];

const fn fault(
    name: &'static str,
    scorers: &'static [&'static str],
    cases: &'static [&'static str],
    make: Make,
) -> Fault {
    Fault {
        name,
        scorers,
        cases,
        make,
    }
}

fn log_sum(values: &[f64]) -> f64 {
    (1.0 + values.iter().sum::<f64>()).log2()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// One a rule.
pub const FAULTS: &[Fault] = &[
    fault(
        "window one base to the right",
        SUMS,
        SNV,
        Make::Given(|given| given.shift(1)),
    ),
    fault(
        "window one base to the left",
        SUMS,
        INDELS,
        Make::Given(|given| given.shift(-1)),
    ),
    fault(
        "five bins of 128 bp for 501 bp",
        &["r03"],
        SNV,
        Make::Scores(|given, scores| {
            let window = given.window(given.start(), [2, 2]);
            scores.side.values = given.by_hand(window, |own, other| log_sum(other) - log_sum(own));
        }),
    ),
    fault(
        "bin of the base after the variant",
        &["r01", "r03"],
        &["s04.main"],
        Make::Given(|given| given.shift(1)),
    ),
    fault(
        "window mirrored on the negative strand",
        SUMS,
        &["i03.neg", "d03.neg"],
        Make::Scores(|given, scores| {
            let mirror = given.case.interval.width() - 1 - given.start();
            let window = given.window(mirror, [250, 250]);
            scores.side.values = given.by_hand(window, |own, other| log_sum(other) - log_sum(own));
        }),
    ),
    fault(
        "ALT aligned in a window",
        SUMS,
        INDELS,
        Make::Scores(|given, scores| {
            let mut aligned = given.clone();
            let alignment =
                Alignment::new(&given.case.variant, &given.case.interval, given.behaviour)
                    .expect("aligned");
            let output = given.scorer.output();
            let own = given.predictions[0].tracks.clone();
            aligned.output(output, |rows| {
                let zeros: &[f32] = &[0.0; 64][..rows[0].len()];
                let source = rows.clone();
                for (at, row) in rows.iter_mut().enumerate() {
                    *row = match alignment.source(at) {
                        Source::At(from) => source[from],
                        Source::Largest(from) => source[from.start],
                        Source::Zero => zeros,
                    };
                }
            });
            aligned.predictions[0].tracks = own;
            let window = given.window(given.start(), [250, 250]);
            scores.side.values =
                aligned.by_hand(window, |own, other| log_sum(other) - log_sum(own));
        }),
    ),
    fault(
        "mean for sum",
        SUMS,
        SNV,
        Make::Scores(|given, scores| {
            let window = given.window(given.start(), [250, 250]);
            scores.side.values = given.by_hand(window, |own, other| {
                (1.0 + mean(other)).log2() - (1.0 + mean(own)).log2()
            });
        }),
    ),
    fault(
        "sum of logarithms for the logarithm of the sum",
        SUMS,
        SNV,
        Make::Scores(|given, scores| {
            let logs = |values: &[f64]| values.iter().map(|x| (1.0 + x).log2()).sum::<f64>();
            let window = given.window(given.start(), [250, 250]);
            scores.side.values = given.by_hand(window, |own, other| logs(other) - logs(own));
        }),
    ),
    fault(
        "logarithm without the added one",
        SUMS,
        SNV,
        Make::Scores(|given, scores| {
            let window = given.window(given.start(), [250, 250]);
            let log = |values: &[f64]| values.iter().sum::<f64>().log2();
            scores.side.values = given.by_hand(window, |own, other| log(other) - log(own));
        }),
    ),
    fault(
        "natural logarithm of a window",
        SUMS,
        SNV,
        Make::Scores(|_, scores| {
            scores
                .side
                .values
                .iter_mut()
                .for_each(|x| *x *= LN_2 as f32);
        }),
    ),
    fault(
        "alleles exchanged",
        &["r00", "r07"],
        SNV,
        Make::Given(|given| given.predictions.swap(0, 1)),
    ),
    fault(
        "smaller allele for the larger",
        &["r13"],
        SNV,
        Make::Scores(|given, scores| {
            let window = given.window(given.start(), [250, 250]);
            let sum = |values: &[f64]| values.iter().sum::<f64>();
            scores.side.values = given.by_hand(window, |own, other| sum(own).min(sum(other)));
        }),
    ),
    fault(
        "binary logarithm of a fold change",
        &["r07"],
        SNV,
        Make::Scores(|_, scores| {
            scores
                .side
                .values
                .iter_mut()
                .for_each(|x| *x /= LN_2 as f32);
        }),
    ),
    fault(
        "ALT of an indel not aligned for genes",
        GENES,
        &["i03.main", "d03.main", "i04.main", "d04.main"],
        Make::Given(|given| {
            let variant = given.case.variant.clone();
            let alternate = "A".repeat(variant.reference().len());
            given.alleles(
                variant.position(),
                variant.reference().to_owned(),
                alternate,
            );
        }),
    ),
    fault(
        "ALT of an indel aligned one base off",
        GENES,
        &["i04.main", "d04.main"],
        Make::Given(|given| given.shift(1)),
    ),
    fault(
        "bodies of genes for exons",
        &["r07", "r08"],
        SNV,
        Make::Given(|given| {
            given.genes(|genes, transcripts| {
                for transcript in transcripts {
                    let body = &genes[transcript.gene].interval;
                    transcript.exons = vec![(body.start, body.end)];
                }
            });
        }),
    ),
    fault(
        "TSS of the negative strand at the last base",
        &["r07"],
        &["s16.main"],
        Make::Given(|given| {
            given.genes(|_, transcripts| {
                for transcript in transcripts {
                    transcript.interval.end -=
                        i64::from(transcript.interval.strand == Strand::Negative);
                }
            });
        }),
    ),
    fault(
        "exons of transcripts that start outside",
        &["r07"],
        &["s16.main"],
        Make::Given(|given| {
            let interval = given.case.interval.clone();
            given.genes(|_, transcripts| {
                let inside = |at: i64| (interval.start..interval.end).contains(&at);
                let starts: Vec<_> = transcripts
                    .iter()
                    .filter(|t| inside(t.tss()))
                    .map(|t| (t.gene, t.interval.clone()))
                    .collect();
                for transcript in transcripts.iter_mut().filter(|t| !inside(t.tss())) {
                    if let Some((_, known)) =
                        starts.iter().find(|(gene, _)| *gene == transcript.gene)
                    {
                        transcript.interval = known.clone();
                    }
                }
            });
        }),
    ),
    fault(
        "genes in the order of their places",
        &["r07"],
        SNV,
        Make::Given(|given| {
            given.genes(|_, transcripts| {
                transcripts.sort_by_key(|transcript| transcript.interval.start)
            });
        }),
    ),
    fault(
        "tracks of the other strand kept",
        &["r07"],
        SNV,
        Make::Given(|given| {
            let names = given.tracks.names().to_vec();
            let strands = vec![Strand::Unstranded; names.len()];
            given.tracks = Arc::new(Tracks::new(names, strands));
        }),
    ),
    fault(
        "strands of tracks not exchanged on the negative strand",
        &["r05", "r07"],
        &["s01.neg"],
        Make::Given(|given| {
            given.exchange_strands();
        }),
    ),
    fault(
        "bins not reversed on the negative strand",
        &["r00", "r03"],
        &["i03.neg"],
        Make::Given(|given| {
            given.output(given.scorer.output(), |rows| rows.reverse());
        }),
    ),
    fault(
        "DNASE not moved on the negative strand",
        &["r02"],
        &["s01.neg"],
        Make::Given(|given| {
            given.output(OutputType::Dnase, |rows| rows.rotate_left(1));
        }),
    ),
    fault(
        "genes that REF alone reaches",
        &["r09"],
        &["i10.main"],
        Make::Given(|given| {
            let variant = given.case.variant.clone();
            let kept = variant.reference().to_owned();
            given.alleles(variant.position(), kept.clone(), kept);
        }),
    ),
    fault(
        "junctions of every type of gene",
        JUNCTIONS,
        &["s02.main", "s15.main"],
        Make::Genes(|given| {
            given.genes(|genes, _| {
                genes
                    .iter_mut()
                    .for_each(|gene| gene.biotype = "protein_coding".into())
            });
        }),
    ),
    fault(
        "junctions that touch the gene's ends",
        JUNCTIONS,
        &["s18.main", "f01.far", "s17.main"],
        Make::Genes(|given| {
            given.genes(|genes, _| {
                for gene in genes {
                    gene.interval.start -= 1;
                    gene.interval.end += 1;
                }
            });
        }),
    ),
    fault(
        "junction scores in bfloat16",
        JUNCTIONS,
        &["s11.main"],
        Make::Scores(|_, scores| {
            let round = |x: &mut f32| *x = half::bf16::from_f32(*x).to_f32();
            scores.side.values.iter_mut().for_each(round);
        }),
    ),
    fault(
        "donors and acceptors in descending order",
        JUNCTIONS,
        &["s19.main", "s11.main", "s01.main"],
        Make::Given(|given| {
            for predictions in &mut given.predictions {
                let Some(junctions) = &mut predictions.junctions else {
                    continue;
                };
                junctions.positions.iter_mut().for_each(|kind| {
                    let known = kind.iter().filter(|at| **at >= 0).count();
                    kind[..known].reverse();
                });
            }
        }),
    ),
    fault(
        "the first 128 sites of a kind",
        JUNCTIONS,
        &["s11.main"],
        Make::Given(|given| {
            for junctions in given
                .predictions
                .iter_mut()
                .filter_map(|of| of.junctions.as_mut())
            {
                for kind in &mut junctions.positions {
                    kind.iter_mut().skip(128).for_each(|at| *at = -1);
                }
            }
        }),
    ),
    fault(
        "genes mirrored for the splice sites of the negative strand",
        JUNCTIONS,
        &["s11.neg", "i03.neg"],
        Make::Predicted(|scoring, _| {
            scoring.behaviour = Behaviour::Corrected;
        }),
    ),
    fault(
        "stitch of the negative strand one base off",
        &["r00", "r07"],
        &["i03.neg", "d03.neg"],
        Make::Predicted(|scoring, _| {
            scoring.behaviour = Behaviour::Corrected;
        }),
    ),
    fault(
        "indels not stitched",
        &["r00", "r07"],
        INDELS,
        Make::Predicted(|scoring, _| scoring.stitching = false),
    ),
    fault(
        "REF of the genome for that of the variant",
        SUMS,
        &["s25.main"],
        Make::Predicted(|scoring, case| {
            let variant = &case.variant;
            let at = variant.reference_interval();
            let bases = genome::alleles::Bases::bases(&*scoring.genome, &at).expect("inside");
            let reference = String::from_utf8(bases).expect("bases");
            case.variant = Variant::new(
                variant.chromosome(),
                variant.position(),
                reference,
                variant.alternate(),
            )
            .expect("bases");
        }),
    ),
    fault(
        "places left of the interval not counted from its end",
        &["r07", "r08"],
        &["o08.main"],
        Make::Given(|given| {
            given.behaviour = Behaviour::Corrected;
        }),
    ),
    fault(
        "polyadenylation sites in the order of their places",
        POLYA,
        &["s01.main", "s11.main"],
        Make::Given(|given| {
            given.sites(|rows| rows.sort_by_key(|row| row[1].parse::<i64>().expect("a start")));
        }),
    ),
    fault(
        "bases before a polyadenylation site one too far",
        POLYA,
        SNV,
        Make::Given(|given| {
            given.sites(|rows| {
                rows.iter_mut().for_each(|row| {
                    let start: i64 = row[1].parse().expect("a start");
                    row[1] = (start + 1).to_string();
                })
            });
        }),
    ),
    fault(
        "natural logarithm of polyadenylation",
        POLYA,
        SNV,
        Make::Scores(|_, scores| {
            scores
                .side
                .values
                .iter_mut()
                .for_each(|x| *x *= LN_2 as f32);
        }),
    ),
];
