//! A configuration whose values contradict each other is one clear error.

mod support;

use model::Config;
use support::CONFIG;

#[test]
fn a_configuration_reads_back() {
    let config = Config::parse(CONFIG).unwrap();
    let text = serde_json::to_string(&config).unwrap();
    assert_eq!(Config::parse(&text).unwrap(), config);
    assert_eq!(config.heads.len(), 7);
}

#[test]
fn every_contradiction_is_named() {
    for (from, to, expected) in [
        (
            "alphagenome-burn",
            "other",
            "format is `other` version 1, expected `alphagenome-burn` version 1",
        ),
        (
            r#""format_version": 1"#,
            r#""format_version": 2"#,
            "version 2",
        ),
        ("float32", "int8", "dtype is `int8`"),
        (
            r#""num_organisms": 2"#,
            r#""num_organisms": 3"#,
            "2 organisms are named, num_organisms is 3",
        ),
        (
            r#""num_organisms": 2, "organisms": ["human", "mouse"]"#,
            r#""num_organisms": 0, "organisms": []"#,
            "is 0",
        ),
        (
            r#""stem_width": 15"#,
            r#""stem_width": 14"#,
            "encoder.stem_width is 14, expected an odd number",
        ),
        (
            "[4, 4, 6, 6, 8, 8, 8]",
            "[4, 4, 6, 6, 8, 8]",
            "encoder.channels has 6 widths, expected 7",
        ),
        ("[4, 4, 6, 6, 8, 8, 8]", "[4, 6, 4, 6, 8, 8, 8]", "shrink"),
        (
            "[8, 8, 8, 6, 6, 4, 4]",
            "[8, 8, 8, 6, 6, 6, 4]",
            "in reverse",
        ),
        (
            r#""channels": 8, "heads": 2"#,
            r#""channels": 10, "heads": 2"#,
            "tower.channels is 10",
        ),
        (
            r#""layers": 3"#,
            r#""layers": 4000000000"#,
            "tower.layers is 4000000000",
        ),
        (
            r#""heads": 2, "head_width": 4"#,
            r#""heads": 2, "head_width": 5"#,
            "tower.head_width is 5, expected an even",
        ),
        (
            r#""max_position": 8192"#,
            r#""max_position": 1"#,
            "tower.max_position is 1",
        ),
        (
            r#""soft_cap": 5.0"#,
            r#""soft_cap": 0.0"#,
            "tower.soft_cap is 0",
        ),
        (r#""pool": 16"#, r#""pool": 3"#, "pair.pool is 3"),
        (r#""every": 2"#, r#""every": 0"#, "pair.every is 0"),
        (
            r#""position_features": 8"#,
            r#""position_features": 7"#,
            "pair.position_features is 7",
        ),
        (
            r#""row_width": 4"#,
            r#""row_width": 8"#,
            "pair.row_width is 8, expected pair.channels, 4",
        ),
        (
            r#""embeddings_1bp": 8"#,
            r#""embeddings_1bp": 9"#,
            "embedders.embeddings_1bp is 9, expected 8",
        ),
        (
            r#""tracks": 5"#,
            r#""tracks": 4"#,
            "head splice_sites_classification: tracks is 4",
        ),
        (
            r#""resolutions": [128]"#,
            r#""resolutions": [32]"#,
            "head chip_tf: resolutions are [32]",
        ),
        (
            r#""hidden": 4"#,
            r#""hidden": 3"#,
            "head splice_sites_junction: hidden is 3",
        ),
        (r#""top_k": 8"#, r#""top_k": 0"#, "top_k is 0"),
        (
            r#""tissues": 3"#,
            r#""tissues": 99999999999"#,
            "splice_sites_junction is 99999999999",
        ),
    ] {
        let text = CONFIG.replacen(from, to, 1);
        assert_ne!(text, CONFIG, "{from}");
        let error = Config::parse(&text).unwrap_err().to_string();
        assert!(error.contains(expected), "{to}: {error}");
    }
    let twice = CONFIG
        .replace(r#""soft_cap": 5.0"#, r#""soft_cap": -1"#)
        .replace(r#""pool": 16"#, r#""pool": 32"#);
    let error = Config::parse(&twice).unwrap_err().to_string();
    assert!(
        error.contains("tower.soft_cap") && error.contains("pair.pool"),
        "all faults stand in one error: {error}"
    );
    assert!(
        Config::parse("{")
            .unwrap_err()
            .to_string()
            .starts_with("not a model configuration")
    );
    assert!(
        Config::parse(&CONFIG.replace("contact_maps\",", "maps\",")).is_err(),
        "no head is of kind `maps`"
    );
}
