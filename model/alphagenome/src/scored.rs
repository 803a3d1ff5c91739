//! A run over variants: scored on devices, written in their order.

use std::collections::VecDeque;
use std::sync::Arc;

use anyhow::{Error, Result};
use genome::fasta::Fasta;
use genome::variants::Allele;
use inference::pool::{Member, Pool};
use results::page::{Entry, LIST, Scene, Subject};
use results::scores;
use scorers::{Calibration, Scores};
use terminal::{Devices, Speech, note};

use crate::batches;
use crate::failures::Failure;
use crate::output::{Lines, Summary, extend};
use crate::pages::Pages;
use crate::pending::Pending;
use crate::setup::{Found, Item, Setup};
use crate::work::Work;

/// What becomes of scores.
pub struct Scored {
    /// What variants are scored with.
    pub setup: Setup,
    /// Quantiles.
    pub calibration: Option<Calibration>,
    /// How scores become a VCF's record; nothing for rows of a table.
    pub summary: Option<Arc<Summary>>,
    /// Pages, and the base pairs that one shows.
    pub pages: Option<(Pages, i64)>,
    /// What pages say that results depend on.
    pub settings: Vec<(String, String)>,
}

/// Variants that a device has before it, and those whose rows are being made: what memory a run takes.
const AHEAD: usize = 4;

impl Scored {
    /// Scores `items` that are not finished of `total`, `most` a batch, and gives the devices that did.
    ///
    /// # Errors
    /// Where the run cannot go on; finished batches are kept.
    pub fn run(
        &mut self,
        work: &mut Work,
        devices: &Devices,
        items: impl Iterator<Item = Item>,
        (total, most): (u64, u64),
    ) -> Result<Vec<Member>> {
        if let (Some(calibration), Some(state)) = (&mut self.calibration, work.generator()) {
            calibration.resume(state)?;
        }
        let pool = self.setup.open(devices)?;
        for member in pool.members() {
            say_lost(member);
        }
        let ahead = match self.pages {
            // Whole predictions are large.
            Some(_) => pool.members().len(),
            None => AHEAD * pool.members().len(),
        };
        let mut rows = Made {
            number: work.done(),
            scored: self,
            lost: pool
                .members()
                .iter()
                .map(|member| member.failure.is_some())
                .collect(),
            pool,
            ahead,
            items,
            waiting: VecDeque::new(),
            columns: Arc::default(),
        };
        let counts = ("scoring", total, most);
        batches::run(work, counts, &mut rows, |made, part, to| {
            let made = made?;
            part.failures.extend(made.failure);
            part.pages.extend(made.page);
            part.generator = made.generator;
            match made.lines.wait()? {
                Some(lines) => lines.append(part, to),
                None => Ok(()),
            }
        })?;
        Ok(rows.pool.members().to_vec())
    }

    /// Adds to what pages say that results depend on.
    pub fn describe(&mut self, name: &str, value: impl Into<String>) {
        self.settings.push((name.into(), value.into()));
    }

    /// Draws the page of an item where there are pages.
    fn draw(
        &mut self,
        (allele, interval): &(Allele, genome::Interval),
        found: &Found,
        number: u64,
    ) -> Result<Option<Entry>> {
        let (Some((pages, width)), Ok((scores, Some(predictions)))) = (&mut self.pages, found)
        else {
            return Ok(None);
        };
        let setup = &self.setup;
        let scene = Scene {
            genome: &setup.genome,
            annotation: setup.tables.annotation.as_ref(),
            tracks: &|output| setup.tracks(output),
            wanted: &|_| None,
            scored: true,
            settings: &self.settings,
            width: *width,
            home: LIST,
        };
        let table = scores::table(scores)?;
        let subject = Subject {
            variant: &allele.variant,
            id: allele.id.as_deref(),
            interval,
            predictions,
            table: table.as_ref(),
        };
        pages.add(&subject, &scene, number)
    }
}

/// An item's part of a batch. Its rows are made by another thread.
struct One {
    failure: Option<Failure>,
    page: Option<Entry>,
    generator: Option<String>,
    lines: Pending<Option<Lines>>,
}

