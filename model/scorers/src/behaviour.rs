/// Whose behaviour is reproduced where 0.3.0 does what looks like a slip.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Behaviour {
    /// What `alphagenome_research` 0.3.0 does.
    #[default]
    V0_3_0,
    /// The same with its slips mended: `docs/scores.md` says which, and what changes.
    Corrected,
}

impl Behaviour {
    /// The behaviour that a user names `0.3.0` or `corrected`.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "0.3.0" => Some(Self::V0_3_0),
            "corrected" => Some(Self::Corrected),
            _ => None,
        }
    }
}
