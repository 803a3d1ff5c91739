//! What a page of HTML consists of, and what must hold for it.

use std::collections::BTreeSet;

/// The tags of a page outside of its style and script, with their attributes.
fn tags(page: &str) -> Vec<&str> {
    let mut rest = page;
    let mut tags = Vec::new();
    while let Some(start) = rest.find('<') {
        let end = start + rest[start..].find('>').expect("a tag that does not end");
        let tag = &rest[start + 1..end];
        tags.push(tag);
        rest = &rest[end + 1..];
        for raw in ["style", "script"] {
            if tag == raw {
                let close = format!("</{raw}>");
                rest = &rest[rest.find(&close).expect("an end of it")..];
            }
        }
    }
    tags
}

/// Every value of an attribute.
fn attributes<'a>(page: &'a str, name: &str) -> Vec<&'a str> {
    let start = format!(" {name}=\"");
    tags(page)
        .into_iter()
        .flat_map(|tag| tag.split(start.as_str()).skip(1))
        .map(|rest| rest.split('"').next().unwrap())
        .collect()
}

/// Every element ends, in order; identifiers are unique; links lead somewhere; no drawing holds what is no number.
pub fn check_well_formed(page: &str) {
    let mut open: Vec<&str> = Vec::new();
    for tag in tags(page) {
        let name = tag.split([' ', '/']).find(|part| !part.is_empty()).unwrap();
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name), "</{name}>");
        } else if !tag.ends_with('/') && !matches!(name, "!DOCTYPE" | "meta") {
            open.push(name);
        }
    }
    assert_eq!(open, [""; 0]);
    let ids = attributes(page, "id");
    let unique: BTreeSet<_> = ids.iter().collect();
    assert_eq!(unique.len(), ids.len());
    for link in attributes(page, "href") {
        let target = link
            .strip_prefix('#')
            .unwrap_or_else(|| panic!("{link} leads away"));
        assert!(ids.contains(&target), "nothing is called {target}");
    }
    for name in ["d", "x", "y", "viewBox", "data-v"] {
        for value in attributes(page, name) {
            assert!(
                !value.contains("NaN") && !value.contains("inf"),
                "{name}: {value}"
            );
        }
    }
}

/// Nothing in the page makes a browser load anything.
pub fn check_self_contained(page: &str) {
    for word in [
        "http:", "https:", "//", "url(", "@import", "<link", "<img", "<iframe", "<object", "xlink",
    ] {
        let found: Vec<_> = page
            .match_indices(word)
            .map(|(at, _)| page[at..].chars().take(60).collect::<String>())
            // The script's comments.
            .filter(|text| !text.starts_with("// "))
            .collect();
        assert_eq!(found, [""; 0], "{word}");
    }
    for name in ["src", "srcset", "action", "data", "poster", "background"] {
        assert_eq!(attributes(page, name), [""; 0], "{name}");
    }
    assert!(page.contains("Content-Security-Policy\" content=\"default-src 'none'"));
}