/// Items as parts of batches, in order.
struct Made<'a, I> {
    scored: &'a mut Scored,
    pool: Pool<Item, Found>,
    /// Members whose failure was said.
    lost: Vec<bool>,
    ahead: usize,
    items: I,
    /// Number of the next item.
    number: u64,
    waiting: VecDeque<One>,
    /// Columns so far.
    columns: Arc<Vec<String>>,
}

impl<I: Iterator<Item = Item>> Iterator for Made<'_, I> {
    type Item = Result<One>;

    fn next(&mut self) -> Option<Result<One>> {
        self.advance().transpose()
    }
}

impl<I: Iterator<Item = Item>> Made<'_, I> {
    fn advance(&mut self) -> Result<Option<One>> {
        loop {
            while self.pool.outstanding() < self.ahead {
                let Some(item) = self.items.next() else { break };
                self.pool.submit(item);
            }
            let idle = self.waiting.len() < self.ahead && self.pool.ready()?;
            self.say_lost();
            if !idle && let Some(one) = self.waiting.pop_front() {
                return Ok(Some(one));
            }
            let Some((item, found)) = self.pool.next()? else {
                return Ok(None);
            };
            let one = self.take(item, found)?;
            self.waiting.push_back(one);
        }
    }

    fn say_lost(&mut self) {
        for (member, said) in self.pool.members().iter().zip(&mut self.lost) {
            if member.failure.is_some() && !std::mem::replace(said, true) {
                say_lost(member);
            }
        }
    }

    /// What depends on order is done here: quantiles of ties, pages. Rows are left to another thread.
    fn take(&mut self, item: Item, mut found: Found) -> Result<One> {
        let number = self.number;
        self.number += 1;
        let mut one = One {
            failure: None,
            page: None,
            generator: None,
            lines: Pending::made(None),
        };
        let scored = &mut *self.scored;
        if let (Some(calibration), Ok((scores, _))) = (&mut scored.calibration, &mut found) {
            for scores in scores {
                calibration.apply(scores)?;
            }
        }
        one.generator = scored.calibration.as_ref().map(Calibration::state);
        let item = match item {
            Ok(item) => item,
            Err(genome::Error::Line { line, reason, .. }) => {
                one.failure = Some(Failure {
                    subject: String::new(),
                    id: None,
                    line: Some(line),
                    reason,
                });
                return Ok(one);
            }
            Err(error) => return Err(error.into()),
        };
        one.page = scored.draw(&item, &found, number)?;
        let allele = item.0;
        // Whole predictions were for the page.
        if let Ok((_, both)) = &mut found {
            *both = None;
        }
        if let Err(error) = &found {
            one.failure = Some(Failure {
                subject: allele.variant.to_string(),
                id: allele.id.clone(),
                line: (allele.line > 0).then_some(allele.line),
                reason: terminal::message(error),
            });
        }
        let (summary, known) = (scored.summary.clone(), self.columns.clone());
        let genome = scored.setup.genome.clone();
        let name = allele.variant.clone();
        one.lines = Pending::spawn(name, move || {
            let scores = found.map(|(scores, _)| scores).unwrap_or_default();
            let summary = summary.as_deref().map(|summary| (summary, &*genome));
            rows(&allele, &scores, summary, &known)
        });
        // The first says what columns there are; those after it need not be put right then.
        if self.columns.is_empty() {
            let made = one.lines.wait()?;
            if let Some(lines) = &made {
                extend(Arc::make_mut(&mut self.columns), lines.columns());
            }
            one.lines = Pending::made(made);
        }
        Ok(one)
    }
}

/// The rows of a variant; a VCF has a record also of one without scores.
fn rows(
    allele: &Allele,
    scores: &[Scores],
    summary: Option<(&Summary, &Fasta)>,
    known: &[String],
) -> Result<Option<Lines>, Error> {
    if let Some((summary, genome)) = summary {
        return Lines::record(&summary.record(allele, scores, genome)?).map(Some);
    }
    let table = scores::table(scores)?;
    table.map(|table| Lines::of(&table, known)).transpose()
}

fn say_lost(member: &Member) {
    if let Some(failure) = &member.failure {
        let text = format!(
            "warning: {} failed, and its work goes to the others: {failure}",
            member.name
        );
        note(Speech::Normal, &text);
    }
}
