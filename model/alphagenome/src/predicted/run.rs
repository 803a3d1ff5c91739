//! Passes of the model: windows of regions, and variants.

use anyhow::Result;
use genome::fasta::Fasta;
use genome::variants::Allele;
use inference::alleles::predict_variant;
use inference::predictor::{Places, Predictor};
use inference::scoring::refuses;
use inference::tables::Tables;
use results::page::{self, Scene};
use results::{Passed, Selection, Subject, Window};
use scorers::{Behaviour, Predictions};

use crate::failures::Failure;
use crate::pages::Pages;
use crate::regions::Region;

/// What the model is run on once.
pub struct Pass {
    /// The region or variant, and what of it is kept in files.
    pub subject: Subject,
    /// What the model sees.
    pub window: Window,
    /// Whether it is the region's last; a variant has one.
    pub last: bool,
    /// The variant; its line is 0 where it comes from no file.
    pub allele: Option<Allele>,
}

impl Pass {
    /// The windows of a region.
    pub fn of_region(region: Region, windows: Vec<Window>) -> impl Iterator<Item = Self> {
        let last = windows.len().saturating_sub(1);
        windows.into_iter().enumerate().map(move |(at, window)| {
            let Region { name, interval } = region.clone();
            Self {
                subject: Subject { name, interval },
                window,
                last: at == last,
                allele: None,
            }
        })
    }

    /// A variant in its window.
    pub fn of_variant(allele: Allele, window: Window) -> Self {
        Self {
            subject: Subject {
                name: allele.variant.to_string(),
                interval: window.kept.clone(),
            },
            window,
            last: true,
            allele: Some(allele),
        }
    }
}

/// A pass, or why there is none.
pub type Item = Result<Pass, Failure>;

/// Everything that is open.
pub struct Run {
    /// The model.
    pub predictor: Predictor,
    /// The genome.
    pub genome: Fasta,
    /// Genes and splice sites.
    pub tables: Tables,
    /// Whose behaviour is wanted.
    pub behaviour: Behaviour,
    /// Outputs and tracks.
    pub selection: Selection,
    /// Pages, where there are some.
    pub pages: Option<Drawn>,
    /// Passes so far, failed ones included.
    pub items: u64,
}

/// Pages, with base pairs and settings that they show.
pub type Drawn = (Pages, i64, Vec<(String, String)>);

/// What was run, and what the model gave: predictions of the region, or of REF and ALT.
pub type Predicted = (Passed, Window, Vec<Predictions>);

impl Run {
    /// Runs a pass. A variant of a file that cannot be predicted is a failure, and others may be predicted all the same.
    ///
    /// # Errors
    /// Where the run cannot go on.
    pub fn predict(&mut self, item: Item) -> Result<Result<Predicted, Failure>> {
        let number = self.items;
        self.items += 1;
        let pass = match item {
            Ok(pass) => pass,
            Err(failure) => return Ok(Err(failure)),
        };
        let predictions = match &pass.allele {
            None => self.region(&pass),
            Some(allele) => self.variant(allele, &pass.window, number),
        };
        let found = predictions.and_then(|predictions| {
            let passed = Passed {
                bases: self.genome.length(&pass.subject.interval.chromosome)?,
                subject: pass.subject.clone(),
                last: pass.last,
            };
            Ok((passed, predictions))
        });
        match (found, pass.allele) {
            (Ok((passed, predictions)), _) => Ok(Ok((passed, pass.window, predictions))),
            (Err(error), Some(allele)) if allele.line > 0 && refuses(&error) => {
                Ok(Err(failure(&allele, &error)))
            }
            (Err(error), _) => Err(error.context(pass.subject.name)),
        }
    }

    fn region(&self, pass: &Pass) -> Result<Vec<Predictions>> {
        let (seen, outputs) = (&pass.window.seen, self.selection.outputs());
        let predictions =
            self.predictor
                .predict_interval(&self.genome, seen, &outputs, &Places::new())?;
        Ok(vec![predictions])
    }

    /// Both alleles, as `predict_variant` gives them.
    fn variant(
        &mut self,
        allele: &Allele,
        window: &Window,
        number: u64,
    ) -> Result<Vec<Predictions>> {
        let both = predict_variant(
            &self.predictor,
            (&self.genome, &self.tables),
            (&window.seen, &allele.variant),
            self.selection.outputs(),
            self.behaviour,
        )?;
        if let Some((pages, width, settings)) = &mut self.pages {
            let scene = Scene {
                genome: &self.genome,
                annotation: self.tables.annotation.as_ref(),
                tracks: &|output| {
                    let tracks = self.predictor.tracks(output);
                    tracks.filter(|_| self.selection.0.contains_key(&output))
                },
                wanted: &|output| Some(&self.selection.0.get(&output)?.kept),
                scored: false,
                settings,
                width: *width,
                home: page::LIST,
            };
            let subject = page::Subject {
                variant: &allele.variant,
                id: allele.id.as_deref(),
                interval: &window.seen,
                predictions: &both,
                table: None,
            };
            pages.add(&subject, &scene, number)?;
        }
        Ok(both.into())
    }
}

/// A variant of a file that cannot be predicted.
pub fn failure(allele: &Allele, error: &anyhow::Error) -> Failure {
    Failure {
        subject: allele.variant.to_string(),
        id: allele.id.clone(),
        line: Some(allele.line),
        reason: terminal::message(error),
    }
}
