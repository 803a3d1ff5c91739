use super::*;

const FULL: &str = r#"
output_metadata {
  output_type: OUTPUT_TYPE_CHIP_TF
  tracks {
    metadata {
      name: "EFO:0002067 TF ChIP-seq CTCF"
      strand: STRAND_UNSTRANDED
      ontology_term { ontology_type: ONTOLOGY_TYPE_EFO id: 2067 }
      biosample { type: BIOSAMPLE_TYPE_CELL_LINE name: "Crohn\'s" stage: "adult" }
      assay: "TF ChIP-seq"
      histone_mark_code: "H3K4me3"
      transcription_factor_code: "CTCF"
      gtex_tissue: ""
      data_source: "encode"
      endedness: ENDEDNESS_PAIRED
      genetically_modified: true
      nonzero_mean: 0.73974097
    }
    metadata { name: "PADDING" strand: 3 }
  }
}
output_metadata {
  output_type: OUTPUT_TYPE_SPLICE_JUNCTIONS
  junctions {
    metadata {
      name: "Brain_Cerebellum"
      ontology_term { ontology_type: ONTOLOGY_TYPE_UBERON id: 12345678 }
      gtex_tissue: "Brain_Cerebellum"
    }
  }
}
"#;

#[test]
fn reads_every_field() {
    let outputs = read_response(FULL).unwrap();
    assert_eq!(
        outputs.keys().copied().collect::<Vec<_>>(),
        [OutputType::ChipTf, OutputType::SpliceJunctions]
    );
    let full = Track {
        name: "EFO:0002067 TF ChIP-seq CTCF".into(),
        strand: Some(Strand::Unstranded),
        ontology_curie: Some("EFO:0002067".into()),
        biosample_type: Some("cell_line"),
        biosample_name: Some("Crohn's".into()),
        biosample_life_stage: Some("adult".into()),
        assay: Some("TF ChIP-seq".into()),
        gtex_tissue: Some(String::new()),
        histone_mark: Some("H3K4me3".into()),
        transcription_factor: Some("CTCF".into()),
        data_source: Some("encode".into()),
        endedness: Some("paired"),
        genetically_modified: Some(true),
        nonzero_mean: Some(0.739_740_97),
        padding: false,
    };
    let [first, padding] = &outputs[&OutputType::ChipTf][..] else {
        panic!("not two tracks")
    };
    assert_eq!(*first, full);
    assert_eq!(
        (padding.name.as_str(), padding.padding, padding.nonzero_mean),
        ("PADDING", true, None)
    );

    let [tissue] = &outputs[&OutputType::SpliceJunctions][..] else {
        panic!("not one tissue")
    };
    assert_eq!(tissue.strand, None);
    assert_eq!(tissue.ontology_curie.as_deref(), Some("UBERON:12345678"));
    assert_eq!(tissue.biosample_type, None);
}

#[test]
fn what_is_not_given_in_a_biosample_has_protobufs_defaults() {
    let text = "output_metadata { output_type: 1 tracks { metadata { name: 'a' strand: 1 biosample { } } } }";
    let track = &read_response(text).unwrap()[&OutputType::Atac][0];
    assert_eq!(track.biosample_type, Some("unspecified"));
    assert_eq!(track.biosample_name.as_deref(), Some(""));
    assert_eq!(track.biosample_life_stage, None);
}

#[test]
fn an_output_may_have_no_tracks() {
    let outputs =
        read_response("output_metadata { output_type: OUTPUT_TYPE_PROCAP tracks { } }").unwrap();
    assert_eq!(outputs[&OutputType::Procap], []);
}

#[track_caller]
fn fails(text: &str, problem: &str) {
    let fault = read_response(text).expect_err(text);
    assert!(fault.problem.contains(problem), "{text}: {}", fault.problem);
}

/// A track's fields within everything around them.
fn track(fields: &str) -> String {
    format!(
        "output_metadata {{ output_type: OUTPUT_TYPE_CAGE tracks {{ metadata {{ {fields} }} }} }}"
    )
}

#[test]
fn refuses_what_the_client_would_refuse() {
    fails(&track("name: 'a'"), "track `a` has no `strand`");
    fails(
        &track("name: 'a' strand: STRAND_UNSPECIFIED"),
        "unknown Strand `STRAND_UNSPECIFIED`",
    );
    fails(&track("name: 'a' strand: 0"), "Strand has no value 0");
    fails(
        &track("name: 'a' strand: 1 ontology_term { id: 3 }"),
        "no `ontology_type`",
    );
    fails(
        &track("name: 'a' strand: 1 biosample { type: 9 }"),
        "BiosampleType has no value 9",
    );
    fails(
        &track("name: 'a' strand: 1 endedness: PAIRED"),
        "unknown Endedness `PAIRED`",
    );
    fails(
        "output_metadata { output_type: OUTPUT_TYPE_CAGE }",
        "CAGE has no `tracks`",
    );
    fails(
        "output_metadata { output_type: 1 tracks { } junctions { } }",
        "exclude each other",
    );
}

#[test]
fn refuses_what_would_pass_in_silence() {
    fails(
        &track("strand: STRAND_POSITIVE"),
        "this TrackMetadata has no `name`",
    );
    for mean in ["-1", "inf", "-inf", "nan"] {
        fails(
            &track(&format!("name: 'a' strand: 1 nonzero_mean: {mean}")),
            "cannot scale a track",
        );
    }
    fails(
        &track("name: 'a' strand: 1 ontology_term { ontology_type: 3 id: -1 }"),
        "cannot have the number -1",
    );
    fails("output_metadata { tracks { } }", "no `output_type`");
    fails(
        "output_metadata { output_type: 10 tracks { } }",
        "OutputType has no value 10",
    );
    fails(
        "output_metadata { output_type: 1 junctions { } }",
        "ATAC has no `tracks`",
    );
    fails(
        "output_metadata { output_type: 9 tracks { } }",
        "SPLICE_JUNCTIONS has no `junctions`",
    );
    fails(
        "output_metadata { output_type: 9 junctions { metadata { name: 'a' strand: 1 } } }",
        "unknown field `strand` in JunctionMetadata",
    );
    let twice = track("name: 'a' strand: 1").repeat(2);
    fails(&twice, "the metadata of CAGE is given twice");
}
