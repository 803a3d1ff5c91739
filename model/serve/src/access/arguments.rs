//! The arguments that say who may use the server.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use rustls::ServerConfig;
use terminal::{Speech, note};

use super::{Error, Keys, Limits, tls};

/// Where the server listens, and who may use it.
#[derive(Args, Clone, Debug)]
pub struct AccessArguments {
    /// Address and port; port 0 is any that is free. Addresses that other machines reach need --tls-cert, --tls-key and --api-keys
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:50051", value_parser = address)]
    pub listen: SocketAddr,
    /// The server's certificate and those that vouch for it, PEM
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// The certificate's private key, PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
    /// Keys of clients, one a line, which they send as x-goog-api-key
    #[arg(long, value_name = "FILE")]
    pub api_keys: Option<PathBuf>,
    /// Listen where other machines reach it without TLS or without keys: anyone may use it, or read along
    #[arg(long)]
    pub insecure: bool,
    /// Seconds that requests have to end after SIGTERM or SIGINT
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub grace: u64,
    /// Connections that are open at once
    #[arg(long, value_name = "N", default_value_t = 1024, value_parser = clap::value_parser!(u32).range(1..))]
    pub max_connections: u32,
    /// How large requests may be.
    #[command(flatten)]
    pub limits: Limits,
}

/// An address of its own, or of this machine by its usual name.
fn address(text: &str) -> Result<SocketAddr, String> {
    let plain = match text.strip_prefix("localhost:") {
        Some(port) => format!("127.0.0.1:{port}"),
        None => text.to_owned(),
    };
    plain.parse().map_err(|_| {
        "expected an IP address and a port, such as 127.0.0.1:50051 or [::1]:50051".to_owned()
    })
}

/// How long clients may keep the server waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waits {
    /// Before they say hello.
    pub hello: Duration,
    /// While they send a request, from its first byte to its last.
    pub send: Duration,
    /// While they read an answer.
    pub read: Duration,
}

impl Default for Waits {
    fn default() -> Self {
        Self {
            hello: Duration::from_secs(10),
            send: Duration::from_secs(60),
            read: Duration::from_secs(60),
        }
    }
}

/// What the arguments open.
#[derive(Clone, Debug)]
pub struct Access {
    /// Where to listen.
    pub listen: SocketAddr,
    /// TLS, where there is some.
    pub tls: Option<Arc<ServerConfig>>,
    /// Keys, where they are asked for.
    pub keys: Option<Keys>,
    /// How large requests may be.
    pub limits: Limits,
    /// What requests have to end.
    pub grace: Duration,
    /// Connections that are open at once.
    pub connections: usize,
    /// How long clients may keep the server waiting.
    pub waits: Waits,
}

impl Access {
    /// An address without TLS and keys.
    #[must_use]
    pub fn new(listen: SocketAddr) -> Self {
        Self {
            listen,
            tls: None,
            keys: None,
            limits: Limits::default(),
            grace: Duration::from_secs(30),
            connections: 1024,
            waits: Waits::default(),
        }
    }
}

impl AccessArguments {
    /// Reads the files. Says aloud what `--insecure` means.
    ///
    /// # Errors
    /// Where others reach the address and it is not guarded, or a file cannot be used.
    pub fn open(&self) -> Result<Access, Error> {
        let listen = self.listen;
        let guarded = self.tls_cert.is_some() && self.api_keys.is_some();
        if !listen.ip().is_loopback() && !guarded {
            if !self.insecure {
                return Err(Error::Open(listen));
            }
            let lacks = match (&self.tls_cert, &self.api_keys) {
                (None, None) => {
                    "anyone who reaches it may use it, and what is sent can be read on the way"
                }
                (None, Some(_)) => "keys and data can be read on the way",
                (Some(_), _) => "anyone who reaches it may use it",
            };
            note(
                Speech::Normal,
                &format!("warning: --insecure, --listen {listen}: {lacks}"),
            );
        }
        let tls = match (&self.tls_cert, &self.tls_key) {
            (Some(certificate), Some(key)) => Some(tls::configuration(certificate, key)?),
            _ => None,
        };
        Ok(Access {
            tls,
            keys: self.api_keys.as_deref().map(Keys::read).transpose()?,
            limits: self.limits,
            grace: Duration::from_secs(self.grace),
            connections: self.max_connections as usize,
            ..Access::new(listen)
        })
    }
}
