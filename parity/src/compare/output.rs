//! Compares one output.

use std::cell::LazyCell;
use std::collections::BTreeMap;

use parity_stats::groups::GroupError;
use parity_stats::{Comparison, FloatType, Options, OutlierScan, Tolerance, summary::Summary};

use super::groups::Groups;
use super::{Settings, Source, analyses, judge, tables};
use crate::outputs::{Kind, head_of, kind_of};
use crate::recording::{DType, OutputEntry, RecordingError, kept_shape};
use crate::result::{OutputResult, Padding};
use crate::sample::{Layout, Pair};

/// Arrays of more bytes than this on a side are read in blocks, twice, instead of being held.
const STREAMED_FROM: usize = 256 << 20;
/// Values a block of a streamed array.
const BLOCK: usize = 1 << 22;

/// Compares the values of a pair and judges them.
pub fn compare_pair(
    name: &str,
    pair: &Pair<'_>,
    full_shape: Vec<usize>,
    dtypes: (DType, DType),
    settings: &Settings,
) -> OutputResult {
    let options = options(name, dtypes, settings);
    let (reference, candidate) = (pair.reference.view(), pair.candidate.view());
    let summary = parity_stats::compare(reference, candidate, &options)
        .expect("a pair has as many values on both sides");
    let mut output = assemble(name, full_shape, &pair.layout, dtypes, summary);
    output.padding = tables::padding(pair, &output.summary);
    let groups = LazyCell::new(|| Groups::of(pair).ok());
    if settings.tables || settings.floor.is_some() {
        describe(&mut output, groups.as_ref());
    }
    if settings.tables && dtypes.0.is_float() {
        tables::fill(&mut output, pair, groups.as_ref());
        analyses::fill(&mut output, pair, settings);
    }
    // What the verdict reads is there whatever else is shown.
    analyses::classes(&mut output, pair, settings);
    judge::output(&mut output, settings, &|| groups.as_ref());
    output
}

/// Names the farthest track and window, of what has tracks or positions of its own.
fn describe(output: &mut OutputResult, groups: Option<&Groups>) {
    if output.reference_dtype.is_float()
        && output.kind != Kind::Tap
        && let Some(groups) = groups
    {
        groups.describe(output);
    }
}

fn assemble(
    name: &str,
    full_shape: Vec<usize>,
    layout: &Layout,
    dtypes: (DType, DType),
    summary: Summary,
) -> OutputResult {
    let kind = kind_of(name.trim_end_matches("@given"));
    OutputResult {
        name: name.into(),
        kind: kind.kind,
        head: head_of(name).map(Into::into),
        resolution: kind.resolution,
        full_shape,
        compared_shape: layout.shape(),
        reference_dtype: dtypes.0,
        candidate_dtype: dtypes.1,
        max_place: summary.max.map(|max| layout.place(max.index as usize)),
        summary,
        padding: Padding::default(),
        checks: Vec::new(),
        pass: true,
        farthest_track: None,
        farthest_window: None,
        floor: None,
        effective: None,
        tracks: None,
        quantiles: None,
        deciles: Vec::new(),
        positions: Vec::new(),
        worst_positions: Vec::new(),
        bias: None,
        classes: None,
        loss: None,
        scatter: Vec::new(),
        notes: Vec::new(),
    }
}

/// What the statistics compute for an output: the levels' tolerances and the output's own, steps in its type.
fn options(name: &str, dtypes: (DType, DType), settings: &Settings) -> Options {
    let mut options = Options::default();
    let bounds = settings
        .thresholds
        .bounds(settings.level, settings.dtype, name);
    if let Some(within) = bounds.and_then(|bounds| bounds.within) {
        let tolerance: Tolerance = within.tolerance();
        if !options.tolerances.contains(&tolerance) {
            options.tolerances.push(tolerance);
        }
    }
    let coarse = |dtype: DType| match dtype {
        DType::Bfloat16 => 0,
        DType::Float16 => 1,
        _ => 2,
    };
    let step = match coarse(dtypes.0).min(coarse(dtypes.1)) {
        0 => FloatType::Bf16,
        1 => FloatType::F16,
        _ => kind_of(name).step.unwrap_or(FloatType::F32),
    };
    options.ulp = dtypes.0.is_float().then_some(step);
    options
}

