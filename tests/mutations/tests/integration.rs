//! Faults of single tracks and windows of the full model, on recordings that are not shipped.
//!
//! `ALPHAGENOME_RECORDINGS` names their folder. Without it the test is skipped and says so, but for
//! `ALPHAGENOME_RUN_INTEGRATION_TESTS=1`, with which that is a failure.

use std::env;
use std::path::{Path, PathBuf};

use libtest_mimic::{Arguments, Completion, Failed, Trial};
use mutations::parts::{FULL, TRACKS, WINDOWS, faults};

fn main() {
    let arguments = Arguments::from_args();
    let trial = Trial::ignorable_test("parts::all_are_caught", all_are_caught);
    libtest_mimic::run(&arguments, vec![trial]).exit();
}

fn all_are_caught() -> Result<Completion, Failed> {
    let Some(value) = env::var_os("ALPHAGENOME_RECORDINGS").filter(|value| !value.is_empty())
    else {
        let reason = "ALPHAGENOME_RECORDINGS is not set: it must name a folder of recordings of the full model";
        return match env::var("ALPHAGENOME_RUN_INTEGRATION_TESTS").as_deref() {
            Ok("1") => Err(reason.into()),
            _ => Ok(Completion::ignored_with(reason)),
        };
    };
    // A relative path is taken from the repository's root.
    let root: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(value);
    let all = faults(&root, &FULL).map_err(|error| format!("{error:#}"))?;
    let expected = FULL.len() * 11 * (TRACKS + WINDOWS);
    if all.len() != expected {
        return Err(format!("{} faults of {expected}", all.len()).into());
    }
    let missed: Vec<_> = all.iter().filter(|fault| fault.is_missed()).collect();
    let noise = all.iter().filter(|fault| fault.is_noise()).count();
    // What noise hides is the exception.
    match missed.is_empty() && noise * 100 <= expected {
        true => Ok(Completion::Completed),
        false => Err(format!("{noise} inside the noise; missed: {missed:#?}").into()),
    }
}
