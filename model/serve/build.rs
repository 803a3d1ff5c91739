//! Compiles the messages, without protoc.

use std::path::PathBuf;

const PACKAGE: &str = ".google.gdm.gdmscience.alphagenome.v1main";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=proto");
    let mut compiler = protox::Compiler::new(["proto"])?;
    compiler.include_imports(true);
    compiler.open_file("dna_model_service.proto")?;
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    std::fs::write(
        out.join("service.bin"),
        compiler.encode_file_descriptor_set(),
    )?;
    let described = out.join("described");
    std::fs::create_dir_all(&described)?;
    tonic_prost_build::configure()
        .build_client(false)
        .build_server(false)
        .out_dir(described)
        .compile_fds(compiler.file_descriptor_set())?;
    // Answers repeat what tracks are; they are encoded once.
    let encoded = [
        "TrackMetadata",
        "JunctionMetadata",
        "IntervalMetadata",
        "VariantMetadata",
    ];
    let mut messages = tonic_prost_build::configure().bytes(".");
    for message in encoded {
        messages = messages.extern_path(format!("{PACKAGE}.{message}"), "crate::grpc::Encoded");
    }
    messages.compile_fds(compiler.file_descriptor_set())?;
    Ok(())
}
