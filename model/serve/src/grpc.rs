//! The service that AlphaGenome's SDK calls.

mod answers;
mod arriving;
mod encoded;
mod metadata;
mod requests;
mod service;
mod tensors;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use axum::middleware::map_request_with_state;
use tonic::service::Routes;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

use crate::engine::Engine;

pub use encoded::Encoded;
pub use messages::dna_model_service_client::DnaModelServiceClient as Client;
use messages::dna_model_service_server::{DnaModelServiceServer, SERVICE_NAME};
use service::Service;

/// The messages, as `proto/` has them.
#[allow(missing_docs, clippy::all, clippy::pedantic, reason = "generated")]
pub mod messages {
    tonic::include_proto!("google.gdm.gdmscience.alphagenome.v1main");

    /// All of their descriptions, for reflection.
    pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/service.bin"));

    /// Those that answers have encoded.
    pub mod described {
        include!(concat!(
            env!("OUT_DIR"),
            "/described/google.gdm.gdmscience.alphagenome.v1main.rs"
        ));
    }
}

/// How the service answers.
#[derive(Clone, Debug)]
pub struct Options {
    /// Whether tensors are compressed with zstd.
    pub compress: bool,
    /// The one version of the model that clients may ask for by name.
    pub model_version: Option<String>,
    /// How long a client may read nothing of its answer.
    pub patience: Duration,
    /// Bytes of a request, at most.
    pub message: usize,
    /// How long a message may take to arrive.
    pub wait: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            compress: false,
            model_version: None,
            patience: Duration::from_secs(60),
            message: 4 << 20,
            wait: Duration::from_secs(60),
        }
    }
}

/// Says whether the service serves.
#[derive(Clone)]
pub struct Health(HealthReporter);

impl Health {
    /// From now on it says that nothing is served.
    pub async fn closing(&self) {
        for service in ["", SERVICE_NAME] {
            self.0
                .set_service_status(service, ServingStatus::NotServing)
                .await;
        }
    }
}

/// The service with health and reflection beside it.
///
/// # Errors
/// Where what reflection tells cannot be read.
pub async fn routes(engine: Arc<Engine>, options: Options) -> Result<(axum::Router, Health)> {
    let (reporter, health) = tonic_health::server::health_reporter();
    for service in ["", SERVICE_NAME] {
        reporter
            .set_service_status(service, ServingStatus::Serving)
            .await;
    }
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(messages::DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    let message = options.message;
    let counted = map_request_with_state((engine.clone(), options.wait), arriving::count);
    let service = DnaModelServiceServer::new(Service::new(engine, options));
    let routes = Routes::new(service.max_decoding_message_size(message))
        .add_service(health)
        .add_service(reflection().build_v1()?)
        // What older clients ask for.
        .add_service(reflection().build_v1alpha()?);
    let router = routes.prepare().into_axum_router().route_layer(counted);
    Ok((router, Health(reporter)))
}
