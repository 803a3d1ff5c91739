//! The order of modules is that of the graph.
#![cfg(feature = "burn")]

use model::Config;

/// `ALPHAGENOME_WRITE_ORDER=FILE` writes the list there.
#[test]
fn the_order_is_read_off_the_graph() {
    let config = Config::parse(include_str!("../../model/tests/data/full_config.json")).unwrap();
    let stages = model::stages::of(&config, None);
    let inner = |stage: &&model::Stage| !stage.path.starts_with("alphagenome/head/");
    let names = stages.iter().filter(inner).flat_map(|stage| &stage.outputs);
    let list: String = names.map(|name| format!("{name}\n")).collect();
    if let Some(path) = std::env::var_os("ALPHAGENOME_WRITE_ORDER") {
        std::fs::write(path, &list).unwrap();
    }
    assert_eq!(list, include_str!("../data/order.txt"));
}
