//! What `--help` of each command ends with.

/// `parity level1` to `level4`.
pub(super) const LEVEL: &str = "\
Examples:
  parity level2 --dtype f32
  parity level2 --model alphagenome-model --recording gpu_bf16 --device cuda --html page.html
  parity level3 --recording recordings/ --floor floor.json --json > result.json";

/// `parity compare`.
pub(super) const COMPARE: &str = "\
Examples:
  parity compare gpu_bf16 gpu_bf16_notune
  parity compare reference/ candidate/ --dtype bf16 --junit junit.xml --mqc parity_mqc.json
  parity compare cpu_f32 mine --only rna_seq --case rand42_4096_human --json";

/// `parity floor`.
pub(super) const FLOOR: &str = "\
Examples:
  parity floor gpu_bf16 gpu_bf16_notune gpu_bf16_noexcess --out floor.json
  parity level2 --recording gpu_bf16 --floor floor.json";

/// `parity verdict`.
pub(super) const VERDICT: &str = "\
Examples:
  parity verdict --model alphagenome-model --recording gpu_bf16 --floor floor.json
  parity verdict level2.json level3.json --html page.html";

/// `parity drift`.
pub(super) const DRIFT: &str = "\
Examples:
  parity drift last-week.json today.json
  parity drift old.json new.json --limit 1.1 --json";

/// `parity record`.
pub(super) const RECORD: &str = "\
Examples:
  parity record --out mine --sequences variants.fa --organism human
  parity record --out mine --like gpu_bf16 --arithmetic xla-gpu-bf16 --device cuda
  parity record --out mine --sequences variants.fa --taps full --budget 0";

/// `parity smoke`.
pub(super) const SMOKE: &str = "\
Examples:
  parity smoke --sequences reads.fa --n 1000
  parity smoke --sequences reads.fa --organism mouse --length 16k --device cuda --json";

/// `parity merge`.
#[cfg(feature = "burn")]
pub(super) const MERGE: &str = "\
Examples:
  parity record --sequences variants.fa --shard 3/16 --out shares/; parity merge shares/ --out mine
  parity smoke --sequences reads.fa --shard 3/16 --out shares/; parity merge shares/ --json
  parity level2 --suite --shard 3/16 --out shares/; parity merge shares/ --html page.html

What is written or printed, and the exit code, are those of a run without --shard.";

/// `parity bisect`.
pub(super) const BISECT: &str = "\
Examples:
  parity bisect --recording cpu_f32_taps --case rand42_4096_human
  parity bisect --recording cpu_f32_taps --html path.html --json > bisect.json
  parity bisect --recording cpu_f32_taps --candidate cpu_bf16_taps";

/// `parity trace-diff`.
pub(super) const TRACE_DIFF: &str = "\
Examples:
  parity trace-diff jax.trace.json.gz pass.json
  parity trace-diff jax.trace.json.gz pass.json --on device --depth 3 --top 20";

/// `parity explain`.
pub(super) const EXPLAIN: &str = "\
Examples:
  parity level2 --json > result.json; parity explain result.json
  parity explain result.json --json";

/// `parity bench`.
pub(super) const BENCH: &str = "\
Examples:
  parity bench --device cuda --length 4k,128k,1M
  parity bench --device cuda --beside cpu --length 4096 --dtype f32
  parity bench --device cuda --length 131072 --trace pass.json --json > bench.json";

/// `parity invariance`.
#[cfg(feature = "burn")]
pub(super) const INVARIANCE: &str = "\
Examples:
  parity invariance --length 2048,4096
  parity invariance --device cuda --organism mouse --only batch,device --json";

/// `parity scores`.
#[cfg(feature = "burn")]
pub(super) const SCORES: &str = "\
Examples:
  parity scores --recording tests/fixtures/scores
  parity scores --recording recordings --setting f32_not_stitched --no-stitching --only ATAC --json
  parity scores --recording gpu --setting float32 --floor bfloat16 --arithmetic xla-gpu-bf16 --device cuda --region chr1:20,001-151,072";

/// `parity precision`.
#[cfg(feature = "burn")]
pub(super) const PRECISION: &str = "\
Examples:
  parity precision --length 4096
  parity precision --device cuda --length 128k --no-switches --json
  parity precision --arithmetics xla-gpu-bf16 --modules mha_block --by module";

/// `parity attention`.
#[cfg(feature = "burn")]
pub(super) const ATTENTION: &str = "\
Examples:
  parity attention --length 2048,4096,16384
  parity attention --device cuda --length 16k,128k,1M --repeats 10 --json";