/// True where both sides can be streamed, kept the same places and are too large to hold.
pub(super) fn streams(
    name: &str,
    reference: &mut dyn Source,
    candidate: &mut dyn Source,
) -> Result<bool, RecordingError> {
    if matches!(
        kind_of(name).kind,
        Kind::Junctions | Kind::JunctionMask | Kind::SplicePositions
    ) {
        return Ok(false);
    }
    let Some((a, kept_a)) = reference.streamable(name)? else {
        return Ok(false);
    };
    let Some((b, kept_b)) = candidate.streamable(name)? else {
        return Ok(false);
    };
    let bytes = |entry: &OutputEntry, kept: &BTreeMap<usize, Vec<usize>>| {
        kept_shape(&entry.shape, kept).iter().product::<usize>() * entry.dtype.size()
    };
    let large = bytes(&a, &kept_a).max(bytes(&b, &kept_b)) > STREAMED_FROM;
    Ok(large
        && a.shape == b.shape
        && kept_a == kept_b
        && !reference.stream(name)?.is_fortran()
        && !candidate.stream(name)?.is_fortran())
}

/// Compares two arrays block by block: once for the figures, once for the outliers.
pub(super) fn compare_streams(
    name: &str,
    reference: &mut dyn Source,
    candidate: &mut dyn Source,
    settings: &Settings,
) -> Result<OutputResult, RecordingError> {
    let (Some((entry, kept)), Some((other, _))) =
        (reference.streamable(name)?, candidate.streamable(name)?)
    else {
        return Err(RecordingError::array("", name, "cannot be streamed"));
    };
    let dtypes = (entry.dtype, other.dtype);
    let options = options(name, dtypes, settings);
    let shape = kept_shape(&entry.shape, &kept);
    let mut nan = tables::OddTracks::new(shape.last().copied().unwrap_or(0));
    let layout = Layout::Grid {
        full_shape: entry.shape.clone(),
        kept,
    };
    let mut comparison = Comparison::new(options.clone());
    let mut groups = Groups::new(&layout);
    let block = groups.block(BLOCK);
    each_block(name, block, (reference, candidate), |a, b| {
        nan.push(a, b);
        groups.push(a, b)?;
        comparison.push(a, b).map_err(GroupError::Length)
    })?;
    let mut summary = comparison.finish();
    if let Some(mut scan) = OutlierScan::after(&summary, &options) {
        each_block(name, block, (reference, candidate), |a, b| {
            scan.push(a, b).map_err(GroupError::Length)
        })?;
        summary.outliers = Some(scan.finish());
    }
    let mut output = assemble(name, entry.shape, &layout, dtypes, summary);
    output.padding = nan.finish();
    output
        .notes
        .push("read in blocks: no tables per track, decile or position".into());
    output.effective = groups.effective();
    describe(&mut output, Some(&groups));
    judge::output(&mut output, settings, &|| Some(&groups));
    Ok(output)
}

fn each_block(
    name: &str,
    block: usize,
    (reference, candidate): (&mut dyn Source, &mut dyn Source),
    mut push: impl FnMut(parity_stats::Values<'_>, parity_stats::Values<'_>) -> Result<(), GroupError>,
) -> Result<(), RecordingError> {
    let fault = |e: std::io::Error| RecordingError::array("", name, e.to_string());
    let mut a = reference.stream(name)?;
    let mut b = candidate.stream(name)?;
    loop {
        match (
            a.next_block(block).map_err(fault)?,
            b.next_block(block).map_err(fault)?,
        ) {
            (Some(a), Some(b)) => push(a.view(), b.view())
                .map_err(|e| RecordingError::array("", name, e.to_string()))?,
            _ => return Ok(()),
        }
    }
}
