//! Any bytes as a table of data files: what is accepted names no path that leads out.

#![no_main]

use libfuzzer_sys::fuzz_target;
use ocdbt::{FileTable, Limits, check_name};

fuzz_target!(|bytes: &[u8]| {
    let Ok(table) = FileTable::parse(bytes, "base/", &Limits::default()) else {
        return;
    };
    for file in (0..table.len()).filter_map(|index| table.get(index)) {
        assert!(file.path().is_empty() || check_name(file.path()).is_ok());
        assert!(file.path().starts_with(file.base()));
    }
});
