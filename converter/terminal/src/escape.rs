//! Characters that would command a terminal instead of standing on it.
//!
//! Names come from files that others wrote. A name may hold an escape sequence that rewrites the screen, or a bidirectional
//! override that turns the order of what follows (CVE-2021-42574). Such characters are written as `\u001b`, which is also how
//! JSON writes them, so that escaped JSON is the same JSON.

use std::borrow::Cow;
use std::fmt::Write;

/// `text` of several lines: line feeds and tabs stay.
///
/// ```
/// assert_eq!(terminal::text("a\u{1b}[31m\n"), "a\\u001b[31m\n");
/// ```
#[must_use]
pub fn text(text: &str) -> Cow<'_, str> {
    escaped(text, |c| !matches!(c, '\n' | '\t') && is_command(c))
}

/// Text of one line, such as a name: line feeds and tabs are escaped too.
///
/// ```
/// assert_eq!(terminal::line("a\nb\u{fffe}"), "a\\u000ab\\ufffe");
/// ```
#[must_use]
pub fn line(text: &str) -> Cow<'_, str> {
    escaped(text, is_command)
}

fn escaped(text: &str, is_escaped: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&is_escaped) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_escaped(c) {
            let _ = write!(out, "\\u{:04x}", u32::from(c));
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

/// Control characters, marks of direction and of lines (Unicode's `Bidi_Control`, U+2028, U+2029), and what XML 1.0 has no
/// way to write (U+FFFE, U+FFFF). All stand in Unicode's first plane, so that four digits name them.
fn is_command(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}'
                | '\u{fffe}' | '\u{ffff}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_commands_a_terminal_is_escaped_and_nothing_else() {
        let sound = "rna_seq/predictions_1bp: 1e-3 \u{b5}m, \u{5909}\u{7570}, \u{1f9ec}";
        assert!(matches!(line(sound), Cow::Borrowed(_)));
        for (raw, escaped) in [
            ("\u{1b}]0;title\u{7}", "\\u001b]0;title\\u0007"),
            ("\r\u{8}\u{7f}", "\\u000d\\u0008\\u007f"),
            ("\u{9b}2J", "\\u009b2J"),
            ("\u{202e}fdp", "\\u202efdp"),
            ("\u{2066}\u{feff}\u{ffff}", "\\u2066\\ufeff\\uffff"),
        ] {
            assert_eq!(line(raw), escaped);
            assert_eq!(text(raw), escaped);
        }
        assert_eq!(text("a\tb\nc"), "a\tb\nc");
    }
}
