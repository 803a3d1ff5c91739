//! Words for people: near misses, byte counts and counted nouns.

/// The candidate nearest to `name`, if it is near enough to be a slip of the pen: at most a third of it differs.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = name.chars().count().div_ceil(3);
    let distances = candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(name, candidate), candidate));
    distances
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Writes a number of bytes with a binary unit: `1.8 GiB`.
pub fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if count < 1024 {
        return format!("{count} B");
    }
    let mut value = count as f64 / 1024.0;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

/// Reads a number of bytes: `500MB` and `500M` are decimal, `500MiB` is binary.
///
/// # Errors
/// Says what a size looks like.
pub fn parse_bytes(text: &str) -> Result<u64, String> {
    let complaint = || {
        format!(
            "`{text}` is no size: write a number of bytes with a unit such as 500MB, 5GB or 2GiB"
        )
    };
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let number: u64 = text[..digits].parse().map_err(|_| complaint())?;
    let factor: u64 = match text[digits..].trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" => 1000,
        "m" | "mb" => 1_000_000,
        "g" | "gb" => 1_000_000_000,
        "t" | "tb" => 1_000_000_000_000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        "tib" => 1 << 40,
        _ => return Err(complaint()),
    };
    number
        .checked_mul(factor)
        .filter(|&size| size > 0)
        .ok_or_else(complaint)
}

/// `1 leaf`, `2 leaves`.
pub fn counted(count: usize, one: &str, many: &str) -> String {
    if count == 1 {
        format!("1 {one}")
    } else {
        format!("{count} {many}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_misses_are_found_and_strangers_are_not() {
        assert_eq!(nearest("sqeeze", ["squeeze", "stack"]), Some("squeeze"));
        assert_eq!(nearest("frobnicate", ["squeeze", "stack"]), None);
    }

    #[test]
    fn sizes_are_read_and_written() {
        assert_eq!(parse_bytes("500MB"), Ok(500_000_000));
        assert_eq!(parse_bytes("2 GiB"), Ok(2 << 30));
        assert_eq!(parse_bytes("17"), Ok(17));
        for bad in [
            "",
            "0",
            "GB",
            "-1",
            "1.5GB",
            "5 apples",
            "99999999999999999999",
            "99999999999TB",
        ] {
            assert!(parse_bytes(bad).is_err(), "{bad}");
        }
        assert_eq!(bytes(1023), "1023 B");
        assert_eq!(bytes(1_802_212_884), "1.7 GiB");
    }
}
