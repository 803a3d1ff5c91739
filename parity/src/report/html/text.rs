//! Text and numbers as they stand in the page.

use std::fmt::Write;

use parity_stats::Stat;

/// `text` with what HTML and SVG give a meaning replaced; what HTML forbids, or turns the order of text, is written as `\u001b`.
#[must_use]
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in terminal::text(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// `1.86e-2`, with as many digits after the point.
#[must_use]
pub fn scientific(x: f64, digits: usize) -> String {
    if x == 0.0 {
        return "0".into();
    }
    let text = format!("{}{:.digits$e}", minus(x), x.abs());
    // A number of its own size needs no exponent.
    text.strip_suffix("e0").map_or(text.clone(), String::from)
}

/// The sign of a negative number is a minus, no hyphen; that of an exponent stays as programs write it.
fn minus(x: f64) -> &'static str {
    if x < 0.0 { "\u{2212}" } else { "" }
}

/// `1,048,576`.
#[must_use]
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A share in percent, cut and not rounded: only all is 100 %.
pub(super) fn percent(share: f64) -> String {
    match share {
        1.0 => "100 %".into(),
        0.0 => "0 %".into(),
        share if share < 1e-5 => format!("{:.0e} %", share * 100.0),
        share => format!("{:.3} %", (share * 1e5).floor() / 1e3),
    }
}

/// A number of a few digits, for a person: `0.9999`, `12.5`, `3.1e-7`.
#[must_use]
pub fn short(x: f64) -> String {
    if x == 0.0 {
        return "0".into();
    }
    if !(1e-3..1e5).contains(&x.abs()) {
        return scientific(x, 2);
    }
    let text = format!("{:.6}", x.abs());
    let text = text.trim_end_matches('0').trim_end_matches('.');
    format!("{}{text}", minus(x))
}

/// `10` to a power, with the exponent raised.
pub(super) fn power_of_ten(exponent: i32) -> String {
    match exponent {
        0 => return "1".into(),
        1 => return "10".into(),
        _ => {}
    }
    format!("10{}", raised(exponent))
}

/// A raised number.
pub(super) fn raised(exponent: i32) -> String {
    let raise = |c: char| match c {
        '-' => '\u{207b}',
        '1' => '\u{b9}',
        '2' => '\u{b2}',
        '3' => '\u{b3}',
        digit => char::from_u32(0x2070 + digit.to_digit(10).unwrap_or(0)).unwrap_or(digit),
    };
    exponent.to_string().chars().map(raise).collect()
}

/// `[0, 27, 4]`.
pub(super) fn place(place: Option<&[usize]>) -> String {
    let Some(place) = place else {
        return "\u{2013}".into();
    };
    let mut out = String::from("[");
    for (i, index) in place.iter().enumerate() {
        let _ = write!(out, "{}{index}", if i == 0 { "" } else { ", " });
    }
    out + "]"
}

/// A number in words, or why there is none.
pub(super) fn stat(stat: Stat, number: impl Fn(f64) -> String) -> String {
    match stat {
        Stat::Defined(x) => number(x),
        Stat::Undefined(reason) => reason.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_is_escaped() {
        assert_eq!(
            escape("<script>\"a\" & 'b'\0"),
            "&lt;script&gt;&quot;a&quot; &amp; &#39;b&#39;\\u0000"
        );
    }

    #[test]
    fn numbers_read_well() {
        assert_eq!(count(1_048_576), "1,048,576");
        assert_eq!(count(12), "12");
        assert_eq!(scientific(-0.0186, 2), "\u{2212}1.86e-2");
        assert_eq!(scientific(0.0, 2), "0");
        assert_eq!(power_of_ten(-12), "10\u{207b}\u{b9}\u{b2}");
        assert_eq!(short(0.9999), "0.9999");
        assert_eq!(short(-2.5), "\u{2212}2.5");
    }

    #[test]
    fn only_all_is_a_hundred_percent() {
        assert_eq!(percent(1.0), "100 %");
        assert_eq!(percent(0.999_999_9), "99.999 %");
        assert_eq!(percent(0.0), "0 %");
    }
}
