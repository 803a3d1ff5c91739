//! Where a side's arrays come from: a recording's archive, or a model that has just run.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::recording::{Array, ArrayStream, CaseReader, OutputEntry, RecordingError};

/// What the manifest says of an array, and the indices kept on each axis.
pub type Streamable = (OutputEntry, BTreeMap<usize, Vec<usize>>);

/// One side of a case.
pub trait Source {
    /// The outputs and taps it has.
    fn names(&self) -> Vec<String>;

    /// The array of a name.
    ///
    /// # Errors
    /// Where it is absent or cannot be read.
    fn array(&mut self, name: &str) -> Result<Cow<'_, Array>, RecordingError>;

    /// What the manifest says of it and which places were kept, where the array can also be streamed.
    ///
    /// # Errors
    /// Where the kept places cannot be read.
    fn streamable(&mut self, _name: &str) -> Result<Option<Streamable>, RecordingError> {
        Ok(None)
    }

    /// A stream of an array for which [`Self::streamable`] gave something.
    ///
    /// # Errors
    /// Where the array is absent or does not fit the manifest.
    fn stream(&mut self, name: &str) -> Result<ArrayStream<'_>, RecordingError> {
        Err(RecordingError::array("", name, "cannot be streamed"))
    }
}

impl Source for CaseReader {
    fn names(&self) -> Vec<String> {
        self.entry().outputs.keys().cloned().collect()
    }

    fn array(&mut self, name: &str) -> Result<Cow<'_, Array>, RecordingError> {
        CaseReader::array(self, name).map(Cow::Owned)
    }

    fn streamable(&mut self, name: &str) -> Result<Option<Streamable>, RecordingError> {
        let Some(entry) = self.entry().outputs.get(name).cloned() else {
            return Ok(None);
        };
        Ok(Some((entry, self.kept(name)?)))
    }

    fn stream(&mut self, name: &str) -> Result<ArrayStream<'_>, RecordingError> {
        CaseReader::stream(self, name)
    }
}

/// Arrays in memory, by name.
#[derive(Clone, Debug, Default)]
pub struct InMemory {
    /// Names them in errors.
    pub name: String,
    /// The arrays.
    pub arrays: BTreeMap<String, Array>,
}

impl Source for InMemory {
    fn names(&self) -> Vec<String> {
        self.arrays.keys().cloned().collect()
    }

    fn array(&mut self, name: &str) -> Result<Cow<'_, Array>, RecordingError> {
        self.arrays.get(name).map(Cow::Borrowed).ok_or_else(|| {
            RecordingError::array(&self.name, name, "is not among the model's outputs")
        })
    }
}
