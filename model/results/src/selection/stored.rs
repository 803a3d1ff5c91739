//! A selection as JSON has it, with the tables of tracks.

use std::sync::Arc;

use genome::Strand;
use scorers::{OutputType, Tracks};
use serde::{Deserialize, Serialize};

use super::{Selected, Selection};

/// An output of the selection: the table of all its tracks, and which are wanted.
#[derive(Debug, Deserialize, Serialize)]
pub struct Stored {
    output: String,
    kept: Vec<usize>,
    names: Vec<String>,
    strands: Vec<Strand>,
    columns: Vec<(String, Vec<Option<String>>)>,
}

impl From<Selection> for Vec<Stored> {
    fn from(selection: Selection) -> Self {
        let outputs = selection.0.into_iter();
        let stored = outputs.map(|(output, Selected { tracks, kept })| Stored {
            output: output.name().to_owned(),
            kept,
            names: tracks.names().to_vec(),
            strands: tracks.strands().to_vec(),
            columns: tracks
                .columns()
                .map(|(name, values)| (name.to_owned(), values.to_vec()))
                .collect(),
        });
        stored.collect()
    }
}

impl TryFrom<Vec<Stored>> for Selection {
    type Error = String;

    fn try_from(all: Vec<Stored>) -> Result<Self, String> {
        let selected = all.into_iter().map(|stored| {
            let output = OutputType::parse(&stored.output)
                .ok_or_else(|| format!("{} is no output", stored.output))?;
            let count = stored.names.len();
            let even = stored.strands.len() == count
                && stored.columns.iter().all(|(_, all)| all.len() == count)
                && stored.kept.iter().all(|at| *at < count);
            if !even {
                return Err(format!("{output}: the table of tracks has gaps"));
            }
            let tracks = Tracks::new(stored.names, stored.strands);
            let columns = stored.columns.into_iter();
            let tracks = columns.fold(tracks, |tracks, (name, values)| tracks.with(name, values));
            let (tracks, kept) = (Arc::new(tracks), stored.kept);
            Ok((output, Selected { tracks, kept }))
        });
        selected.collect::<Result<_, _>>().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selection_comes_back_whole_or_not_at_all() {
        let tracks = Tracks::new(
            vec!["a".into(), "b".into()],
            vec![Strand::Negative, Strand::Unstranded],
        );
        let tracks = tracks.with("life", vec![None, Some("adult".into())]);
        let selected = Selected {
            tracks: Arc::new(tracks),
            kept: vec![1],
        };
        let selection = Selection([(OutputType::Cage, selected)].into());
        let text = serde_json::to_string(&selection).unwrap();
        let back: Selection = serde_json::from_str(&text).unwrap();
        assert_eq!(back.table(), selection.table());
        assert_eq!(back.0[&OutputType::Cage].kept, [1]);
        for (from, to) in [("[1]", "[2]"), ("CAGE", "CAKE"), ("\"a\",", "")] {
            let other = text.replacen(from, to, 1);
            assert_ne!(other, text);
            assert!(serde_json::from_str::<Selection>(&other).is_err(), "{to}");
        }
    }
}
