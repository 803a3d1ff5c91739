//! From regions and variants to files, one after the other.

use std::path::Path;

use anyhow::{Context, Result};
use genome::fasta::Fasta;
use genome::variants::Variants;
use genome::{Error, Variant};
use inference::alleles::predict_variant;
use inference::predictor::{Places, Predictor};
use inference::scoring::refuses;
use inference::tables::Tables;
use results::page::{self, Scene};
use results::{Selection, Subject, Window};
use scorers::Behaviour;
use terminal::Progress;

use super::{Files, Target, safe_name};
use crate::failures::{self, Failure};
use crate::pages::Pages;
use crate::regions::{Names, Region};

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
    /// What is written.
    pub files: Files,
    /// Names that are taken.
    pub names: Names,
    /// Pages, where there are some.
    pub pages: Option<Drawn>,
    /// Variants so far, failed ones included.
    pub items: u64,
    /// What cannot be predicted.
    pub failures: Vec<Failure>,
    /// Passes.
    pub progress: Progress,
}

/// Pages, with base pairs and settings that they show.
pub type Drawn = (Pages, i64, Vec<(String, String)>);

impl Run {
    /// Predicts a region, window by window.
    ///
    /// # Errors
    /// Where the model cannot be run on it, or a file cannot be written.
    pub fn region(&mut self, region: &Region, windows: &[Window]) -> Result<()> {
        let subject = Subject {
            // A key of an archive is the name of a file to whoever unpacks it.
            name: self.names.take(&match region.name.trim_matches('.') {
                "" => "_".to_owned(),
                _ => region.name.replace(['/', '\\'], "_"),
            }),
            interval: region.interval.clone(),
        };
        let outputs = self.selection.outputs();
        for window in windows {
            let predictions = self
                .predictor
                .predict_interval(&self.genome, &window.seen, &outputs, &Places::new())
                .with_context(|| subject.name.clone())?;
            self.files.take(&subject, window, [&predictions])?;
            self.progress.add(1);
        }
        self.files.end(&subject)
    }

    /// Predicts both alleles of a variant, as `predict_variant` does.
    ///
    /// # Errors
    /// Where the variant or the genome does not fit the window, and as [`Run::region`].
    pub fn variant(&mut self, variant: &Variant, id: Option<&str>, window: &Window) -> Result<()> {
        let seen = &window.seen;
        let both = predict_variant(
            &self.predictor,
            (&self.genome, &self.tables),
            (seen, variant),
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
                variant,
                id,
                interval: seen,
                predictions: &both,
                table: None,
            };
            pages.add(&subject, &scene, self.items)?;
        }
        self.items += 1;
        let name = variant.to_string();
        let name = match self.files.are_bigwig() {
            true => safe_name(&name),
            false => name,
        };
        let subject = Subject {
            name: self.names.take(&name),
            interval: window.kept.clone(),
        };
        self.files.take(&subject, window, &both)?;
        self.files.end(&subject)?;
        self.progress.add(1);
        Ok(())
    }

    /// Predicts the variants of a file, each in its window. Those that cannot be predicted are kept for the table of failures.
    ///
    /// # Errors
    /// Where the run cannot go on.
    pub fn file(&mut self, path: &Path, window: impl Fn(&Variant) -> Result<Window>) -> Result<()> {
        for allele in Variants::open(path)? {
            let (subject, id, line, reason) = match allele {
                Err(Error::Line { line, reason, .. }) => (String::new(), None, line, reason),
                Err(error) => return Err(error.into()),
                Ok(allele) => {
                    let variant = &allele.variant;
                    let done = window(variant)
                        .and_then(|window| self.variant(variant, allele.id.as_deref(), &window));
                    match done {
                        Ok(()) => continue,
                        Err(error) if refuses(&error) => {
                            let reason = terminal::message(&error);
                            (variant.to_string(), allele.id, allele.line, reason)
                        }
                        Err(error) => return Err(error.context(variant.to_string())),
                    }
                }
            };
            self.items += 1;
            self.progress.add(1);
            self.failures.push(Failure {
                subject,
                id,
                line: Some(line),
                reason,
            });
        }
        Ok(())
    }

    /// Writes what is left, and gives everything its name.
    ///
    /// # Errors
    /// Where a file cannot be written.
    pub fn finish(self, target: &Target) -> Result<()> {
        self.files.finish()?;
        if !self.failures.is_empty() {
            let path = target.failures();
            let named = || path.display().to_string();
            let mut out = failures::begin(&path)?;
            for failure in &self.failures {
                failure.write(&mut out).with_context(named)?;
            }
            let file = out.into_inner().with_context(named)?;
            file.sync_data().with_context(named)?;
        }
        target.publish()?;
        if let Some((pages, _, settings)) = self.pages {
            pages.finish(&settings, self.items)?;
        }
        Ok(())
    }
}
