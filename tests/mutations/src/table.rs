//! What was found, as a table for readers and as JSON.

use std::fmt::Write as _;

use parity::recording::DType;
use serde::Serialize;

use crate::Finding;
use crate::mutation::Kind;
use crate::parts::PartFault;
use crate::regions::SeenRegion;
use crate::scores::Seen;

/// Everything that was found.
#[derive(Clone, Debug, Serialize)]
pub struct Findings {
    /// `mutations`.
    pub schema: &'static str,
    /// Version of this document.
    pub schema_version: u32,
    /// The sound model.
    pub sound: Finding,
    /// The broken ones, in the order of the list.
    pub broken: Vec<Finding>,
    /// Faults of single tracks and windows of the full model's outputs.
    pub parts: Vec<PartFault>,
    /// Faults of scorers.
    pub scores: Vec<Seen>,
    /// Faults of passes that do not run on whole sequences.
    pub regions: Vec<SeenRegion>,
}

const HEAD: &str = "# Mutations

`make mutate` breaks the tiny model in single ways, and asks whether `parity` sees it. It writes this page.

The references are JAX's recordings of the tiny model: `tiny_cpu_f64` and `tiny_cpu_f32` (4,096 bp, human), and `tiny_cpu_f32`
(8,192 bp, mouse, with a run of N); every output and every tap counts. The noise floor is the distance of `tiny_cpu_f32` from
`tiny_cpu_f64`, about 5e-7; the mouse case, which was not recorded in float64, is held to each output's floor of the human one. The limit
is that of [parity.md](parity.md#the-noise-floor), with its allowances for chance, for two sides that round against `tiny_cpu_f32`, and for
a case that was not measured. What has no floor must be
equal: NaN and infinity in the same places, splice sites but for ties, and their order. A fault is caught where one of the three comparisons is beyond that. The run fails where a fault changes no output, where
the floor misses one, or where the sound model does not pass.

Most faults are edits of the converted tensors, the configuration or the track metadata, made in memory; where such an edit stands for a
mistake in code, it gives the same numbers (the halves form of the rotary embedding is the interleaved one with its channels permuted;
another epsilon is another variance). What no edit stands for is a mistake in the code of one module, made as a change of the graph that
the pass is computed from ([`fault.rs`](../tests/mutations/src/fault.rs)): gelu's other form, a residual that is not added,
the relative shift one place too far, one layer in bfloat16, splice sites in descending order, and others. The list, with the
edits, is [`tests/mutations/mutations.toml`](../tests/mutations/mutations.toml).
";

impl Findings {
    /// Of a sound model and broken ones.
    pub fn new(sound: Finding, broken: Vec<Finding>) -> Self {
        Self {
            schema: "mutations",
            schema_version: 1,
            sound,
            broken,
            parts: Vec::new(),
            scores: Vec::new(),
            regions: Vec::new(),
        }
    }

    /// Why the run fails, one line a reason.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if self.sound.floor.caught {
            faults.push(format!(
                "the sound model is beyond the floor: {}",
                self.sound.floor.worst
            ));
        }
        let missed = self.broken.iter().filter(|finding| !finding.floor.caught);
        faults.extend(missed.map(|finding| format!("the floor misses `{}`", finding.name)));
        let missed = self.parts.iter().filter(|fault| fault.is_missed());
        faults.extend(missed.map(|fault| format!("level 2 misses {}", sentence(fault))));
        let missed = self.scores.iter().filter(|seen| !seen.caught);
        faults.extend(missed.map(|seen| format!("scores miss `{}`", seen.name)));
        let missed = self.regions.iter().filter(|seen| !seen.caught);
        faults.extend(missed.map(|seen| format!("bits of a whole pass miss `{}`", seen.name)));
        faults
    }

    fn scores_section(&self) -> String {
        let caught = self.scores.iter().filter(|seen| seen.caught).count();
        let mut text = format!(
            "\n## Scorers\n\nOne fault of each rule of [scores.md](scores.md), made in what the rule is given or gives \
             ([`faults.rs`](../tests/mutations/src/scores/faults.rs)), in the tiny model's scores of recorded cases that can show it, and \
             held to JAX's by the comparison and the bounds of `parity scores`: {caught} of {} are caught. Each case is sound without the \
             fault. *Seen*: in how many cases, scorer by scorer.\n\n| fault | seen | first |\n|---|---|---|\n",
            self.scores.len()
        );
        for seen in &self.scores {
            let [caught, of] = seen.cases;
            let _ = writeln!(
                text,
                "| {} | {caught} of {of} | {} |",
                seen.name, seen.first
            );
        }
        text
    }

    fn regions_section(&self) -> String {
        let caught = self.regions.iter().filter(|seen| seen.caught).count();
        let mut text = format!(
            "\n## Regions\n\nFaults of [what is computed](scores.md#what-is-computed) where a pass does not run on whole sequences \
             ([`regions.rs`](../tests/mutations/src/regions.rs)), on two alleles of 4,096 bp: {caught} of {} are caught. Without the \
             fault `embeddings_1bp` and `embeddings_128bp` have the bits of the whole pass; with it they have others, or the pass is \
             refused.\n\n| fault | seen by |\n|---|---|\n",
            self.regions.len()
        );
        for seen in &self.regions {
            let _ = writeln!(text, "| {} | {} |", seen.name, seen.by);
        }
        text
    }

    /// `docs/mutations.md`.
    pub fn page(&self) -> String {
        let mut page = HEAD.to_owned();
        let count = |f: &dyn Fn(&Finding) -> bool| self.broken.iter().filter(|x| f(x)).count();
        let _ = writeln!(
            page,
            "\n## Caught\n\nOf {} faults:\n\n| by | caught |\n|---|---|\n| noise floor | {} |",
            self.broken.len(),
            count(&|finding| finding.floor.caught)
        );
        for level in 0..4 {
            let caught = count(&|finding| finding.levels[level]);
            let _ = writeln!(page, "| level {} | {caught} |", level + 1);
        }
        let _ = writeln!(
            page,
            "| profile `strict`, level 2 | {} |",
            count(&|finding| finding.strict)
        );
        if self.sound.strict {
            page.push_str("\nThe sound model fails `strict` too, by its t-test, which rejects JAX against JAX: that column proves nothing.\n");
        }
        let _ = write!(page, "\n## What level 2 alone misses\n\n");
        let missed: Vec<&Finding> = self
            .broken
            .iter()
            .filter(|finding| !finding.levels[1])
            .collect();
        let _ = writeln!(
            page,
            "{} of {}. Each is a real fault that changes predictions by less than the level's tolerance:\n",
            missed.len(),
            self.broken.len()
        );
        for finding in missed {
            let _ = writeln!(page, "- {} (`{}`)", finding.name, module(finding));
        }
        page.push_str(&self.parts_section());
        page.push_str(&self.scores_section());
        page.push_str(&self.regions_section());
        page.push_str(
            "\n## Every fault\n\nRatio: the distance of the output that is farthest beyond its limit, in units of the floor, and its limit. \
             First: the first output or tap, in the order that the model computes them, that leaves the floor. L1 to L4: levels of the \
             default profile; a cross is a fault that is seen.\n\n\
             | fault | module | kind | ratio of limit | first | L1 | L2 | L3 | L4 | strict |\n|---|---|---|---|---|---|---|---|---|---|\n",
        );
        for finding in std::iter::once(&self.sound).chain(&self.broken) {
            page.push_str(&row(finding));
        }
        page
    }
}

