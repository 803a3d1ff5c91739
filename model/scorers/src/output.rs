use crate::names::named;

named! {
    /// What the model predicts.
    OutputType {
        /// Chromatin accessibility, ATAC-seq.
        Atac = "ATAC",
        /// Transcription starts, CAGE.
        Cage = "CAGE",
        /// Chromatin accessibility, DNase-seq.
        Dnase = "DNASE",
        /// Expression, RNA-seq.
        RnaSeq = "RNA_SEQ",
        /// Histone marks, in bins of 128 bp.
        ChipHistone = "CHIP_HISTONE",
        /// Transcription factors, in bins of 128 bp.
        ChipTf = "CHIP_TF",
        /// Probabilities of donors and acceptors.
        SpliceSites = "SPLICE_SITES",
        /// How much a splice site is used.
        SpliceSiteUsage = "SPLICE_SITE_USAGE",
        /// Counts for pairs of donors and acceptors.
        SpliceJunctions = "SPLICE_JUNCTIONS",
        /// Contacts of bins of 2,048 bp.
        ContactMaps = "CONTACT_MAPS",
        /// Transcription starts, PRO-cap.
        Procap = "PROCAP",
    }
}

impl OutputType {
    /// Base pairs a bin.
    pub fn resolution(self) -> usize {
        match self {
            Self::ChipHistone | Self::ChipTf => 128,
            Self::ContactMaps => 2048,
            _ => 1,
        }
    }
}

named! {
    /// An organism that the model was trained on.
    Organism {
        /// Human.
        Human = "HOMO_SAPIENS",
        /// Mouse.
        Mouse = "MUS_MUSCULUS",
    }
}
