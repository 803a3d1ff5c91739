//! AlphaGenome's metadata messages (`dna_model.proto`, `dna_model_service.proto`), read and checked.
//!
//! The conversion is that of AlphaGenome's client (`track_data_utils.metadata_from_proto` and its junction twin). What it
//! would raise an exception for is an error here, and so are three things that it would pass on in silence: an output type
//! that comes twice, a track without a name, and a mean that is no finite positive number.

use std::collections::BTreeMap;

use super::error::Fault;
use super::text_format::{Field, Reader};
use super::track::{OutputType, Strand, Track};

const RESPONSE: &[Field] = &[Field::repeated("output_metadata")];
const OUTPUT: &[Field] = &[
    Field::singular("output_type"),
    Field::of("payload", "tracks"),
    Field::of("payload", "junctions"),
];
const LIST: &[Field] = &[Field::repeated("metadata")];
const TRACK: &[Field] = &[
    Field::singular("name"),
    Field::singular("strand"),
    Field::singular("ontology_term"),
    Field::singular("biosample"),
    Field::singular("assay"),
    Field::singular("histone_mark_code"),
    Field::singular("transcription_factor_code"),
    Field::singular("gtex_tissue"),
    Field::singular("data_source"),
    Field::singular("endedness"),
    Field::singular("genetically_modified"),
    Field::singular("nonzero_mean"),
];
const JUNCTION: &[Field] = &[
    Field::singular("name"),
    Field::singular("ontology_term"),
    Field::singular("biosample"),
    Field::singular("gtex_tissue"),
    Field::singular("data_source"),
    Field::singular("assay"),
];
const ONTOLOGY_TERM: &[Field] = &[Field::singular("ontology_type"), Field::singular("id")];
const BIOSAMPLE: &[Field] = &[
    Field::singular("type"),
    Field::singular("name"),
    Field::singular("stage"),
];

/// Names, numbers and meanings; 10 was never given out.
const OUTPUT_TYPES: &[(&str, i64, OutputType)] = &[
    ("OUTPUT_TYPE_ATAC", 1, OutputType::Atac),
    ("OUTPUT_TYPE_CAGE", 2, OutputType::Cage),
    ("OUTPUT_TYPE_DNASE", 3, OutputType::Dnase),
    ("OUTPUT_TYPE_RNA_SEQ", 4, OutputType::RnaSeq),
    ("OUTPUT_TYPE_CHIP_HISTONE", 5, OutputType::ChipHistone),
    ("OUTPUT_TYPE_CHIP_TF", 6, OutputType::ChipTf),
    ("OUTPUT_TYPE_SPLICE_SITES", 7, OutputType::SpliceSites),
    (
        "OUTPUT_TYPE_SPLICE_SITE_USAGE",
        8,
        OutputType::SpliceSiteUsage,
    ),
    (
        "OUTPUT_TYPE_SPLICE_JUNCTIONS",
        9,
        OutputType::SpliceJunctions,
    ),
    ("OUTPUT_TYPE_CONTACT_MAPS", 11, OutputType::ContactMaps),
    ("OUTPUT_TYPE_PROCAP", 12, OutputType::Procap),
];
const STRANDS: &[(&str, i64, Strand)] = &[
    ("STRAND_POSITIVE", 1, Strand::Positive),
    ("STRAND_NEGATIVE", 2, Strand::Negative),
    ("STRAND_UNSTRANDED", 3, Strand::Unstranded),
];
const ONTOLOGIES: &[(&str, i64, &str)] = &[
    ("ONTOLOGY_TYPE_CLO", 1, "CLO"),
    ("ONTOLOGY_TYPE_UBERON", 2, "UBERON"),
    ("ONTOLOGY_TYPE_CL", 3, "CL"),
    ("ONTOLOGY_TYPE_EFO", 4, "EFO"),
    ("ONTOLOGY_TYPE_NTR", 5, "NTR"),
];
const BIOSAMPLE_TYPES: &[(&str, i64, &str)] = &[
    ("BIOSAMPLE_TYPE_UNSPECIFIED", 0, "unspecified"),
    ("BIOSAMPLE_TYPE_PRIMARY_CELL", 1, "primary_cell"),
    (
        "BIOSAMPLE_TYPE_IN_VITRO_DIFFERENTIATED_CELLS",
        2,
        "in_vitro_differentiated_cells",
    ),
    ("BIOSAMPLE_TYPE_CELL_LINE", 3, "cell_line"),
    ("BIOSAMPLE_TYPE_TISSUE", 4, "tissue"),
    ("BIOSAMPLE_TYPE_TECHNICAL_SAMPLE", 5, "technical_sample"),
    ("BIOSAMPLE_TYPE_ORGANOID", 6, "organoid"),
];
const ENDEDNESSES: &[(&str, i64, &str)] = &[
    ("ENDEDNESS_UNSPECIFIED", 0, "unspecified"),
    ("ENDEDNESS_SINGLE", 1, "single"),
    ("ENDEDNESS_PAIRED", 2, "paired"),
];