impl Findings {
    /// What level 2 sees of single tracks and windows, by organism and head.
    fn parts_section(&self) -> String {
        let mut text = PARTS.to_owned();
        let mut heads: Vec<(usize, &str)> = Vec::new();
        for fault in &self.parts {
            if !heads.contains(&(fault.organism, fault.head.as_str())) {
                heads.push((fault.organism, &fault.head));
            }
        }
        for (organism, head) in heads {
            let _ = write!(text, "| {head} | {} |", ["human", "mouse"][organism]);
            for dtype in [DType::Float32, DType::Bfloat16] {
                let of = |fault: &&PartFault| {
                    (fault.organism, fault.head.as_str(), fault.dtype) == (organism, head, dtype)
                };
                let all = || self.parts.iter().filter(of);
                let caught = all().filter(|fault| fault.caught).count();
                let noise = all().filter(|fault| fault.is_noise()).count();
                let pooled = all().filter(|fault| fault.pooled).count();
                let _ = write!(
                    text,
                    " {caught} of {} | {noise} | {pooled} |",
                    all().count()
                );
            }
            text.push('\n');
        }
        text.push_str("\nInside the noise:\n\n");
        let noise: Vec<_> = self.parts.iter().filter(|fault| fault.is_noise()).collect();
        for fault in &noise {
            let _ = writeln!(text, "- {}", sentence(fault));
        }
        if noise.is_empty() {
            text.push_str("none\n");
        }
        text
    }
}

