use super::*;

/// A response with these tracks of one output: name, strand.
fn response(output_type: &str, tracks: &[(&str, &str)]) -> String {
    let tracks: String = tracks
        .iter()
        .map(|(name, strand)| format!("metadata {{ name: '{name}' strand: STRAND_{strand} }}\n"))
        .collect();
    format!("output_metadata {{ output_type: OUTPUT_TYPE_{output_type} tracks {{ {tracks} }} }}\n")
}

fn junctions(tissues: usize) -> String {
    let tissues: String = (0..tissues)
        .map(|i| format!("metadata {{ name: 'tissue {i}' }}\n"))
        .collect();
    format!(
        "output_metadata {{ output_type: OUTPUT_TYPE_SPLICE_JUNCTIONS junctions {{ {tissues} }} }}\n"
    )
}

fn tracks(human: &str, mouse: &str) -> Tracks {
    let organisms = ORGANISMS
        .iter()
        .zip([human, mouse])
        .enumerate()
        .map(|(index, (&(name, organism), text))| OrganismTracks {
            name,
            organism,
            index,
            outputs: messages::read_response(text).unwrap(),
        })
        .collect();
    Tracks { organisms }
}

fn head(output_type: &str, width: usize) -> HeadWidth {
    HeadWidth {
        head: output_type.to_lowercase(),
        output_type: output_type.into(),
        width,
    }
}

fn mismatches(tracks: &Tracks, heads: &[HeadWidth]) -> Vec<String> {
    match tracks.validate(heads) {
        Ok(()) => Vec::new(),
        Err(Error::Mismatch { mismatches }) => mismatches,
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn serialises_to_the_documented_form() {
    let human = "output_metadata { output_type: OUTPUT_TYPE_ATAC tracks { metadata {
        name: 'CL:0000084 ATAC-seq' strand: STRAND_UNSTRANDED ontology_term { ontology_type: ONTOLOGY_TYPE_CL id: 84 }
        biosample { type: BIOSAMPLE_TYPE_PRIMARY_CELL name: 'T-cell' stage: 'adult' } assay: 'ATAC-seq'
        data_source: 'encode' endedness: ENDEDNESS_PAIRED genetically_modified: false nonzero_mean: 0.73974097 } } }";
    let json = serde_json::to_string(&tracks(human, "")).unwrap();
    let expected = concat!(
        r#"{"format_version":1,"organisms":["#,
        r#"{"name":"human","organism":"ORGANISM_HOMO_SAPIENS","index":0,"outputs":{"ATAC":["#,
        r#"{"name":"CL:0000084 ATAC-seq","strand":".","ontology_curie":"CL:0000084","biosample_type":"primary_cell","#,
        r#""biosample_name":"T-cell","biosample_life_stage":"adult","assay":"ATAC-seq","data_source":"encode","#,
        r#""endedness":"paired","genetically_modified":false,"nonzero_mean":0.73974097,"padding":false}]}},"#,
        r#"{"name":"mouse","organism":"ORGANISM_MUS_MUSCULUS","index":1,"outputs":{}}]}"#,
    );
    assert_eq!(json, expected);
}

#[test]
fn fitting_heads_pass() {
    let two = response("CAGE", &[("a", "POSITIVE"), ("Padding", "UNSTRANDED")]);
    let heads = [head("CAGE", 2), head("SPLICE_JUNCTIONS", 3)];
    let both = tracks(
        &(two.clone() + &junctions(3)),
        &(two.clone() + &junctions(1)),
    );
    assert_eq!(mismatches(&both, &heads), [""; 0]);
    assert_eq!(
        mismatches(&both, &heads[..1]),
        [""; 0],
        "an output without a head is ignored"
    );

    let human_only = tracks(&two, "");
    assert_eq!(
        mismatches(&human_only, &heads[..1]),
        [""; 0],
        "one organism with tracks is enough"
    );
}

#[test]
fn reports_all_mismatches_at_once() {
    let human = response("CAGE", &[("a", "POSITIVE")])
        + &response("ATAC", &[("a", "POSITIVE")])
        + &junctions(3);
    let mouse = response(
        "CAGE",
        &[("a", "POSITIVE"), ("b", "NEGATIVE"), ("c", "NEGATIVE")],
    );
    let heads = [
        head("CAGE", 2),
        head("ATAC", 1),
        head("DNASE", 4),
        head("SPLICE_SITES", 5),
        head("SPLICE_JUNCTIONS", 4),
        head("METHYLATION", 1),
    ];
    let expected = [
        "cage: human has 1 CAGE tracks, the head has 2 channels",
        "cage: mouse has 3 CAGE tracks, the head has 2 channels",
        "dnase: no organism has metadata for DNASE; the head has 4 channels",
        "splice_sites: no organism has metadata for SPLICE_SITES; the head has 5 channels",
        "splice_junctions: mouse has no metadata for SPLICE_JUNCTIONS, which every organism needs",
        "splice_junctions: human has most SPLICE_JUNCTIONS tissues, 3; the head has 4 tissues",
        "methylation: METHYLATION is not an output type that track metadata knows",
    ];
    let tracks = tracks(&human, &mouse);
    assert_eq!(mismatches(&tracks, &heads), expected);
    let message = tracks.validate(&heads).unwrap_err().to_string();
    assert!(
        expected.iter().all(|line| message.contains(line)),
        "{message}"
    );
}

#[test]
fn reindexing_exchanges_strands_in_order() {
    let sites = response(
        "SPLICE_SITES",
        &[
            ("donor", "POSITIVE"),
            ("acceptor", "POSITIVE"),
            ("donor", "NEGATIVE"),
            ("acceptor", "NEGATIVE"),
            ("Padding", "UNSTRANDED"),
        ],
    );
    let tracks = tracks(
        &(sites + &junctions(3)),
        &response("CAGE", &[("a", "POSITIVE"), ("b", "UNSTRANDED")]),
    );
    let [human, mouse] = tracks.organisms() else {
        panic!("not two organisms")
    };
    let reindexing = |output_type| human.strand_reindexing(output_type).unwrap();
    assert_eq!(
        reindexing(OutputType::SpliceSites),
        Some(vec![2, 3, 0, 1, 4])
    );
    assert_eq!(
        reindexing(OutputType::SpliceJunctions),
        Some(vec![3, 4, 5, 0, 1, 2])
    );
    assert_eq!(reindexing(OutputType::Cage), None);
    let unpaired = mouse.strand_reindexing(OutputType::Cage).unwrap_err();
    assert!(
        matches!(
            unpaired,
            Error::UnpairedStrands {
                positive: 1,
                negative: 0,
                ..
            }
        ),
        "{unpaired}"
    );
}

#[test]
fn bytes_that_are_not_utf8_have_a_place() {
    let fault = read_bytes(b"output_metadata {\n  # \xc3\xa9 \xff\n}").unwrap_err();
    assert_eq!((fault.position.line, fault.position.column), (2, 7));
    assert_eq!(fault.problem, "byte 0xff is not UTF-8");
}
