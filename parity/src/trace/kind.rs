//! What a slice is, by its names: read from `data/traces.toml`.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::read::{Label, Track};

/// Where work ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// On a device.
    Device,
    /// On the host.
    Host,
}

/// What a slice counts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Work of its own.
    Work(Place),
    /// It says which module the slices inside belong to.
    Module,
    /// It tells another track's time again, or is no work.
    Left,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    device_processes: Vec<String>,
    device_categories: Vec<String>,
    module_categories: Vec<String>,
    module_prefixes: Vec<String>,
    derived_threads: Vec<String>,
    stream_prefix: String,
    derived_beside_streams: Vec<String>,
    module_arguments: Vec<String>,
    operation_arguments: Vec<String>,
    ignored_categories: Vec<String>,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    toml::from_str(include_str!("../../data/traces.toml")).expect("the shipped table is valid")
});

/// The label of a slice.
pub(super) fn label(name: &str, category: Option<&str>, args: Option<&Value>) -> Label {
    let mut prefixes = TABLE.module_prefixes.iter();
    let prefixed = prefixes.find_map(|prefix| name.strip_prefix(prefix.as_str()));
    Label {
        name: prefixed.unwrap_or(name).into(),
        category: match prefixed {
            Some(_) => TABLE.module_categories[0].clone(),
            None => category.unwrap_or("").into(),
        },
        module: args.and_then(module),
    }
}

/// The module that a slice's arguments name.
fn module(args: &Value) -> Option<String> {
    let text = |key: &String| {
        args.get(key)
            .and_then(Value::as_str)
            .filter(|t| !t.is_empty())
    };
    if let Some(module) = TABLE.module_arguments.iter().find_map(text) {
        return Some(path(module.split(['/', '.'])));
    }
    let operation = TABLE.operation_arguments.iter().find_map(|key| {
        // A path of operations, no mere name of one.
        text(key).filter(|operation| operation.contains('/') && !operation.starts_with('%'))
    })?;
    let mut segments: Vec<&str> = operation.trim_end_matches(':').split('/').collect();
    segments.pop();
    Some(path(segments.into_iter())).filter(|module| !module.is_empty())
}

/// Segments without the transformations of JAX, as `jit(forward)` and `jvp(...)`.
fn path<'a>(segments: impl Iterator<Item = &'a str>) -> String {
    let named = segments.filter(|segment| !segment.is_empty() && !segment.contains('('));
    named.collect::<Vec<_>>().join("/")
}

/// The processes that have tracks of streams, whose time other tracks tell again.
pub(super) fn with_streams(tracks: &[Track]) -> BTreeSet<&str> {
    let streams = tracks
        .iter()
        .filter(|track| track.thread.starts_with(&TABLE.stream_prefix));
    streams.map(|track| track.process.as_str()).collect()
}

/// What the slices of `label` on `track` count as.
pub(super) fn kind(label: &Label, track: &Track, with_streams: &BTreeSet<&str>) -> Kind {
    let is =
        |list: &[String], text: &str| list.iter().any(|known| known.eq_ignore_ascii_case(text));
    if is(&TABLE.module_categories, &label.category) {
        return Kind::Module;
    }
    if is(&TABLE.derived_threads, &track.thread) || is(&TABLE.ignored_categories, &label.category) {
        return Kind::Left;
    }
    let beside = is(&TABLE.derived_beside_streams, &track.thread);
    if beside && with_streams.contains(track.process.as_str()) {
        return Kind::Left;
    }
    let process = track.process.to_lowercase();
    let on_device = is(&TABLE.device_categories, &label.category)
        || TABLE
            .device_processes
            .iter()
            .any(|known| process.contains(known.as_str()));
    Kind::Work(if on_device {
        Place::Device
    } else {
        Place::Host
    })
}

/// A kernel's name without what differs between two compilations of the same program: C++'s template arguments, and the
/// number that XLA appends.
pub(super) fn plain_name(name: &str) -> String {
    let name = name.strip_prefix("void ").unwrap_or(name);
    let end = name
        .find(['<', '('])
        .filter(|&end| end > 0)
        .unwrap_or(name.len());
    let mut name = &name[..end];
    loop {
        let bare = name.trim_end_matches(|c: char| c.is_ascii_digit());
        let bare = bare.strip_suffix(['.', '_']).unwrap_or(name);
        if bare.is_empty() || bare.len() == name.len() {
            return name.trim().into();
        }
        name = bare;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lose_what_a_compilation_adds() {
        for (name, plain) in [
            ("fusion.123", "fusion"),
            ("loop_add_fusion_12", "loop_add_fusion"),
            ("wrapped_convert.3.1", "wrapped_convert"),
            (
                "void at::native::elementwise<4, f>(int)",
                "at::native::elementwise",
            ),
            (
                "sm90_xmma_gemm_bf16bf16_128x128",
                "sm90_xmma_gemm_bf16bf16_128x128",
            ),
            ("42", "42"),
            ("(anonymous)", "(anonymous)"),
        ] {
            assert_eq!(plain_name(name), plain, "{name}");
        }
    }

    #[test]
    fn modules_are_named_by_every_profiler_in_its_way() {
        let of = |args: Value| module(&args);
        let jax =
            serde_json::json!({"tf_op": "jit(apply)/jit(main)/alphagenome/mha_block/dot_general:"});
        assert_eq!(of(jax).as_deref(), Some("alphagenome/mha_block"));
        let ours = serde_json::json!({"module": "alphagenome/mha_block"});
        assert_eq!(of(ours).as_deref(), Some("alphagenome/mha_block"));
        let torch = serde_json::json!({"Module Hierarchy": "model.tower"});
        assert_eq!(of(torch).as_deref(), Some("model/tower"));
        assert_eq!(
            of(serde_json::json!({"long_name": "%fusion = f32[4]/x"})),
            None
        );
        assert_eq!(of(serde_json::json!(7)), None);
    }
}