const PARTS: &str = "
## One track, one window

Of the full model, with its recordings (`ALPHAGENOME_RECORDINGS`). The candidate is JAX in another setting, whose outputs get one fault at
a time: 12 of one track and 8 of one window of positions in every head, each drawn by a fixed seed (zeroed, doubled, halved, one position too
far, reversed, levelled to the mean, a copy of its neighbour, exchanged with it). Junctions are put beside the reference's own, since
two recordings share few. Caught by level 2; *alone*: by checks that take all tracks and positions together. *Noise*: not caught, and no
farther from the sound candidate than the farthest track or window of JAX is from JAX in the same output; these are listed below the
table. The run fails where any other is missed.

| head | organism | float32: caught | noise | alone | bfloat16: caught | noise | alone |
|---|---|---|---|---|---|---|---|
";

/// A fault in words.
fn sentence(fault: &PartFault) -> String {
    format!(
        "{}, {}, {}, {}: {:?}, {:.1e} from the sound one where JAX is {:.1e} from itself",
        fault.dtype,
        ["human", "mouse"][fault.organism],
        fault.output,
        fault.place,
        fault.edit,
        fault.distance,
        fault.jax
    )
}

fn module(finding: &Finding) -> &str {
    let module = finding.module.as_deref().unwrap_or("");
    module.strip_prefix("alphagenome/").unwrap_or(module)
}

/// The words by which a row of the page begins.
pub fn row_start(name: &str, module: &str, kind: &str) -> String {
    format!("| {name} | {module} | {kind} |")
}

fn row(finding: &Finding) -> String {
    let floor = &finding.floor;
    let ratio = match (floor.ratio, floor.limit) {
        (Some(ratio), Some(limit)) => format!("{} of {limit:.2}", short(ratio)),
        _ => "not finite".into(),
    };
    let first = floor
        .first
        .as_deref()
        .unwrap_or("")
        .replace("taps/alphagenome/", "taps/");
    let cross = |caught: bool| if caught { "x" } else { "" };
    let [l1, l2, l3, l4] = finding.levels.map(cross);
    let start = row_start(
        &finding.name,
        module(finding),
        finding.kind.map_or("", Kind::words),
    );
    format!(
        "{start} {ratio} | {first} | {l1} | {l2} | {l3} | {l4} | {} |\n",
        cross(finding.strict)
    )
}

/// Three digits.
fn short(x: f64) -> String {
    match x {
        x if x < 100.0 => format!("{x:.2}"),
        x if x < 1e4 => format!("{x:.0}"),
        x => format!("{x:.1e}"),
    }
}
