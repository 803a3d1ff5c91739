//! The shared libraries, looked for before the first call into them: the bindings panic on an absent one.

use std::fmt;
use std::sync::OnceLock;

use crate::error::{Error, Result};

/// A shared library that is loaded at run time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Library {
    /// The driver, libcuda.
    Driver,
    /// Matrix products.
    CublasLt,
    /// Convolutions.
    Cudnn,
    /// The compiler of kernels.
    Nvrtc,
}

impl fmt::Display for Library {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Driver => "the NVIDIA driver (libcuda)",
            Self::CublasLt => "cuBLASLt (libcublasLt)",
            Self::Cudnn => "cuDNN (libcudnn)",
            Self::Nvrtc => "NVRTC (libnvrtc)",
        })
    }
}

impl Library {
    /// What to install where the library is missing or too old.
    pub(crate) fn advice(self) -> &'static str {
        match self {
            Self::Driver => {
                "install the NVIDIA driver, version 580 or newer (550 serves with CUDA 12's libraries)"
            }
            Self::CublasLt => {
                "install CUDA 13's cuBLAS (Debian and Ubuntu: libcublas-13-0; pip: nvidia-cublas, its lib folder on \
                 LD_LIBRARY_PATH), or CUDA 12's"
            }
            Self::Cudnn => {
                "install cuDNN 9 (Debian and Ubuntu: libcudnn9-cuda-13; pip: nvidia-cudnn-cu13, its lib folder on \
                 LD_LIBRARY_PATH)"
            }
            Self::Nvrtc => {
                "install CUDA 13's NVRTC (Debian and Ubuntu: cuda-nvrtc-13-0; pip: nvidia-cuda-nvrtc, its lib folder \
                 on LD_LIBRARY_PATH), or CUDA 12's"
            }
        }
    }

    /// The names that the bindings try, without prefix and suffix.
    fn stems(self) -> &'static [&'static str] {
        match self {
            Self::Driver => &["cuda", "nvcuda"],
            Self::CublasLt => &["cublasLt"],
            Self::Cudnn => &["cudnn"],
            Self::Nvrtc => &["nvrtc"],
        }
    }

    /// Loads the library, or says why it cannot be loaded. The answer is kept.
    pub(crate) fn require(self) -> Result<()> {
        static FOUND: [OnceLock<std::result::Result<(), (String, String)>>; 4] =
            [const { OnceLock::new() }; 4];
        let found = FOUND[self as usize].get_or_init(|| self.load());
        found.clone().map_err(|(tried, reason)| Error::Library {
            library: self,
            tried,
            reason,
        })
    }

    fn load(self) -> std::result::Result<(), (String, String)> {
        let names = self
            .stems()
            .iter()
            .flat_map(|stem| cudarc::get_lib_name_candidates(stem))
            .collect::<Vec<_>>();
        let mut reason = String::from("no such file");
        for name in &names {
            // SAFETY: these are NVIDIA's libraries by their own names; their initialisers have no preconditions.
            match unsafe { libloading::Library::new(name) } {
                Ok(library) => {
                    // It stays loaded, so that the bindings find it in place.
                    std::mem::forget(library);
                    return Ok(());
                }
                Err(error) => {
                    let message = std::error::Error::source(&error)
                        .map_or(error.to_string(), ToString::to_string);
                    // A library that is there and does not load has a reason worth showing: one it needs is absent.
                    if !absent(&message, name) {
                        reason = message;
                    }
                }
            }
        }
        // The names of versions that do not serve are left out.
        let old = |name: &String| {
            ["64", "nvcuda.so", ".so.10", ".so.11"]
                .iter()
                .any(|part| name.contains(part))
        };
        let tried = names
            .into_iter()
            .filter(|name| !old(name))
            .collect::<Vec<_>>()
            .join(", ");
        Err((tried, reason))
    }
}

/// Whether the loader's message says that `name` itself is not there.
fn absent(message: &str, name: &str) -> bool {
    message.starts_with(&format!("{name}: cannot open shared object file"))
}

#[cfg(test)]
mod tests {
    use super::absent;

    #[test]
    fn an_absent_library_is_told_from_one_that_lacks_another() {
        let plain = "libcudnn.so.9: cannot open shared object file: No such file or directory";
        assert!(absent(plain, "libcudnn.so.9"));
        assert!(!absent(
            "libz.so.1: cannot open shared object file: No such file or directory",
            "libcudnn.so.9"
        ));
    }
}
