//! Tests that need what a bare clone does not have. Each says why where it is skipped; none passes without running.
//!
//! | variable | meaning |
//! |---|---|
//! | `ALPHAGENOME_RUN_INTEGRATION_TESTS` | `1` runs the tests of the full model; then the next two must be set |
//! | `ALPHAGENOME_MODEL_PATH` | a snapshot: the real one, or the stand-in that `make standin` writes |
//! | `ALPHAGENOME_RECORDINGS` | recordings of that snapshot by JAX: `cpu_f32_taps`, `cpu_f32`, `gpu_f32_highest`, ... |
//! | `ALPHAGENOME_METADATA` | AlphaGenome's track metadata; without it unscaled predictions are not compared |
//! | `ALPHAGENOME_PYTHON` | an interpreter with Orbax, for an independent reading of the snapshot |
//! | `ALPHAGENOME_TORCH` | an interpreter with Orbax, torch and alphagenome-pytorch (`tests/torch`) |
//! | `ALPHAGENOME_CUDA` | `1` runs the tests that need a GPU |
//! | `ALPHAGENOME_STANDIN` | `full` where the snapshot is the stand-in, so that its values are known |
//!
//! A relative path is taken from the repository's root.

mod bfloat16;
mod comparison;
mod conversion;
mod cuda;
mod disk;
mod gate;
mod model;
mod pytorch;

use libtest_mimic::{Arguments, Trial};

fn main() {
    let mut arguments = Arguments::from_args();
    // One model in memory at a time, and all cores for it.
    arguments.test_threads = Some(1);
    let trials = vec![
        Trial::ignorable_test("disk_full", disk::full),
        cuda::gated(
            "cuda::agrees_with_the_modules",
            cuda::agrees_with_the_modules,
        ),
        cuda::gated(
            "cuda::forms_of_attention_agree",
            cuda::forms_of_attention_agree,
        ),
        cuda::gated(
            "cuda::heads_run_on_given_embeddings",
            cuda::heads_run_on_given_embeddings,
        ),
        cuda::gated(
            "cuda::embeddings_stay_on_the_device",
            cuda::embeddings_stay_on_the_device,
        ),
        cuda::gated(
            "cuda::split_products_are_nearly_float32",
            cuda::split_products_are_nearly_float32,
        ),
        cuda::gated(
            "cuda::equal_sequences_give_equal_values",
            cuda::equal_sequences_give_equal_values,
        ),
        cuda::gated(
            "cuda::parts_are_those_of_the_whole",
            cuda::parts_are_those_of_the_whole,
        ),
        cuda::gated(
            "cuda::scores_are_made_on_the_device",
            cuda::scores_are_made_on_the_device,
        ),
        gate::full("conversion::verifies", conversion::verifies),
        gate::full(
            "conversion::equals_an_independent_reading",
            conversion::equals_an_independent_reading,
        ),
        gate::full(
            "conversion::does_not_depend_on_threads",
            conversion::does_not_depend_on_threads,
        ),
        gate::full(
            "model::agrees_with_jax_on_cpu_and_every_tap",
            model::agrees_with_jax_on_cpu_and_every_tap,
        ),
        gate::full(
            "model::agrees_with_jax_on_cpu_at_16384_bp",
            model::agrees_with_jax_on_cpu_at_16384_bp,
        ),
        gate::full(
            "model::agrees_with_jax_on_gpu_at_4096_bp",
            model::agrees_with_jax_on_gpu_at_4096_bp,
        ),
        gate::full(
            "model::agrees_with_jax_on_gpu_at_16384_bp",
            model::agrees_with_jax_on_gpu_at_16384_bp,
        ),
        gate::full(
            "bfloat16::agrees_with_jax_on_cpu",
            bfloat16::agrees_with_jax_on_cpu,
        ),
        gate::full(
            "bfloat16::agrees_with_jax_on_gpu",
            bfloat16::agrees_with_jax_on_gpu,
        ),
        gate::full(
            "pytorch::the_package_runs_on_our_weights",
            pytorch::the_package_runs_on_our_weights,
        ),
        gate::full(
            "pytorch::another_haiku_model_converts",
            pytorch::another_haiku_model_converts,
        ),
        gate::full(
            "model::a_batch_equals_its_sequences",
            model::a_batch_equals_its_sequences,
        ),
    ];
    let conclusion = libtest_mimic::run(&arguments, trials);
    gate::clean();
    conclusion.exit();
}
