//! Any bytes as a manifest's body: what is accepted has versions in order, and names no path that leads out.

#![no_main]

use libfuzzer_sys::fuzz_target;
use ocdbt::{Limits, Manifest, check_name};

fuzz_target!(|bytes: &[u8]| {
    let Ok(manifest) = Manifest::parse_body(bytes, "base/", &Limits::default()) else {
        return;
    };
    let Some(versions) = manifest.versions else {
        return;
    };
    assert!(
        versions
            .windows(2)
            .all(|pair| pair[0].generation < pair[1].generation)
    );
    for root in versions.iter().filter_map(|version| version.root.as_ref()) {
        assert!(root.file.path().is_empty() || check_name(root.file.path()).is_ok());
        assert!(root.offset.checked_add(root.length).is_some());
    }
});
