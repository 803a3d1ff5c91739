//! Where the model runs.

use std::fmt;
use std::str::FromStr;

/// A place to run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Device {
    /// The CPU.
    #[default]
    Cpu,
    /// A CUDA device, counted from 0.
    Cuda(u32),
    /// A CUDA device with Burn's own operations: slow, and the definition of the form above.
    BurnCuda(u32),
}

impl FromStr for Device {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, number) = text.split_once(':').unwrap_or((text, "0"));
        let number = number
            .parse()
            .map_err(|_| format!("`{text}` names no device: expected a number after the colon"));
        match name {
            "cpu" if text == name => Ok(Self::Cpu),
            "cuda" => number.map(Self::Cuda),
            "burn-cuda" => number.map(Self::BurnCuda),
            _ => Err(format!(
                "`{text}` is no device: expected cpu, cuda, cuda:N, burn-cuda or burn-cuda:N"
            )),
        }
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => f.pad("cpu"),
            Self::Cuda(number) => f.pad(&format!("cuda:{number}")),
            Self::BurnCuda(number) => f.pad(&format!("burn-cuda:{number}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_have_names() {
        assert_eq!("cpu".parse(), Ok(Device::Cpu));
        assert_eq!("cuda".parse(), Ok(Device::Cuda(0)));
        assert_eq!("cuda:3".parse(), Ok(Device::Cuda(3)));
        assert_eq!("burn-cuda:1".parse(), Ok(Device::BurnCuda(1)));
        for wrong in ["", "gpu", "cuda:", "cuda:x", "cpu:1", "cuda:-1"] {
            let error = wrong.parse::<Device>().unwrap_err();
            assert!(error.contains(&format!("`{wrong}`")), "{error}");
        }
        assert_eq!(Device::Cuda(1).to_string(), "cuda:1");
    }
}
