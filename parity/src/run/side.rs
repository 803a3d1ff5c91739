//! What a recording holds of a case, and where the model has it.

use std::collections::BTreeMap;

use anyhow::Result;

use super::candidate::{JUNCTIONS, POSITIONS};
use super::taps::Kept;
use crate::recording::{Array, CaseReader, Values};

/// What a recording holds of a case.
pub(super) struct Side {
    /// The kept indices of every output and tap.
    pub(super) kept: Kept,
    /// Its splice sites.
    pub(super) positions: Option<Array>,
}

impl Side {
    pub(super) fn of(case: &mut CaseReader) -> Result<Self> {
        let names: Vec<String> = case.entry().outputs.keys().cloned().collect();
        let mut kept = Kept::new();
        for name in names {
            let indices = case.kept(&name)?;
            kept.insert(name, indices);
        }
        let positions = match kept.contains_key(POSITIONS) {
            true => Some(case.array(POSITIONS)?),
            false => None,
        };
        Ok(Self { kept, positions })
    }

    /// The indices of `name` that belong to what the recording kept, where the model chose the splice sites `ours`.
    pub(super) fn kept_of(&self, name: &str, ours: Option<&Array>) -> BTreeMap<usize, Vec<usize>> {
        let kept = self.kept.get(name).cloned().unwrap_or_default();
        match (&self.positions, ours) {
            (Some(theirs), Some(ours)) if name.starts_with(JUNCTIONS) && name != POSITIONS => {
                indices_of_sites(&kept, theirs, ours)
            }
            _ => kept,
        }
    }
}

/// The candidate's indices, on the axes of donors and acceptors, of the sites that the reference kept.
fn indices_of_sites(
    kept: &BTreeMap<usize, Vec<usize>>,
    theirs: &Array,
    ours: &Array,
) -> BTreeMap<usize, Vec<usize>> {
    let (Values::I32(a), Values::I32(b)) = (&theirs.values, &ours.values) else {
        return BTreeMap::new();
    };
    let (k, l) = (theirs.full_shape[2], ours.full_shape[2]);
    let mut indices = BTreeMap::new();
    for (&axis, kept) in kept {
        // Axis 1 is donors, rows 0 and 2; axis 2 acceptors, rows 1 and 3.
        let rows = (0..a.len() / k).filter(|row| row % 2 + 1 == axis);
        let mut found: Vec<usize> = rows
            .flat_map(|row| {
                let sites = kept
                    .iter()
                    .map(move |&i| a[row * k + i])
                    .filter(|&p| p >= 0);
                let ours = &b[row * l..][..l];
                sites.filter_map(|site| ours.iter().position(|&p| p == site))
            })
            .collect();
        found.sort_unstable();
        found.dedup();
        indices.insert(axis, found);
    }
    indices
}

#[cfg(test)]
mod tests {
    use super::*;

    fn positions(rows: [[i32; 3]; 4]) -> Array {
        Array::full(vec![1, 4, 3], Values::I32(rows.concat()))
    }

    #[test]
    fn kept_junctions_follow_their_sites() {
        let theirs = positions([[1, 4, 6], [2, 5, -1], [3, 7, 8], [0, 9, -1]]);
        let ours = positions([[4, 5, 6], [2, 5, 8], [3, 7, -1], [9, -1, -1]]);
        // Donors 4 and 7 (kept 1), acceptors 2, 5, 0 and 9 (kept 0 and 1).
        let indices = BTreeMap::from([(1, vec![1]), (2, vec![0, 1])]);
        let name = format!("{JUNCTIONS}/predictions");
        let side = Side {
            kept: Kept::from([(name.clone(), indices.clone())]),
            positions: Some(theirs),
        };
        let found = side.kept_of(&name, Some(&ours));
        // The model has donor 4 at 0, donor 7 at 1; acceptors 2 at 0, 5 at 1, 9 at 0.
        assert_eq!(found, BTreeMap::from([(1, vec![0, 1]), (2, vec![0, 1])]));
        assert_eq!(side.kept_of(&name, None), indices);
        assert_eq!(side.kept_of("other", Some(&ours)), BTreeMap::new());
    }
}
