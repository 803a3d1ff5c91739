//! What is asked for: regions with their windows, or variants, and which of it is a share.

use std::ops::Range;

use anyhow::{Result, bail};
use genome::alleles::check_reference;
use genome::fasta::Fasta;
use genome::variants::{Allele, Variants};
use genome::{Error, Variant};
use inference::predictor::described;
use inference::scoring::refuses;
use model::sequence::{LENGTH_STEP, LONGEST};
use results::kept::is_paired;
use results::{Selection, Window};
use scorers::OutputType;
use terminal::{Speech, note};

use super::PredictArguments;
use crate::failures::Failure;
use crate::predicted::{Form, Header, Item, Kind, Pass, check_bigwig, failure, longest};
use crate::regions::{Region, bed, check, sequences, windows};
use crate::shards::{self, Shard, Sharing, Unit};
use crate::variants::{Counted, RefMismatch, bare, survey};

/// What the model sees of a region or sequence where `--length` does not say.
pub const LENGTH: i64 = 1 << 17;

/// What is asked for, and fits the genome and the model.
pub struct Asked<'a> {
    arguments: &'a PredictArguments,
    /// Regions with their windows; none where variants are asked for.
    regions: Vec<(Region, Vec<Window>)>,
    /// Passes of the model, and what they cost.
    pub passes: Counted,
    /// What is predicted, and of it.
    pub header: Header,
}

impl<'a> Asked<'a> {
    /// What the arguments ask for, for files of `form` where that is known.
    ///
    /// # Errors
    /// Where the genome or the model lacks it.
    pub fn new(
        arguments: &'a PredictArguments,
        genome: &Fasta,
        form: Option<Form>,
    ) -> Result<Self> {
        let kind = arguments.kind();
        let (regions, passes) = match kind {
            Kind::Variants => {
                arguments.check_region(genome)?;
                (Vec::new(), arguments.check_variants(genome)?)
            }
            Kind::Regions => {
                let regions = regions(arguments, genome, form)?;
                let windows = regions.iter().map(|(_, windows)| windows.len() as u64);
                let items = windows.sum();
                (regions, Counted { items, cost: items })
            }
        };
        let model = &arguments.model;
        let (config, metadata) = model::load::describe(&model.model)?;
        let (_, channels) = described(&model.model, &config, metadata, model.organism)?;
        let mut selection = Selection::new(&channels, &arguments.tracks)?;
        let tiled = regions.iter().find(|(_, windows)| windows.len() > 1);
        if let Some((region, _)) = tiled {
            untiled(&mut selection, region, !arguments.tracks.outputs.is_empty())?;
        }
        let header = Header {
            kind,
            longest: longest(genome)?,
            selection,
        };
        Ok(Self {
            arguments,
            regions,
            passes,
            header,
        })
    }

    /// The passes of a share, counted from 0. The windows of a region stay together, and so do variants of one place.
    ///
    /// # Errors
    /// Where variants cannot be read.
    pub fn share(&self, shard: Shard) -> Result<Range<u64>> {
        let total = self.passes.cost;
        if let Some(path) = &self.arguments.vcf {
            return Ok(shards::share(shard, total, bare(path)?)?.0);
        }
        if self.header.kind == Kind::Variants {
            let variants = self.arguments.variant.iter().cloned();
            let variants = variants.map(|variant| anyhow::Ok(Some(variant)));
            return Ok(shards::share(shard, total, variants)?.0);
        }
        let mut sharing = Sharing::new(shard, total);
        for (_, windows) in &self.regions {
            let items = windows.len() as u64;
            sharing.take(Unit { items, cost: items });
        }
        Ok(sharing.found().0)
    }

    /// The passes, in order.
    ///
    /// # Errors
    /// Where variants cannot be read.
    pub fn items(&self) -> Result<Box<dyn Iterator<Item = Result<Item>> + '_>> {
        let arguments = self.arguments;
        if let Some(path) = &arguments.vcf {
            let alleles = Variants::open(path)?;
            return Ok(Box::new(alleles.map(|allele| arguments.item(allele))));
        }
        if self.header.kind == Kind::Variants {
            let variants = arguments.variant.iter().cloned();
            return Ok(Box::new(variants.map(|variant| {
                let window = arguments.window(&variant)?;
                let allele = Allele {
                    id: None,
                    line: 0,
                    index: 0,
                    variant,
                };
                Ok(Ok(Pass::of_variant(allele, window)))
            })));
        }
        let regions = self.regions.iter().cloned();
        let passes = regions.flat_map(|(region, windows)| Pass::of_region(region, windows));
        Ok(Box::new(passes.map(|pass| Ok(Ok(pass)))))
    }
}

