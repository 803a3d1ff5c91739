//! Reads a trace event by event: only the slices stay, each with numbers for its names.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;
use serde::Deserializer;
use serde_json::Value;

use super::document::{Document, id, number};
use super::kind::label;

/// Why a trace could not be read.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// The file could not be opened.
    #[error("{}: {source}", .path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is no trace, or a damaged one.
    #[error(
        "{}: no Chrome trace in JSON, or a damaged one (an array of events, or an object with `traceEvents`, plain or \
         gzipped, is expected): {reason}",
        .path.display()
    )]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// It has no slices.
    #[error(
        "{}: {events} events, and none is a slice with a duration (`ph` X, or B and E): nothing to compare",
        .path.display()
    )]
    Empty {
        /// The file.
        path: PathBuf,
        /// Events of any sort.
        events: u64,
    },
}

/// A piece of time on a track.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Slice {
    /// Which track: an index into [`Trace::tracks`].
    pub track: u32,
    /// Which name, category and module: an index into [`Trace::labels`].
    pub label: u32,
    /// Microseconds since the trace's zero.
    pub start: f64,
    /// Microseconds.
    pub duration: f64,
}

/// What slices of one sort have in common.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Label {
    /// The slice's name.
    pub name: String,
    /// Its category.
    pub category: String,
    /// The module that its arguments name.
    pub module: Option<String>,
}

/// Process and thread of a track, as the file numbers them and as it names them.
#[derive(Clone, Debug, Default)]
pub struct Track {
    /// The name of its process.
    pub process: String,
    /// The name of its thread.
    pub thread: String,
}

/// A trace: slices, the tracks that they lie on, and their labels.
#[derive(Debug)]
pub struct Trace {
    /// Where it was read from.
    pub path: PathBuf,
    /// Slices in the order of the file.
    pub slices: Vec<Slice>,
    /// Tracks in the order of their first event.
    pub tracks: Vec<Track>,
    /// Labels in the order of their first slice.
    pub labels: Vec<Label>,
    /// Events of any sort.
    pub events: u64,
    /// Slices that had no name, no time, or a time that is no number.
    pub malformed: u64,
    /// Beginnings without an end, and ends without a beginning.
    pub unmatched: u64,
    /// True where the array of events did not end: profilers that were stopped write such files.
    pub cut: bool,
}

impl Trace {
    /// Reads a trace, gzipped or not; `seen` is told the bytes read so far.
    ///
    /// # Errors
    /// Where the file cannot be read, is no trace, or has no slices.
    pub fn read(path: &Path, seen: &mut dyn FnMut(u64)) -> Result<Self, TraceError> {
        let open = |source| TraceError::Open {
            path: path.into(),
            source,
        };
        let file = File::open(path).map_err(open)?;
        let mut reader = BufReader::with_capacity(
            1 << 20,
            Counted {
                file,
                read: 0,
                seen,
            },
        );
        let zipped = reader.fill_buf().map_err(open)?.starts_with(&[0x1f, 0x8b]);
        let mut builder = Builder::default();
        let result = if zipped {
            let reader = BufReader::with_capacity(1 << 18, MultiGzDecoder::new(reader));
            builder.parse(reader)
        } else {
            builder.parse(reader)
        };
        let cut = match result {
            Ok(()) => false,
            // The format lets the closing bracket of an array be missing.
            Err(error) if error.is_eof() && builder.in_array && builder.events > 0 => true,
            Err(error) => {
                return Err(TraceError::Format {
                    path: path.into(),
                    reason: error.to_string(),
                });
            }
        };
        builder.finish(path, cut)
    }
}

/// Tells how far the file was read.
struct Counted<'a> {
    file: File,
    read: u64,
    seen: &'a mut dyn FnMut(u64),
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let n = self.file.read(buffer)?;
        self.read += n as u64;
        (self.seen)(self.read);
        Ok(n)
    }
}

