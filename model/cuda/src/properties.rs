//! What the driver and the libraries say of a device and of themselves.

use std::ffi::CStr;
use std::fmt;

use cudarc::driver::sys::{self as cu, CUdevice_attribute as Attribute};
use cudarc::{cublaslt::sys as lt, cudnn::sys as dnn};

use crate::error::{Error, Result};
use crate::library::Library;
use crate::status::Status;

/// A compute capability, 9.0 for Hopper.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Architecture {
    /// 9 in 9.0.
    pub major: u32,
    /// 0 in 9.0.
    pub minor: u32,
}

impl Architecture {
    /// The compiler's name of the target: `sm_90a` with Hopper's own instructions, `sm_XY` elsewhere.
    pub fn target(self) -> String {
        let own = if (self.major, self.minor) == (9, 0) {
            "a"
        } else {
            ""
        };
        format!("sm_{}{}{own}", self.major, self.minor)
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.major, self.minor)
    }
}

/// What the driver says of a device, and the versions of the libraries in use.
#[derive(Debug, Clone)]
pub struct Properties {
    /// The product's name.
    pub name: String,
    /// The compute capability.
    pub architecture: Architecture,
    /// How many multiprocessors it has.
    pub multiprocessors: u32,
    /// The most shared memory that one block can ask for, in bytes.
    pub shared_bytes: u32,
    /// The size of the L2 cache in bytes.
    pub l2_bytes: u64,
    /// The device's memory in bytes.
    pub total_bytes: u64,
    /// The CUDA version that the driver serves: 13000 for 13.0.
    pub driver: u32,
    /// The version of cuBLASLt: 130100 for 13.1.0.
    pub cublaslt: usize,
    /// The version of cuDNN: 91400 for 9.14.0.
    pub cudnn: usize,
}

/// The versions of cuBLASLt and cuDNN, unless one is too old.
pub(crate) fn versions() -> Result<(usize, usize)> {
    // SAFETY: both libraries were found; neither call has a precondition.
    let (cublaslt, cudnn) = unsafe { (lt::cublasLtGetVersion(), dnn::cudnnGetVersion()) };
    if cublaslt < 120_000 {
        let found = format!("{}.{}", cublaslt / 10_000, cublaslt / 100 % 100);
        return Err(Error::TooOld {
            library: Library::CublasLt,
            found,
            needed: "12.0",
        });
    }
    if cudnn < 90_000 {
        let found = format!("{}.{}", cudnn / 1000, cudnn / 100 % 10);
        return Err(Error::TooOld {
            library: Library::Cudnn,
            found,
            needed: "9.0",
        });
    }
    Ok((cublaslt, cudnn))
}

pub(crate) fn properties(
    handle: cu::CUdevice,
    cublaslt: usize,
    cudnn: usize,
) -> Result<Properties> {
    let attribute = |attribute| {
        let mut value = 0;
        // SAFETY: the handle is the driver's own, the pointer is to a live integer.
        unsafe {
            cu::cuDeviceGetAttribute(&mut value, attribute, handle).check("cuDeviceGetAttribute")?
        };
        Ok::<_, Error>(value.unsigned_abs())
    };
    let mut name = [0u8; 256];
    let mut total = 0;
    let mut driver = 0;
    // SAFETY: the driver writes at most the length given, and to live integers.
    unsafe {
        cu::cuDeviceGetName(name.as_mut_ptr().cast(), name.len() as i32, handle)
            .check("cuDeviceGetName")?;
        cu::cuDeviceTotalMem_v2(&mut total, handle).check("cuDeviceTotalMem")?;
        cu::cuDriverGetVersion(&mut driver).check("cuDriverGetVersion")?;
    }
    Ok(Properties {
        name: CStr::from_bytes_until_nul(&name)
            .map(CStr::to_string_lossy)
            .unwrap_or_default()
            .into_owned(),
        architecture: Architecture {
            major: attribute(Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)?,
            minor: attribute(Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR)?,
        },
        multiprocessors: attribute(Attribute::CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT)?,
        shared_bytes: attribute(Attribute::CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN)?,
        l2_bytes: attribute(Attribute::CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE)?.into(),
        total_bytes: total as u64,
        driver: driver.unsigned_abs(),
        cublaslt,
        cudnn,
    })
}

#[cfg(test)]
mod tests {
    use super::Architecture;

    #[test]
    fn hopper_gets_its_own_instructions() {
        assert_eq!(Architecture { major: 9, minor: 0 }.target(), "sm_90a");
        assert_eq!(Architecture { major: 8, minor: 6 }.target(), "sm_86");
        assert_eq!(
            Architecture {
                major: 12,
                minor: 0
            }
            .target(),
            "sm_120"
        );
    }
}