/// The tracks of each output that a file describes, in channel order.
pub(super) type Outputs = BTreeMap<OutputType, Vec<Track>>;

/// Reads a `MetadataResponse`.
pub(super) fn read_response(text: &str) -> Result<Outputs, Fault> {
    let mut outputs = Outputs::new();
    Reader::new(text)?.document("MetadataResponse", RESPONSE, &mut |reader, _| {
        reader.each(&mut |reader| {
            let start = reader.offset();
            let (output_type, tracks) = read_output(reader)?;
            if outputs.insert(output_type, tracks).is_some() {
                let problem = format!("the metadata of {} is given twice", output_type.name());
                return Err(reader.fault_at(start, problem));
            }
            Ok(())
        })
    })?;
    Ok(outputs)
}

/// Reads an `OutputMetadata`.
fn read_output(reader: &mut Reader<'_>) -> Result<(OutputType, Vec<Track>), Fault> {
    let start = reader.offset();
    let (mut output_type, mut tracks, mut tissues) = (None, None, None);
    reader.message("OutputMetadata", OUTPUT, &mut |reader, field| {
        match field {
            "output_type" => output_type = Some(reader.choice("OutputType", OUTPUT_TYPES)?),
            "tracks" => tracks = Some(read_list(reader, "TracksMetadata", read_track)?),
            _ => tissues = Some(read_list(reader, "JunctionsMetadata", read_tissue)?),
        }
        Ok(())
    })?;
    let output_type = output_type
        .ok_or_else(|| reader.fault_at(start, "this OutputMetadata has no `output_type`"))?;
    let (wanted, payload) = match output_type {
        OutputType::SpliceJunctions => ("junctions", tissues),
        _ => ("tracks", tracks),
    };
    let payload = payload.ok_or_else(|| {
        reader.fault_at(
            start,
            format!("the metadata of {} has no `{wanted}`", output_type.name()),
        )
    })?;
    Ok((output_type, payload))
}