impl PredictArguments {
    /// What is predicted.
    pub(super) fn kind(&self) -> Kind {
        match self.vcf.is_some() || !self.variant.is_empty() {
            true => Kind::Variants,
            false => Kind::Regions,
        }
    }

    /// The pass of a record's allele, or why there is none.
    fn item(&self, allele: Result<Allele, Error>) -> Result<Item> {
        let allele = match allele {
            Ok(allele) => allele,
            Err(Error::Line { line, reason, .. }) => {
                return Ok(Err(Failure {
                    subject: String::new(),
                    id: None,
                    line: Some(line),
                    reason,
                }));
            }
            Err(error) => return Err(error.into()),
        };
        match self.window(&allele.variant) {
            Ok(window) => Ok(Ok(Pass::of_variant(allele, window))),
            Err(error) if refuses(&error) => Ok(Err(failure(&allele, &error))),
            Err(error) => Err(error.context(allele.variant.to_string())),
        }
    }

    /// What the model sees for a variant, and what is kept of it.
    fn window(&self, variant: &Variant) -> Result<Window> {
        let length = self.length.unwrap_or(LENGTH);
        let Some(region) = self.region.first() else {
            let seen = variant.reference_interval().resize(length);
            let kept = seen.clone();
            return Ok(Window { seen, kept });
        };
        let seen = region.resize(length);
        if !variant.changes(&seen) {
            let variant = Box::new(variant.clone());
            let interval = Box::new(seen);
            return Err(scorers::Error::Outside { variant, interval }.into());
        }
        Ok(Window {
            seen,
            kept: region.clone(),
        })
    }

    /// Fails where variants have a region that is no window's.
    fn check_region(&self, genome: &Fasta) -> Result<()> {
        let [region] = &self.region[..] else {
            match self.region.is_empty() {
                true => return Ok(()),
                false => bail!("--region: both alleles of a variant are predicted in one region"),
            }
        };
        let region = Region::new(region.clone());
        let length = self.length.unwrap_or(LENGTH);
        if region.interval.width() > length {
            bail!(
                "{}: is longer than --length, {length} bp, and variants are not tiled",
                region.name
            );
        }
        check(&region, length, genome)
    }

    /// How many variants there are. Says where the genome has another REF.
    fn check_variants(&self, genome: &Fasta) -> Result<Counted> {
        if let Some(path) = &self.vcf {
            return survey(path, genome, RefMismatch::Keep);
        }
        for variant in &self.variant {
            match check_reference(genome, variant) {
                Ok(()) => {}
                Err(error @ Error::Reference { .. }) => {
                    note(
                        Speech::Normal,
                        &format!("note: {error}; it is predicted as written"),
                    );
                }
                Err(error) => return Err(error.into()),
            }
            self.window(variant)?;
        }
        Ok(Counted {
            items: self.variant.len() as u64,
            cost: self.variant.iter().map(shards::cost).sum(),
        })
    }
}

/// The regions that were asked for, with their windows.
fn regions(
    arguments: &PredictArguments,
    genome: &Fasta,
    form: Option<Form>,
) -> Result<Vec<(Region, Vec<Window>)>> {
    let regions = match (&arguments.bed, &arguments.sequences) {
        (Some(path), _) => bed(path)?,
        (_, None) => arguments.region.iter().cloned().map(Region::new).collect(),
        (_, Some(path)) => sequences(path, genome)?,
    };
    if form == Some(Form::Bigwig) {
        check_bigwig(&regions)?;
    }
    let windowed = regions.into_iter().map(|region| {
        let own = (region.interval.width() as usize).next_multiple_of(LENGTH_STEP);
        let default = match &arguments.sequences {
            Some(_) => own.min(LONGEST) as i64,
            None => LENGTH,
        };
        let length = arguments.length.unwrap_or(default);
        check(&region, length, genome)?;
        let windows = windows(&region.interval, length);
        Ok((region, windows))
    });
    windowed.collect()
}

/// Leaves out what has no place in one window alone.
fn untiled(selection: &mut Selection, region: &Region, named: bool) -> Result<()> {
    let paired = selection.0.keys().filter(|output| is_paired(**output));
    let paired: Vec<_> = paired.copied().map(OutputType::name).collect();
    if paired.is_empty() {
        return Ok(());
    }
    let text = format!(
        "{}: a pair of places that are farther apart than a window is in none, and {} is longer than --length",
        paired.join(" and "),
        region.name
    );
    selection.0.retain(|output, _| !is_paired(*output));
    if named || selection.is_empty() {
        bail!("{text}; leave these outputs out, or take a region that one window holds");
    }
    note(Speech::Normal, &format!("note: left out: {text}"));
    Ok(())
}
