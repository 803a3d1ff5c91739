//! Statuses of the four libraries as errors with the call's name.

use std::ffi::CStr;

use cudarc::{cublaslt::sys as lt, cudnn::sys as dnn, driver::sys as cu, nvrtc::sys as rtc};

use crate::error::{Error, Result};
use crate::library::Library;

/// A status as a result, with the name of the call that returned it.
pub(crate) trait Status {
    /// The error of `call` unless it succeeded.
    fn check(self, call: &'static str) -> Result<()>;
}

impl Status for cu::CUresult {
    fn check(self, call: &'static str) -> Result<()> {
        if self == cu::CUresult::CUDA_SUCCESS {
            return Ok(());
        }
        let mut text = std::ptr::null();
        // SAFETY: `text` outlives the call; the driver answers with a static string, or leaves null on a strange code.
        unsafe { cu::cuGetErrorString(self, &mut text) };
        let meaning = if text.is_null() {
            String::new()
        } else {
            // SAFETY: a non-null answer is a static string that ends in a zero byte.
            format!(" ({})", unsafe { CStr::from_ptr(text) }.to_string_lossy())
        };
        Err(Error::Call {
            library: Library::Driver,
            call,
            status: format!("{self:?}{meaning}"),
        })
    }
}

impl Status for lt::cublasStatus_t {
    fn check(self, call: &'static str) -> Result<()> {
        if self == lt::cublasStatus_t::CUBLAS_STATUS_SUCCESS {
            return Ok(());
        }
        Err(Error::Call {
            library: Library::CublasLt,
            call,
            status: format!("{self:?}"),
        })
    }
}

impl Status for dnn::cudnnStatus_t {
    fn check(self, call: &'static str) -> Result<()> {
        if self == dnn::cudnnStatus_t::CUDNN_STATUS_SUCCESS {
            return Ok(());
        }
        let mut text = [0u8; 512];
        // SAFETY: cuDNN writes at most the length given, the closing zero byte included.
        unsafe { dnn::cudnnGetLastErrorString(text.as_mut_ptr().cast(), text.len()) };
        let detail = CStr::from_bytes_until_nul(&text)
            .map(CStr::to_string_lossy)
            .unwrap_or_default();
        let separator = if detail.is_empty() { "" } else { ": " };
        Err(Error::Call {
            library: Library::Cudnn,
            call,
            status: format!("{self:?}{separator}{}", detail.trim()),
        })
    }
}

impl Status for rtc::nvrtcResult {
    fn check(self, call: &'static str) -> Result<()> {
        if self == rtc::nvrtcResult::NVRTC_SUCCESS {
            return Ok(());
        }
        Err(Error::Call {
            library: Library::Nvrtc,
            call,
            status: format!("{self:?}"),
        })
    }
}