/// Reads a `TracksMetadata` or `JunctionsMetadata`.
fn read_list(
    reader: &mut Reader<'_>,
    message: &str,
    read: fn(&mut Reader<'_>) -> Result<Track, Fault>,
) -> Result<Vec<Track>, Fault> {
    let mut list = Vec::new();
    reader.message(message, LIST, &mut |reader, _| {
        reader.each(&mut |reader| {
            list.push(read(reader)?);
            Ok(())
        })
    })?;
    Ok(list)
}

fn read_track(reader: &mut Reader<'_>) -> Result<Track, Fault> {
    let start = reader.offset();
    let track = read_fields(reader, "TrackMetadata", TRACK)?;
    if track.strand.is_none() {
        return Err(reader.fault_at(start, format!("track `{}` has no `strand`", track.name)));
    }
    Ok(track)
}

fn read_tissue(reader: &mut Reader<'_>) -> Result<Track, Fault> {
    read_fields(reader, "JunctionMetadata", JUNCTION)
}

/// Reads a `TrackMetadata` or `JunctionMetadata`; their fields have the same names.
fn read_fields(reader: &mut Reader<'_>, message: &str, fields: &[Field]) -> Result<Track, Fault> {
    let start = reader.offset();
    let mut name = None;
    let mut track = Track {
        name: String::new(),
        strand: None,
        ontology_curie: None,
        biosample_type: None,
        biosample_name: None,
        biosample_life_stage: None,
        assay: None,
        gtex_tissue: None,
        histone_mark: None,
        transcription_factor: None,
        data_source: None,
        endedness: None,
        genetically_modified: None,
        nonzero_mean: None,
        padding: false,
    };
    reader.message(message, fields, &mut |reader, field| {
        match field {
            "name" => name = Some(reader.string()?),
            "strand" => track.strand = Some(reader.choice("Strand", STRANDS)?),
            "ontology_term" => track.ontology_curie = Some(read_ontology_term(reader)?),
            "biosample" => read_biosample(reader, &mut track)?,
            "assay" => track.assay = Some(reader.string()?),
            "gtex_tissue" => track.gtex_tissue = Some(reader.string()?),
            "histone_mark_code" => track.histone_mark = Some(reader.string()?),
            "transcription_factor_code" => track.transcription_factor = Some(reader.string()?),
            "data_source" => track.data_source = Some(reader.string()?),
            "endedness" => track.endedness = Some(reader.choice("Endedness", ENDEDNESSES)?),
            "genetically_modified" => track.genetically_modified = Some(reader.boolean()?),
            _ => track.nonzero_mean = Some(read_mean(reader)?),
        }
        Ok(())
    })?;
    track.name =
        name.ok_or_else(|| reader.fault_at(start, format!("this {message} has no `name`")))?;
    track.padding = track.name.to_lowercase() == "padding";
    Ok(track)
}

fn read_mean(reader: &mut Reader<'_>) -> Result<f32, Fault> {
    let start = reader.offset();
    let mean = reader.float()?;
    if mean.is_finite() && mean >= 0.0 {
        return Ok(mean);
    }
    Err(reader.fault_at(
        start,
        format!("a `nonzero_mean` of {mean} cannot scale a track; leave it out if it is unknown"),
    ))
}

/// Reads an `OntologyTerm` as `CL:0000084`.
fn read_ontology_term(reader: &mut Reader<'_>) -> Result<String, Fault> {
    let start = reader.offset();
    let (mut prefix, mut id) = (None, 0);
    reader.message("OntologyTerm", ONTOLOGY_TERM, &mut |reader, field| {
        match field {
            "ontology_type" => prefix = Some(reader.choice("OntologyType", ONTOLOGIES)?),
            _ => id = reader.integer()?,
        }
        Ok(())
    })?;
    let prefix =
        prefix.ok_or_else(|| reader.fault_at(start, "this OntologyTerm has no `ontology_type`"))?;
    if id < 0 {
        return Err(reader.fault_at(
            start,
            format!("an OntologyTerm cannot have the number {id}"),
        ));
    }
    Ok(format!("{prefix}:{id:07}"))
}

/// Reads a `Biosample`. Type and name that are not given have protobuf's defaults, as in AlphaGenome's client.
fn read_biosample(reader: &mut Reader<'_>, track: &mut Track) -> Result<(), Fault> {
    track.biosample_type = Some("unspecified");
    track.biosample_name = Some(String::new());
    reader.message("Biosample", BIOSAMPLE, &mut |reader, field| {
        match field {
            "type" => {
                track.biosample_type = Some(reader.choice("BiosampleType", BIOSAMPLE_TYPES)?);
            }
            "name" => track.biosample_name = Some(reader.string()?),
            _ => track.biosample_life_stage = Some(reader.string()?),
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests;
