//! Results fit `schema/result.schema.json`, and every property that the schema names is one that results have.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

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
            !["floor", "decision", "not_compared/", "/first/"]
                .iter()
                .any(|part| path.contains(part))
        })
        .collect();
    assert_eq!(unmet, [""; 0]);
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
