use genome::Strand;

/// The table of an output's tracks, as the SDK's metadata has it, without padding tracks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tracks {
    names: Vec<String>,
    strands: Vec<Strand>,
    /// Further columns by their name; `None` is a missing value.
    columns: Vec<(String, Vec<Option<String>>)>,
}

impl Tracks {
    /// Tracks with these names and strands.
    ///
    /// # Panics
    /// Where there are not as many strands as names.
    pub fn new(names: Vec<String>, strands: Vec<Strand>) -> Self {
        assert_eq!(names.len(), strands.len(), "one strand a track");
        Self {
            names,
            strands,
            columns: Vec::new(),
        }
    }

    /// The same tracks with one more column; one of that name is replaced.
    ///
    /// # Panics
    /// Where there are not as many values as tracks.
    pub fn with(mut self, column: impl Into<String>, values: Vec<Option<String>>) -> Self {
        assert_eq!(values.len(), self.names.len(), "one value a track");
        let column = column.into();
        self.columns.retain(|(name, _)| *name != column);
        self.columns.push((column, values));
        self
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Their names.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Their strands.
    pub fn strands(&self) -> &[Strand] {
        &self.strands
    }

    /// A further column.
    pub fn column(&self, name: &str) -> Option<&[Option<String>]> {
        self.columns
            .iter()
            .find(|(column, _)| column == name)
            .map(|(_, values)| values.as_slice())
    }

    /// The further columns, in the SDK's order.
    pub fn columns(&self) -> impl Iterator<Item = (&str, &[Option<String>])> {
        let columns = self.columns.iter();
        columns.map(|(name, values)| (name.as_str(), values.as_slice()))
    }

    /// Those at `kept`, without strand.
    pub(crate) fn unstranded(&self, kept: &[usize]) -> Self {
        let of = |values: &[Option<String>]| kept.iter().map(|at| values[*at].clone()).collect();
        Self {
            names: kept.iter().map(|at| self.names[*at].clone()).collect(),
            strands: vec![Strand::Unstranded; kept.len()],
            columns: self
                .columns()
                .map(|(name, values)| (name.to_owned(), of(values)))
                .collect(),
        }
    }

    /// The tracks of junctions as their scores have them: without strand, and with exactly these columns.
    pub(crate) fn for_junctions(&self) -> Self {
        const COLUMNS: [&str; 7] = [
            "gtex_tissue",
            "ontology_curie",
            "biosample_type",
            "biosample_name",
            "biosample_life_stage",
            "data_source",
            "Assay title",
        ];
        let values = |name: &str| {
            self.column(name)
                .map_or_else(|| vec![None; self.len()], <[_]>::to_vec)
        };
        Self {
            names: self.names.clone(),
            strands: vec![Strand::Unstranded; self.len()],
            columns: COLUMNS
                .iter()
                .map(|name| ((*name).to_owned(), values(name)))
                .collect(),
        }
    }
}
