use crate::{
    field::Fields,
    manifest::ManifestError,
    table::{DataFile, FileTable},
};

/// Where a node stands, and how high it is above the leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeLocation {
    /// The file that holds it.
    pub file: DataFile,
    /// Where in the file it starts.
    pub offset: u64,
    /// How many bytes it takes.
    pub length: u64,
    /// 0 for a leaf.
    pub height: u8,
}

/// What a subtree holds, as its parent states it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Keys in the leaves.
    pub keys: u64,
    /// Bytes of all nodes.
    pub tree_bytes: u64,
    /// Bytes of all values that stand outside the nodes.
    pub indirect_value_bytes: u64,
}

/// One state of a database in its history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// Counts the commits; the newest version has the greatest.
    pub generation: u64,
    /// The root of its B+tree, or `None` if the database is empty.
    pub root: Option<NodeLocation>,
    /// What it holds.
    pub statistics: Statistics,
    /// When it was made, in nanoseconds since 1970-01-01 UTC.
    pub commit_time: u64,
}

/// Reads the array of versions of a manifest (section "Version tree", leaf entries).
pub(crate) fn read_versions(
    fields: &mut Fields<'_>,
    table: &FileTable,
    arity_log2: u8,
) -> Result<Vec<Version>, ManifestError> {
    let count = fields.count("inline version", 15)?;
    let most = 1usize << arity_log2;
    if count == 0 || count > most {
        return Err(ManifestError::VersionCount { found: count, most });
    }
    let generations = fields.varints("generation_number", 64, count)?;
    let heights = (0..count)
        .map(|_| fields.u8("root_height"))
        .collect::<Result<Vec<_>, _>>()?;
    let files = fields.varints("data_file_id", 64, count)?;
    let offsets = fields.varints("data_file_offset", 64, count)?;
    let lengths = fields.varints("data_file_length", 64, count)?;
    let keys = fields.varints("num_keys", 64, count)?;
    let tree_bytes = fields.varints("num_tree_bytes", 64, count)?;
    let indirect = fields.varints("num_indirect_value_bytes", 64, count)?;
    let times = fields.u64s("commit_time", count)?;
    check_generations(&generations)?;
    (0..count)
        .map(|i| {
            let statistics = Statistics {
                keys: keys[i],
                tree_bytes: tree_bytes[i],
                indirect_value_bytes: indirect[i],
            };
            let generation = generations[i];
            let file = lookup(table, files[i])?;
            let root = match (offsets[i], lengths[i]) {
                (u64::MAX, u64::MAX) if heights[i] == 0 && statistics == Statistics::default() => {
                    None
                }
                (offset, length)
                    if offset.checked_add(length).is_some_and(|end| end < u64::MAX) =>
                {
                    Some(NodeLocation {
                        file: file.clone(),
                        offset,
                        length,
                        height: heights[i],
                    })
                }
                (offset, length) => {
                    return Err(ManifestError::Root {
                        generation,
                        offset,
                        length,
                    });
                }
            };
            Ok(Version {
                generation,
                root,
                statistics,
                commit_time: times[i],
            })
        })
        .collect()
}

/// Reads, checks and forgets the references to older versions, which a reader of the newest one never follows.
pub(crate) fn skip_older_versions(
    fields: &mut Fields<'_>,
    table: &FileTable,
) -> Result<(), ManifestError> {
    let count = fields.count("version node", 14)?;
    check_generations(&fields.varints("generation_number", 64, count)?)?;
    for file in fields.varints("data_file_id", 64, count)? {
        lookup(table, file)?;
    }
    fields.varints("data_file_offset", 64, count)?;
    fields.varints("data_file_length", 64, count)?;
    fields.varints("num_generations", 64, count)?;
    fields.u64s("commit_time", count)?;
    fields.bytes("entry_height", count as u64)?;
    Ok(())
}

fn check_generations(generations: &[u64]) -> Result<(), ManifestError> {
    if generations.first() == Some(&0) {
        return Err(ManifestError::Generation {
            before: 0,
            found: 0,
        });
    }
    match generations.windows(2).find(|pair| pair[0] >= pair[1]) {
        Some(pair) => Err(ManifestError::Generation {
            before: pair[0],
            found: pair[1],
        }),
        None => Ok(()),
    }
}

fn lookup(table: &FileTable, id: u64) -> Result<&DataFile, ManifestError> {
    usize::try_from(id)
        .ok()
        .and_then(|index| table.get(index))
        .ok_or(ManifestError::FileId {
            found: id,
            files: table.len(),
        })
}
