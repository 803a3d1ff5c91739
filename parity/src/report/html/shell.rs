//! What every page has around its content: policy, style, theme and sorting. It loads nothing.

use super::text::escape;

const STYLE: &str = include_str!("base.css");
const SCRIPT: &str = include_str!("base.js");
/// Nothing is loaded from anywhere, and a browser holds the page to it.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'";

/// The page with this title, with `style` added to what all pages have, and `body` as markup. A button `#theme` must stand in it.
#[must_use]
pub fn page(title: &str, style: &str, body: &str) -> String {
    let title = escape(title);
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{title}</title>\n\
         <style>\n{STYLE}{style}</style>\n</head>\n<body>\n{body}<script>\n{SCRIPT}</script>\n</body>\n</html>\n"
    )
}
