//! Values as people write them.

/// An organism: its name, or its index in the model's embedding.
pub(super) fn organism(text: &str) -> Result<usize, String> {
    match text.to_ascii_lowercase().as_str() {
        "human" | "homo_sapiens" => Ok(0),
        "mouse" | "mus_musculus" => Ok(1),
        index => index
            .parse()
            .map_err(|_| "expected human, mouse, or an organism's index".into()),
    }
}

/// Base pairs: 131072, 128k or 1M, in units of 1,024.
///
/// # Errors
/// Where the text is no number, or the number is too large.
pub fn base_pairs(text: &str) -> Result<usize, String> {
    let text = text.trim().trim_end_matches("bp").trim_end();
    let (digits, unit) = match text.char_indices().last() {
        Some((at, 'k' | 'K')) => (&text[..at], 1 << 10),
        Some((at, 'M')) => (&text[..at], 1 << 20),
        _ => (text, 1),
    };
    let number = digits.replace('_', "").parse::<usize>().ok();
    number
        .and_then(|number| number.checked_mul(unit))
        .ok_or_else(|| "expected base pairs, as 4096, 128k or 1M".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn organisms_have_names_and_indices() {
        for (text, index) in [
            ("human", 0),
            ("Mouse", 1),
            ("MUS_MUSCULUS", 1),
            ("0", 0),
            ("7", 7),
        ] {
            assert_eq!(organism(text), Ok(index), "{text}");
        }
        for text in ["", "rat", "-1"] {
            assert!(organism(text).is_err(), "{text}");
        }
    }

    #[test]
    fn lengths_are_written_in_several_ways() {
        for (text, length) in [
            ("4096", 4096),
            ("131_072", 131_072),
            ("128k", 131_072),
            ("1M", 1 << 20),
            ("2048 bp", 2048),
        ] {
            assert_eq!(base_pairs(text), Ok(length), "{text}");
        }
        for text in [
            "",
            "k",
            "4,096",
            "1.5k",
            "-2048",
            "99999999999999999999",
            "99999999999999999k",
        ] {
            assert!(base_pairs(text).is_err(), "{text}");
        }
    }
}
