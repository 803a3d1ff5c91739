//! The SDK's text of a scorer, and what is wrong with it.

use std::fmt;

use crate::{Error, OutputType};

/// The name and the arguments of `Name(key=value, ...)`.
pub(crate) struct Call<'a> {
    /// Its name.
    pub(crate) name: &'a str,
    arguments: Vec<(&'a str, &'a str)>,
}

impl<'a> Call<'a> {
    /// Reads a call of one of the scorers `known`, which have these arguments.
    pub(crate) fn parse(
        text: &'a str,
        known: &[(&str, &[&'static str])],
        example: impl fmt::Display,
    ) -> Result<Self, Error> {
        let called = Self::read(text);
        let found = called.and_then(|call| {
            let (_, keys) = known.iter().find(|(name, _)| *name == call.name)?;
            Some((call, *keys))
        });
        let (call, keys) = found.ok_or_else(|| Error::Name {
            text: text.to_owned(),
            example: example.to_string(),
            known: known
                .iter()
                .map(|(name, _)| *name)
                .collect::<Vec<_>>()
                .join(", "),
        })?;
        let expected = || match keys {
            [] => "none".to_owned(),
            keys => keys.join(", "),
        };
        let mut seen = Vec::new();
        for (key, _) in &call.arguments {
            if !keys.contains(key) || seen.contains(key) {
                return Err(call.unsupported("argument", key, expected()));
            }
            seen.push(*key);
        }
        match keys.iter().find(|key| !seen.contains(*key)) {
            Some(argument) => Err(Error::Missing {
                scorer: call.name.to_owned(),
                argument,
                expected: expected(),
            }),
            None => Ok(call),
        }
    }

    fn read(text: &'a str) -> Option<Self> {
        let (name, rest) = text.trim().split_once('(')?;
        let inner = rest.strip_suffix(')')?.trim();
        let pairs = inner.split(',').filter(|part| !part.trim().is_empty());
        let arguments = pairs.map(|part| {
            part.split_once('=')
                .map(|(key, value)| (key.trim(), value.trim()))
        });
        Some(Self {
            name,
            arguments: arguments.collect::<Option<_>>()?,
        })
    }

    fn unsupported(&self, what: &'static str, given: &str, supported: String) -> Error {
        Error::Unsupported {
            scorer: self.name.to_owned(),
            what,
            given: given.to_owned(),
            supported,
        }
    }

    /// The value of an argument that the scorer has.
    fn value(&self, key: &str) -> &'a str {
        let found = self.arguments.iter().find(|(name, _)| *name == key);
        found.map_or("", |pair| pair.1)
    }

    /// The one of `all` that an argument names.
    pub(crate) fn one<T: Copy + fmt::Display>(
        &self,
        key: &'static str,
        all: &[T],
    ) -> Result<T, Error> {
        let given = self.value(key);
        let names = all.iter().map(ToString::to_string);
        let names: Vec<_> = names.collect();
        let at = names.iter().position(|name| name == given);
        at.map(|at| all[at])
            .ok_or_else(|| self.unsupported(key, given, names.join(", ")))
    }

    /// An output; one that there is not could be one of `outputs`.
    pub(crate) fn output(&self, outputs: &[OutputType]) -> Result<OutputType, Error> {
        let key = "requested_output";
        OutputType::parse(self.value(key)).map_or_else(|| self.one(key, outputs), Ok)
    }

    pub(crate) fn width(&self) -> Result<Option<usize>, Error> {
        match self.value("width") {
            "None" => Ok(None),
            number => number.parse().map(Some).map_err(|_| {
                self.unsupported("width", number, "None and whole numbers of bases".into())
            }),
        }
    }
}
