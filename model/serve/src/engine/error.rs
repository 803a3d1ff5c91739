use std::time::Duration;

use axum::http::StatusCode;
use tonic::{Code, Status};

/// Why a request has no answer; the text is one sentence for whoever asked.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// The request makes no sense.
    #[error("{0}")]
    Invalid(String),
    /// The request, or its answer, is larger than is allowed.
    #[error("{0}")]
    TooLarge(String),
    /// Something that the request names is not there.
    #[error("{0}")]
    NotFound(String),
    /// A key is missing or wrong.
    #[error("{0}")]
    Unauthenticated(String),
    /// Too much waits already.
    #[error("{reason}; try again in {:.0} s", retry_after.as_secs_f64())]
    Full {
        /// What is full.
        reason: String,
        /// When it may be better.
        retry_after: Duration,
    },
    /// The time that the client gave is over.
    #[error("the deadline passed before the request was answered")]
    Deadline,
    /// The client left.
    #[error("the client left")]
    Cancelled,
    /// The server ends.
    #[error("{0}")]
    Unavailable(String),
    /// It is the server's fault.
    #[error("{0}")]
    Internal(String),
}

impl Error {
    /// As gRPC says it.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::Invalid(_) | Self::TooLarge(_) => Code::InvalidArgument,
            Self::NotFound(_) => Code::NotFound,
            Self::Unauthenticated(_) => Code::Unauthenticated,
            Self::Full { .. } => Code::ResourceExhausted,
            Self::Deadline => Code::DeadlineExceeded,
            Self::Cancelled => Code::Cancelled,
            Self::Unavailable(_) => Code::Unavailable,
            Self::Internal(_) => Code::Internal,
        }
    }

    /// As HTTP says it.
    #[must_use]
    pub fn http(&self) -> StatusCode {
        match self {
            Self::Invalid(_) => StatusCode::BAD_REQUEST,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::Unauthenticated(_) => StatusCode::UNAUTHORIZED,
            Self::Full { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Deadline => StatusCode::GATEWAY_TIMEOUT,
            Self::Cancelled => StatusCode::REQUEST_TIMEOUT,
            Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// When it may be better.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Full { retry_after, .. } => Some(*retry_after),
            _ => None,
        }
    }
}

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        let mut status = Self::new(error.code(), error.to_string());
        if let Some(after) = error.retry_after() {
            let metadata = status.metadata_mut();
            // What gRPC's own retries obey, and what people and proxies read.
            metadata.insert("grpc-retry-pushback-ms", (after.as_millis() as u64).into());
            metadata.insert("retry-after", after.as_secs().into());
        }
        status
    }
}

impl From<genome::Error> for Error {
    fn from(error: genome::Error) -> Self {
        use genome::Error as G;
        match error {
            // The path is nothing to a client.
            G::Chromosome { name, hint, .. } => {
                Self::NotFound(format!("the genome has no chromosome named {name:?}{hint}"))
            }
            G::Io { .. } | G::Truncated { .. } | G::Content { .. } => {
                Self::Internal("the genome cannot be read".into())
            }
            other => Self::Invalid(other.to_string()),
        }
    }
}

impl From<scorers::Error> for Error {
    fn from(error: scorers::Error) -> Self {
        Self::Invalid(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_say_who_must_do_what() {
        let full = Error::Full {
            reason: "many wait".into(),
            retry_after: Duration::from_secs(2),
        };
        let status = Status::from(full.clone());
        assert_eq!(
            status.metadata().get("grpc-retry-pushback-ms").unwrap(),
            "2000"
        );
        assert_eq!(status.metadata().get("retry-after").unwrap(), "2");
        for (error, code, http) in [
            (Error::Invalid(String::new()), Code::InvalidArgument, 400),
            (Error::NotFound(String::new()), Code::NotFound, 404),
            (full, Code::ResourceExhausted, 429),
            (Error::Deadline, Code::DeadlineExceeded, 504),
            (Error::Unavailable(String::new()), Code::Unavailable, 503),
            (Error::Internal(String::new()), Code::Internal, 500),
        ] {
            assert_eq!(
                (error.code(), error.http().as_u16()),
                (code, http),
                "{error}"
            );
        }
    }
}
