//! From arguments to what the library wants.

use std::{fs::File, io::Read as _, path::Path};

use anyhow::Context;
use converter::{
    checkpoint::{Checkpoint, OrbaxCheckpoint},
    convert::to_json,
    hub,
    means::WithMeans,
    metadata,
    metadata::HeadWidth,
    parallel::Resources,
    plan::Plan,
    snapshot::{self, Snapshot},
    spec::Spec,
    tensor::Dtype,
    text,
};
use serde_json::Value;
use terminal::Speech;

use super::arguments::{Reader, ReaderArgument, ResourceArguments, SourceArguments, SpecArguments};

/// The most bytes that are read of a spec: AlphaGenome's takes some 20 KiB.
const MAX_SPEC: u64 = 4 << 20;

/// Finds or downloads the snapshot.
pub fn snapshot(arguments: &SourceArguments) -> anyhow::Result<Snapshot> {
    let revision = arguments.revision.as_deref();
    let snapshot = match (&arguments.snapshot, &arguments.hub) {
        (Some(path), _) => snapshot::resolve(path, revision)?,
        (None, Some(repo)) if terminal::speech() == Speech::Quiet => {
            hub::download(repo, revision, hub::Silent)?
        }
        (None, Some(repo)) => hub::download(repo, revision, hub::Bar::new(repo))?,
        (None, None) => anyhow::bail!("neither --snapshot nor --hub was given"),
    };
    for path in &snapshot.unfinished {
        let path = path.display();
        terminal::note(
            Speech::Normal,
            &format!("warning: {path}: an unfinished save, left aside"),
        );
    }
    Ok(snapshot)
}

/// Opens the checkpoint of a snapshot.
pub fn checkpoint(snapshot: &Snapshot) -> anyhow::Result<OrbaxCheckpoint> {
    let dir = snapshot.dir.display().to_string();
    let checkpoint = OrbaxCheckpoint::open(snapshot).map_err(|error| {
        // The folder is not always the one that was given: it may be a revision in a cache.
        match error.to_string().contains(&dir) {
            true => anyhow::Error::from(error),
            false => anyhow::Error::from(error).context(dir.clone()),
        }
    })?;
    for part in checkpoint.parts() {
        warn(&dir, &part.checkpoint);
    }
    Ok(checkpoint)
}

/// Says what about a checkpoint is not as it should be, or not as one would think.
fn warn(dir: &str, checkpoint: &orbax::Checkpoint) {
    let filled: Vec<usize> = checkpoint
        .leaves()
        .iter()
        .map(orbax::Leaf::filled)
        .filter(|&filled| filled > 0)
        .collect();
    if !filled.is_empty() {
        let chunks = text::counted(filled.iter().sum(), "chunk", "chunks");
        let leaves = text::counted(filled.len(), "leaf", "leaves");
        terminal::note(
            Speech::Normal,
            &format!(
                "note: {chunks} of {leaves} not stored, which stands for the fill value: Orbax before 0.10 leaves out what is all zero"
            ),
        );
    }
    if checkpoint.layout().storage == orbax::Storage::OcdbtProcesses {
        terminal::note(
            Speech::Normal,
            &format!(
                "warning: {dir}: manifest.ocdbt is missing, so the values come from the folders of the processes: the checkpoint \
             was not finished, or not copied whole"
            ),
        );
    }
    let unlisted = checkpoint.unlisted();
    if !unlisted.is_empty() {
        let some = unlisted
            .iter()
            .take(3)
            .map(String::as_str)
            .collect::<Vec<_>>()
            .join(", ");
        let keys = text::counted(unlisted.len(), "key", "keys");
        terminal::note(
            Speech::Normal,
            &format!("warning: the checkpoint holds {keys} that its tree does not list: {some}"),
        );
    }
}

/// Reads the spec.
pub fn spec(arguments: &SpecArguments, options: &[(String, bool)]) -> anyhow::Result<Spec> {
    match &arguments.spec {
        None => Ok(Spec::parse(built_in(&arguments.reader).spec(), options)?),
        Some(path) => {
            let named = || path.display().to_string();
            let text = text_of(path).with_context(named)?;
            Spec::parse(&text, options).with_context(named)
        }
    }
}

