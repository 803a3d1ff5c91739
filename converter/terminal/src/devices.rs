//! Several places to run at once.

use std::fmt;
use std::str::FromStr;

use crate::Device;

/// Places of one kind, on each of which a model runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Devices {
    /// Every CUDA device of the host.
    AllCuda,
    /// These; the CPU may be named several times.
    Named(Vec<Device>),
}

impl Devices {
    /// The first that is named; of all CUDA devices, the first one.
    #[must_use]
    pub fn first(&self) -> Device {
        match self {
            Self::Named(list) if !list.is_empty() => list[0],
            Self::Named(_) => Device::Cpu,
            Self::AllCuda => Device::Cuda(0),
        }
    }

    /// What kind of device it is, without a number: results of other numbers are the same.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self.first() {
            Device::Cpu => "cpu",
            Device::Cuda(_) => "cuda",
            Device::BurnCuda(_) => "burn-cuda",
        }
    }

    /// The only one; nothing where there may be several.
    #[must_use]
    pub fn only(&self) -> Option<Device> {
        match self {
            Self::Named(list) if list.len() == 1 => Some(list[0]),
            _ => None,
        }
    }
}

impl Default for Devices {
    fn default() -> Self {
        Self::Named(vec![Device::default()])
    }
}

impl FromStr for Devices {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "cuda:all" {
            return Ok(Self::AllCuda);
        }
        let list = text.split(',').map(str::parse);
        let list: Vec<Device> = list.collect::<Result<_, _>>()?;
        let named = Self::Named(list.clone());
        for (at, device) in list.iter().enumerate() {
            if *device == Device::Cpu {
                if named.kind() != "cpu" {
                    return Err(format!(
                        "`{text}`: the CPU rounds otherwise than a GPU; name devices of one kind"
                    ));
                }
            } else if list[..at].contains(device) {
                return Err(format!("`{text}` names {device} twice"));
            } else if std::mem::discriminant(device) != std::mem::discriminant(&list[0]) {
                return Err(format!("`{text}`: name devices of one kind"));
            }
        }
        Ok(named)
    }
}

impl fmt::Display for Devices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AllCuda => f.pad("cuda:all"),
            Self::Named(list) => {
                let list: Vec<_> = list.iter().map(ToString::to_string).collect();
                f.pad(&list.join(","))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_of_one_kind() {
        let parse = |text: &str| text.parse::<Devices>();
        for text in ["cpu", "cpu,cpu", "cuda:0,cuda:1", "cuda:all", "burn-cuda:1"] {
            assert_eq!(parse(text).unwrap().to_string(), text);
        }
        assert_eq!(parse("cuda,cuda:1").unwrap().to_string(), "cuda:0,cuda:1");
        for (text, word) in [
            ("", "is no device"),
            ("cpu,", "is no device"),
            ("cpu,cuda", "one kind"),
            ("cuda,cpu", "one kind"),
            ("cuda:0,burn-cuda:1", "one kind"),
            ("cuda,cuda:0", "cuda:0 twice"),
            ("cpu:all", "is no device"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(word), "{text}: {error}");
        }
        assert_eq!(parse("cuda:3").unwrap().only(), Some(Device::Cuda(3)));
        assert_eq!(parse("cuda:all").unwrap().only(), None);
        assert_eq!(parse("cuda:2,cuda:1").unwrap().kind(), "cuda");
    }
}
