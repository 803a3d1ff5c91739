//! Haiku's names of modules.

/// The n-th module of a name: the first of them has no number.
///
/// ```
/// assert_eq!(model::names::numbered("mlp_block", 0), "mlp_block");
/// assert_eq!(model::names::numbered("mlp_block", 3), "mlp_block_3");
/// ```
pub fn numbered(name: &str, index: usize) -> String {
    match index {
        0 => name.to_owned(),
        _ => format!("{name}_{index}"),
    }
}

/// The name of a module and which of that name it is: what [`numbered`] made.
///
/// ```
/// assert_eq!(model::names::number_of("mlp_block_3"), ("mlp_block", 3));
/// assert_eq!(model::names::number_of("mlp_block"), ("mlp_block", 0));
/// ```
pub fn number_of(module: &str) -> (&str, usize) {
    let parts = module.rsplit_once('_');
    let number = parts.and_then(|(name, digits)| Some((name, digits.parse().ok()?)));
    number.unwrap_or((module, 0))
}