#[derive(Default)]
pub(super) struct Builder {
    slices: Vec<Slice>,
    tracks: Vec<Track>,
    track_of: HashMap<(String, String), u32>,
    process_names: HashMap<String, String>,
    thread_names: HashMap<(String, String), String>,
    labels: Vec<Label>,
    label_of: HashMap<Label, u32>,
    open: HashMap<u32, Vec<(u32, f64)>>,
    events: u64,
    malformed: u64,
    unmatched: u64,
    pub(super) in_array: bool,
}

impl Builder {
    fn parse(&mut self, reader: impl Read) -> Result<(), serde_json::Error> {
        let mut json = serde_json::Deserializer::from_reader(reader);
        json.deserialize_any(Document(self))?;
        json.end()
    }

    pub(super) fn event(&mut self, event: &Value) {
        self.events += 1;
        let text = |key: &str| event.get(key).and_then(Value::as_str);
        let phase = text("ph").unwrap_or("");
        if !matches!(phase, "X" | "B" | "E" | "M") {
            return;
        }
        let ids = (id(event.get("pid")), id(event.get("tid")));
        if phase == "M" {
            let name = event.get("args").and_then(|args| args.get("name"));
            let name = name.and_then(Value::as_str).unwrap_or("").to_string();
            match text("name") {
                Some("process_name") => {
                    self.process_names.insert(ids.0, name);
                }
                Some("thread_name") => {
                    self.thread_names.insert(ids, name);
                }
                _ => {}
            }
            return;
        }
        let start = number(event.get("ts"));
        let duration = number(event.get("dur"));
        let label = text("name").map(|name| label(name, text("cat"), event.get("args")));
        match (phase, start, duration, label) {
            ("X", Some(start), Some(duration), Some(label)) if duration >= 0.0 => {
                let slice = Slice {
                    track: self.track(ids),
                    label: self.label(label),
                    start,
                    duration,
                };
                self.slices.push(slice);
            }
            ("B", Some(start), _, Some(label)) => {
                let (track, label) = (self.track(ids), self.label(label));
                self.open.entry(track).or_default().push((label, start));
            }
            ("E", Some(end), _, _) => {
                let track = self.track(ids);
                match self.open.get_mut(&track).and_then(Vec::pop) {
                    Some((label, start)) if end >= start => self.slices.push(Slice {
                        track,
                        label,
                        start,
                        duration: end - start,
                    }),
                    _ => self.unmatched += 1,
                }
            }
            _ => self.malformed += 1,
        }
    }

    fn track(&mut self, ids: (String, String)) -> u32 {
        let next = self.track_of.len() as u32;
        *self.track_of.entry(ids).or_insert(next)
    }

    fn label(&mut self, label: Label) -> u32 {
        if let Some(&known) = self.label_of.get(&label) {
            return known;
        }
        let next = self.labels.len() as u32;
        self.labels.push(label.clone());
        self.label_of.insert(label, next);
        next
    }

    /// Names may follow the events that they name, so tracks get theirs last.
    fn finish(mut self, path: &Path, cut: bool) -> Result<Trace, TraceError> {
        if self.slices.is_empty() {
            return Err(TraceError::Empty {
                path: path.into(),
                events: self.events,
            });
        }
        self.unmatched += self
            .open
            .values()
            .map(|open| open.len() as u64)
            .sum::<u64>();
        self.tracks = vec![Track::default(); self.track_of.len()];
        for (ids, track) in &self.track_of {
            let process = self.process_names.get(&ids.0).cloned();
            let thread = self.thread_names.get(ids).cloned();
            self.tracks[*track as usize] = Track {
                process: process.unwrap_or_else(|| ids.0.clone()),
                thread: thread.unwrap_or_else(|| ids.1.clone()),
            };
        }
        Ok(Trace {
            path: path.into(),
            slices: self.slices,
            tracks: self.tracks,
            labels: self.labels,
            events: self.events,
            malformed: self.malformed,
            unmatched: self.unmatched,
            cut,
        })
    }
}
