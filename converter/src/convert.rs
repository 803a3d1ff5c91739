//! The conversion itself: from a checkpoint and a plan to a folder.

use std::{
    fs::File,
    os::unix::fs::FileExt,
    path::PathBuf,
    sync::{
        Condvar, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use crate::{
    checkpoint::Checkpoint,
    digest,
    job::{self, JobError, TooLarge},
    ledger::{Facts, JobDigests, Ledger, TracksEntry},
    parallel::Resources,
    plan::Plan,
    publish::{self, MARK, Staging},
    safetensors_file::{INDEX, Layout},
    spec::Spec,
    tensor::Dtype,
};

/// The file of the model's widths.
pub const CONFIG: &str = "config.json";

/// The file of track metadata.
pub const TRACKS: &str = "tracks.json";

/// What is converted, and how.
pub struct Request<'a> {
    /// The checkpoint.
    pub checkpoint: &'a dyn Checkpoint,
    /// The spec that the plan was made from.
    pub spec: &'a Spec,
    /// The plan.
    pub plan: &'a Plan,
    /// The type that the plan was made for.
    pub dtype: Dtype,
    /// The content of `tracks.json`, if there is track metadata.
    pub tracks: Option<Vec<u8>>,
    /// The Hub's name of the model, if known.
    pub repo: Option<String>,
    /// The commit, if known.
    pub revision: Option<String>,
    /// The folder to write.
    pub out: PathBuf,
    /// Whether an older conversion there is replaced.
    pub force: bool,
    /// Bytes of tensors in one file.
    pub max_shard: u64,
    /// Threads and memory.
    pub resources: Resources,
    /// Told the number of bytes that were written since the last call; from several threads.
    pub progress: &'a (dyn Fn(u64) + Sync),
}

/// Why a conversion failed; the folder is then as it was before.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A job needs too much memory.
    #[error(transparent)]
    TooLarge(#[from] TooLarge),
    /// A leaf could not be read or transformed.
    #[error(transparent)]
    Job(#[from] JobError),
    /// The folder could not be written.
    #[error(transparent)]
    Publish(#[from] publish::Error),
    /// JSON could not be made.
    #[error("JSON cannot be written: {0}")]
    Json(#[from] serde_json::Error),
}

/// Whether a file of this name belongs into a folder that [`convert`] writes.
pub fn is_output(name: &str) -> bool {
    let shard = name
        .strip_prefix("model-")
        .is_some_and(|rest| rest.ends_with(".safetensors"));
    shard || [crate::safetensors_file::SINGLE, INDEX, CONFIG, TRACKS, MARK].contains(&name)
}

/// JSON for people: indented, with a line break at its end.
///
/// # Errors
/// If the value has keys that are no strings.
pub fn to_json(value: &impl serde::Serialize) -> Result<Vec<u8>, serde_json::Error> {
    let mut text = serde_json::to_vec_pretty(value)?;
    text.push(b'\n');
    Ok(text)
}

/// Converts; gives the ledger that it wrote.
///
/// # Errors
/// See [`Error`].
pub fn convert(request: &Request<'_>) -> Result<Ledger, Error> {
    let Request {
        checkpoint,
        spec,
        plan,
        ..
    } = request;
    job::check_memory(plan, request.resources.memory)?;
    let layout = Layout::new(&plan.targets, request.max_shard);
    let staging = Staging::new(&request.out, request.force, is_output)?;
    let files = create_files(&staging, &layout)?;
    let digests = write_tensors(request, &layout, &staging, &files)?;

    let config = to_json(&plan.config)?;
    staging.write(CONFIG, &config)?;
    if let Some(index) = layout.index(&plan.targets) {
        staging.write(INDEX, &to_json(&index)?)?;
    }
    let mut tracks = None;
    if let Some(content) = &request.tracks {
        staging.write(TRACKS, content)?;
        tracks = Some(TracksEntry {
            file: TRACKS.to_owned(),
            digest: digest::of(content),
        });
    }
    let ledger = Ledger::new(Facts {
        spec,
        plan,
        leaves: checkpoint.leaves(),
        layout: &layout,
        digests: &digests,
        dtype: request.dtype,
        repo: request.repo.clone(),
        revision: request.revision.clone(),
        config: &config,
        tracks,
    });
    staging.write(MARK, &to_json(&ledger)?)?;
    staging.publish()?;
    Ok(ledger)
}

fn create_files(staging: &Staging, layout: &Layout) -> Result<Vec<File>, Error> {
    let mut files = Vec::with_capacity(layout.files.len());
    for layout in &layout.files {
        let file = staging.create(&layout.name, layout.length)?;
        let written = file.write_all_at(&layout.header, 0);
        written.map_err(|source| staging.write_failed(&layout.name, layout.length, source))?;
        files.push(file);
    }
    Ok(files)
}

fn write_tensors(
    request: &Request<'_>,
    layout: &Layout,
    staging: &Staging,
    files: &[File],
) -> Result<Vec<JobDigests>, Error> {
    let Request {
        checkpoint, plan, ..
    } = request;
    let needs: Vec<usize> = plan.jobs.iter().map(|job| job.peak).collect();
    let writeback = Writeback::default();
    let write = |number: usize, buffer: &mut Vec<u8>| -> Result<JobDigests, Error> {
        job::run(&plan.jobs[number], *checkpoint, buffer, |piece| {
            let place = layout.places[piece.target];
            let offset = place.offset + piece.offset as u64;
            let written = files[place.file].write_all_at(piece.data, offset);
            let file = &layout.files[place.file];
            written.map_err(|source| staging.write_failed(&file.name, file.length, source))?;
            (request.progress)(piece.data.len() as u64);
            writeback.wrote(piece.data.len() as u64);
            Ok(())
        })
    };
    let digests = std::thread::scope(|scope| {
        // Without it, all is left to the sync at the end.
        let _ = std::thread::Builder::new().spawn_scoped(scope, || writeback.run(files));
        let _end = Finish(&writeback);
        request.resources.run(&needs, write)
    })?;
    for (file, layout) in files.iter().zip(&layout.files) {
        crate::disk::synced(file.sync_all())
            .map_err(|source| staging.write_failed(&layout.name, layout.length, source))?;
    }
    Ok(digests)
}

/// Lets the disk write while the processors still work, so that the sync at the end has little left to do.
#[derive(Default)]
struct Writeback {
    dirty: AtomicU64,
    finished: Mutex<bool>,
    wake: Condvar,
}

/// Ends the writeback, also on the way out of a panic, which would wait for it forever otherwise.
struct Finish<'a>(&'a Writeback);

impl Drop for Finish<'_> {
    fn drop(&mut self) {
        self.0.finish();
    }
}

/// Bytes between two syncs.
const STRIDE: u64 = 256 << 20;

impl Writeback {
    fn wrote(&self, bytes: u64) {
        if self.dirty.fetch_add(bytes, Ordering::Relaxed) + bytes >= STRIDE {
            self.wake.notify_one();
        }
    }

    fn finish(&self) {
        *self.finished.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.wake.notify_one();
    }

    fn run(&self, files: &[File]) {
        loop {
            let guard = self.finished.lock().unwrap_or_else(PoisonError::into_inner);
            // A wake-up between the test and the wait is lost; the next stride, or the end, wakes again.
            let idle =
                |finished: &mut bool| !*finished && self.dirty.load(Ordering::Relaxed) < STRIDE;
            let finished = *self
                .wake
                .wait_while(guard, idle)
                .unwrap_or_else(PoisonError::into_inner);
            if finished {
                return;
            }
            self.dirty.store(0, Ordering::Relaxed);
            for file in files {
                // The sync at the end reports what fails here.
                let _ = file.sync_data();
            }
        }
    }
}
