//! A handful of mutations, and the sound model; `make mutate` runs all of them.

use mutations::table::row_start;
use mutations::{Judge, Mutation, Tiny};

const HANDFUL: [&str; 4] = [
    "attention MLP weights in bfloat16",
    "rotary embedding of halves",
    "positive donors and acceptors exchanged",
    "epsilon 1e-6 in an encoder norm",
];

#[test]
fn the_floor_catches_faults_and_passes_the_sound_model() {
    let tiny = Tiny::convert().unwrap();
    let judge = Judge::new(&tiny).unwrap();
    let sound = judge.sound(&tiny).unwrap();
    assert!(!sound.floor.caught, "{:?}", sound.floor);
    assert!(!sound.levels.contains(&true), "{:?}", sound.levels);
    for name in HANDFUL {
        let mutation = Mutation::named(name).unwrap_or_else(|| panic!("no mutation `{name}`"));
        let finding = judge.broken(&tiny, mutation).unwrap();
        assert!(finding.floor.caught, "{name}: {:?}", finding.floor);
        assert!(finding.changed > 0);
    }
}

#[test]
fn the_page_has_every_mutation() {
    let path = tests::fixtures::repository().join("docs/mutations.md");
    let page = std::fs::read_to_string(path).unwrap();
    let rows: Vec<&str> = page.lines().filter(|line| line.starts_with("| ")).collect();
    for mutation in Mutation::all() {
        let module = mutation.module.trim_start_matches("alphagenome/");
        let start = row_start(&mutation.name, module, mutation.kind.words());
        let found = rows.iter().filter(|row| row.starts_with(&start)).count();
        assert_eq!(
            found, 1,
            "docs/mutations.md lacks `{start}`: run `make mutate`"
        );
    }
    let last = rows
        .iter()
        .rposition(|row| row.starts_with("| fault |"))
        .unwrap();
    // Below the head of the table: the sound model, then one row each.
    assert_eq!(
        rows.len() - last - 2,
        Mutation::all().len(),
        "run `make mutate`"
    );
}
