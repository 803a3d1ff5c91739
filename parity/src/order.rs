//! The order in which the data passes the modules, by Haiku's paths.

use std::cmp::Reverse;

/// Modules of AlphaGenome and the embeddings that they give, as they stand in the graph of a pass; a test makes the list.
const ORDER: &str = include_str!("../data/order.txt");

/// Where a module or output stands in the order of the data; what is inside a module comes before it, and heads come last.
///
/// ```
/// use parity::order::depth;
/// let tower = "taps/alphagenome/transformer_tower";
/// assert!(depth(&format!("{tower}/mha_block")) < depth(&format!("{tower}/mlp_block")));
/// assert!(depth(&format!("{tower}/mlp_block_1")) < depth(&format!("{tower}/pair_update_block_1")));
/// assert!(depth(&format!("{tower}/mlp_block_8")) < depth("embeddings_128bp"));
/// ```
pub fn depth(name: &str) -> (usize, Reverse<usize>) {
    let path = name.strip_prefix("taps/").unwrap_or(name);
    let begins = |module: &str| {
        let rest = path.strip_prefix(module);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let modules = ORDER.lines().enumerate();
    let within = modules.filter(|(_, module)| begins(module));
    let innermost = within.max_by_key(|(_, module)| module.len());
    let place = innermost.map_or(usize::MAX, |(place, _)| place);
    (place, Reverse(path.split('/').count()))
}