/// What was asked for, or this project's model.
pub fn built_in(argument: &ReaderArgument) -> Reader {
    argument.reader.unwrap_or(Reader::AlphagenomeBurn)
}

/// The text of a spec's file, which may be a device or a pipe without end.
fn text_of(path: &Path) -> anyhow::Result<String> {
    let mut bytes = Vec::new();
    File::open(path)?
        .take(MAX_SPEC + 1)
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_SPEC {
        anyhow::bail!(
            "more than {}, which no mapping spec takes; give a TOML file as docs/mapping.md describes",
            text::bytes(MAX_SPEC)
        );
    }
    String::from_utf8(bytes).map_err(|_| {
        anyhow::anyhow!("not UTF-8 text; give a TOML file as docs/mapping.md describes")
    })
}

/// Threads and memory.
pub fn resources(arguments: &ResourceArguments) -> Resources {
    let processors = || std::thread::available_parallelism().map_or(1, usize::from);
    let memory = usize::try_from(arguments.memory).unwrap_or(usize::MAX);
    Resources {
        threads: arguments.threads.map_or_else(processors, usize::from),
        memory,
    }
}

/// Reads track metadata, compares it with the heads, and makes `tracks.json` of it.
pub fn tracks(dir: &Path, spec: &Spec, plan: &Plan) -> anyhow::Result<Vec<u8>> {
    let tracks = metadata::read_dir(dir)?;
    tracks.validate(&widths(spec, plan)?)?;
    Ok(to_json(&tracks)?)
}

/// Adds the tracks' means to a checkpoint where the spec reads them, and to its plan.
pub fn with_means<C: Checkpoint>(
    spec: &Spec,
    checkpoint: C,
    plan: Plan,
    dtype: Dtype,
    tracks: Option<&[u8]>,
) -> anyhow::Result<(WithMeans<C>, Plan)> {
    let Some(means) = spec
        .tracks
        .as_ref()
        .and_then(|tracks| tracks.means.as_ref())
    else {
        return Ok((WithMeans::none(checkpoint), plan));
    };
    let Some(tracks) = tracks else {
        anyhow::bail!(
            "the spec `{}` writes the means of tracks, which no checkpoint holds: give AlphaGenome's track metadata with \
             --metadata DIR",
            spec.name
        );
    };
    let organisms = plan.config.get(&means.organisms).and_then(Value::as_u64);
    let organisms = organisms.with_context(|| {
        format!(
            "the config of the spec `{}` has no number `{}`",
            spec.name, means.organisms
        )
    })?;
    let heads = widths(spec, &plan)?;
    let with = WithMeans::new(
        checkpoint,
        spec,
        &heads,
        usize::try_from(organisms)?,
        tracks,
    )
    .context(converter::convert::TRACKS)?;
    let plan = Plan::of(spec, &with, dtype)?;
    Ok((with, plan))
}

/// The heads' widths, from `config` where the spec's `[tracks]` says.
fn widths(spec: &Spec, plan: &Plan) -> anyhow::Result<Vec<HeadWidth>> {
    let Some(places) = &spec.tracks else {
        anyhow::bail!(
            "the spec `{}` has no [tracks], so track metadata cannot be checked against it",
            spec.name
        );
    };
    let heads = plan.config.get(&places.heads).and_then(Value::as_object);
    let mut widths = Vec::new();
    for (head, entry) in heads.into_iter().flatten() {
        let output_type = entry.get(&places.output_type).and_then(Value::as_str);
        let width = places.width.iter().find_map(|key| entry.get(key)?.as_u64());
        let (Some(output_type), Some(width)) = (output_type, width) else {
            anyhow::bail!(
                "head `{head}` in the config has no {} or no {}",
                places.output_type,
                places.width.join(", ")
            );
        };
        let width = usize::try_from(width)?;
        widths.push(HeadWidth {
            head: head.clone(),
            output_type: output_type.to_owned(),
            width,
        });
    }
    Ok(widths)
}
