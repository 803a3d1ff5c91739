//! TLS of the server: HTTP/2 for gRPC, and HTTP/1.1 for those that speak no other.
//!
//! tonic's own offers HTTP/2 alone, which turns away clients that ask for HTTP/1.1 by name (ALPN, RFC 7301), as Python's do.

use std::path::Path;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::Error;

/// What connections are accepted with.
///
/// # Errors
/// Where a file cannot be read, holds no certificate or key, or the two do not belong together.
pub fn configuration(certificate: &Path, key: &Path) -> Result<Arc<ServerConfig>, Error> {
    const CERTIFICATE: &str = "--tls-cert";
    const KEY: &str = "--tls-key";
    let text = std::fs::read(certificate).map_err(Error::read(CERTIFICATE, certificate))?;
    let chain = CertificateDer::pem_slice_iter(&text).collect::<Result<Vec<_>, _>>();
    let chain = chain.ok().filter(|chain| !chain.is_empty());
    let chain = chain.ok_or_else(|| {
        let reason = "has no certificate: expected PEM, -----BEGIN CERTIFICATE-----";
        Error::content(CERTIFICATE, certificate, reason)
    })?;
    let text = std::fs::read(key).map_err(Error::read(KEY, key))?;
    let private = PrivateKeyDer::from_pem_slice(&text).map_err(|_| {
        let reason = "has no private key: expected PEM, -----BEGIN PRIVATE KEY-----, not encrypted";
        Error::content(KEY, key, reason)
    })?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| {
            builder
                .with_no_client_auth()
                .with_single_cert(chain, private)
        });
    let mut config = config.map_err(|error| {
        let reason = format!("does not go with {}: {error}", key.display());
        Error::content(CERTIFICATE, certificate, reason)
    })?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
