//! Results fit `schema/result.schema.json`, and every property that the schema names is one that results have.

mod support;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use parity::recording::Values;
use serde_json::Value;
use support::Case;

fn result(arguments: &[&str]) -> Value {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = |name: &str| root.join(name).display().to_string();
    let output = Command::new(env!("CARGO_BIN_EXE_parity"))
        .args(["compare", "--json"])
        .args(arguments.iter().map(|name| folder(name)))
        .output()
        .unwrap();
    serde_json::from_slice(&output.stdout).unwrap()
}

/// What of JSON Schema the file uses: `$ref`, `type`, `properties`, `required`, `items`, `anyOf`, `enum`, `const`. Properties
/// that are not named are faults. Names that were met are added to `met`.
fn check(
    value: &Value,
    schema: &Value,
    root: &Value,
    met: &mut BTreeSet<usize>,
) -> Result<(), String> {
    if let Some(reference) = schema["$ref"].as_str() {
        let target = root
            .pointer(&reference[1..])
            .ok_or_else(|| format!("no {reference}"))?;
        return check(value, target, root, met);
    }
    if let Some(choices) = schema["anyOf"].as_array() {
        let faults: Vec<_> = choices
            .iter()
            .map(|choice| check(value, choice, root, met))
            .collect();
        return if faults.iter().any(Result::is_ok) {
            Ok(())
        } else {
            faults.into_iter().collect()
        };
    }
    if let Some(values) = schema["enum"].as_array() {
        return if values.contains(value) {
            Ok(())
        } else {
            Err(format!("{value} is not listed"))
        };
    }
    if let Some(constant) = schema.get("const") {
        return if constant == value {
            Ok(())
        } else {
            Err(format!("{value} is not {constant}"))
        };
    }
    let fits = match schema["type"].as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("number") => value.is_number(),
        Some("integer") => value.is_u64() || value.is_i64(),
        Some("boolean") => value.is_boolean(),
        Some("null") => value.is_null(),
        other => return Err(format!("type {other:?} in the schema")),
    };
    if !fits {
        return Err(format!("{value} is no {}", schema["type"]));
    }
    if let Some(members) = value.as_object() {
        for name in schema["required"].as_array().into_iter().flatten() {
            if !members.contains_key(name.as_str().unwrap()) {
                return Err(format!("{name} is missing"));
            }
        }
        for (name, member) in members {
            let property = schema["properties"]
                .get(name)
                .ok_or_else(|| format!("{name} is not in the schema"))?;
            met.insert(std::ptr::from_ref(property) as usize);
            check(member, property, root, met).map_err(|e| format!("{name}: {e}"))?;
        }
    }
    for (i, item) in value.as_array().into_iter().flatten().enumerate() {
        check(item, &schema["items"], root, met).map_err(|e| format!("[{i}]: {e}"))?;
    }
    Ok(())
}

/// Every named property of the schema, by address, with its path.
fn properties(schema: &Value, path: &str, all: &mut Vec<(usize, String)>) {
    for (name, member) in schema.as_object().into_iter().flatten() {
        let path = format!("{path}/{name}");
        if name == "properties" {
            for (property, value) in member.as_object().unwrap() {
                all.push((
                    std::ptr::from_ref(value) as usize,
                    format!("{path}/{property}"),
                ));
            }
        }
        properties(member, &path, all);
    }
    for item in schema.as_array().into_iter().flatten() {
        properties(item, path, all);
    }
}

#[test]
fn results_and_schema_describe_each_other() {
    let schema: Value = serde_json::from_str(parity::report::json::RESULT_SCHEMA).unwrap();
    let mut met = BTreeSet::new();
    for pair in [
        ["tests/data/two_frameworks/a", "tests/data/two_frameworks/b"],
        [
            "../tests/fixtures/recordings/tiny_cpu_f32",
            "../tests/fixtures/recordings/tiny_cpu_bf16",
        ],
    ] {
        check(&result(&pair), &schema, &schema, &mut met)
            .unwrap_or_else(|e| panic!("{pair:?}: {e}"));
    }
    let mut all = Vec::new();
    properties(&schema, "", &mut all);
    let unmet: Vec<_> = all
        .iter()
        .filter(|(address, _)| !met.contains(address))
        .map(|(_, path)| path.as_str())
        // What these two comparisons have no occasion for.
        .filter(|path| {
            ![
                "floor",
                "decision",
                "not_compared/",
                "/first/",
                "changed_tensors",
            ]
            .iter()
            .any(|part| path.contains(part))
        })
        .collect();
    assert_eq!(unmet, [""; 0]);
}

/// Squares and sums of such values have no place in a float64: the figures say so, as the schema lets them.
#[test]
fn values_at_the_end_of_float64_keep_the_schema() {
    let schema: Value = serde_json::from_str(parity::report::json::RESULT_SCHEMA).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let values: Vec<f32> = (0..192).map(|i| (i as f32 * 0.7).sin()).collect();
    let positive: Vec<f32> = values.iter().map(|x| x.abs()).collect();
    let shape = |channels: usize| vec![1, 192 / channels, channels];
    let case = Case::of(vec![
        ("embeddings_1bp", shape(12), values.clone()),
        ("atac/predictions_1bp", shape(12), positive.clone()),
        ("splice_sites_classification/logits", shape(4), values),
    ]);
    let record = |name: &str, factor: f64| {
        let far =
            |values: &[f32]| Values::F64(values.iter().map(|&x| f64::from(x) * factor).collect());
        case.record_as(&folder.path().join(name), far)
    };
    let sizes = [
        ("big", 1.7e308),
        ("turned", -1.7e308),
        ("one", 1.0),
        ("tiny", 5e-324),
    ];
    let recorded = sizes.map(|(name, factor)| record(name, factor));
    let mut undefined = 0;
    for (i, a) in recorded.iter().enumerate() {
        for b in &recorded[i..] {
            let result = result(&[a, b]);
            check(&result, &schema, &schema, &mut BTreeSet::new())
                .unwrap_or_else(|e| panic!("{a} {b}: {e}"));
            undefined += result.to_string().matches("not_finite\"}").count();
            parity::report::json::read(&result.to_string(), "a result").unwrap();
        }
    }
    assert!(undefined > 0, "no figure exceeds a float64 here");
}

#[test]
fn the_check_fails_on_what_does_not_fit() {
    let schema: Value = serde_json::from_str(parity::report::json::RESULT_SCHEMA).unwrap();
    let good = result(&["tests/data/two_frameworks/a", "tests/data/two_frameworks/b"]);
    let mut met = BTreeSet::new();
    for (pointer, value) in [
        ("/schema_version", Value::from(2)),
        ("/runs/0/dtype", "float23".into()),
        ("/runs/0/cases/0/pass", Value::Null),
        ("/verdict", serde_json::json!({})),
    ] {
        let mut bad = good.clone();
        *bad.pointer_mut(pointer).unwrap() = value;
        assert!(
            check(&bad, &schema, &schema, &mut met).is_err(),
            "{pointer}"
        );
    }
}
