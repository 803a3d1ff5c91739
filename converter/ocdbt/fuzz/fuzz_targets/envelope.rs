//! Any bytes, as they are and with length and checksum made right, so that what stands behind them is reached.

#![no_main]

use libfuzzer_sys::fuzz_target;
use ocdbt::{Kind, open_envelope};

const LIMIT: u64 = 1 << 20;

fuzz_target!(|bytes: &[u8]| {
    for kind in [Kind::Manifest, Kind::Node] {
        let _ = open_envelope(kind, bytes, LIMIT);
        let length = (bytes.len() + 16) as u64;
        let mut sealed = [
            &kind.magic().to_be_bytes()[..],
            &length.to_le_bytes(),
            bytes,
        ]
        .concat();
        sealed.extend(crc32c::crc32c(&sealed).to_le_bytes());
        if let Ok(body) = open_envelope(kind, &sealed, LIMIT) {
            assert!(body.len() as u64 <= LIMIT);
        }
    }
});
