//! What could be wrong with how a module takes what it reads: sums, pooling, the order of positions.

use anyhow::Result;
use model::{Array, Values};

use super::arrays::gather;
use super::kind::{Kind, Trial};
use super::pools::{Pool, exchanged, first, largest, mean, pooled};
use super::probe::Probe;

impl Probe<'_> {
    /// Every trial on what the module reads.
    pub(super) fn inputs(&self) -> Result<Vec<Trial>> {
        let mut trials = Vec::new();
        let Some(read) = self
            .subject
            .read(&self.stage.path, self.batch, self.known)?
        else {
            return Ok(trials);
        };
        self.residual(&read, &mut trials)?;
        self.pools(&read, &mut trials)?;
        match read.shape.len() {
            4 => self.pairs(&read, &mut trials)?,
            3 => self.steps(&read, &mut trials)?,
            _ => {}
        }
        self.residuals_inside(&read, &mut trials);
        Ok(trials)
    }

    fn try_reading(
        &self,
        trials: &mut Vec<Trial>,
        (kind, what): (Kind, String),
        read: &Array,
        values: Vec<f32>,
    ) -> Result<()> {
        if let Some(ours) = self.whole(read, values)? {
            let ours = gather(&ours, self.outputs.places);
            self.add(trials, kind, what, &ours, 0);
        }
        Ok(())
    }

    /// A sum to which what stood before is not added.
    fn residual(&self, read: &Array, trials: &mut Vec<Trial>) -> Result<()> {
        let sum = &self.stage.sum;
        let Some(last) = sum.last().filter(|_| sum.len() > 2) else {
            return Ok(());
        };
        let what = format!("{RESIDUAL}{last}");
        self.try_reading(trials, (Kind::Dropped, what), read, read.values.to_f32())
    }

    /// Neighbours that are pooled in another way.
    fn pools(&self, read: &Array, trials: &mut Vec<Trial>) -> Result<()> {
        let by = match self.stage.path.rsplit('/').next() {
            Some(name) if name.starts_with("downres_block") => 2,
            Some("sequence_to_pair_block") => self.subject.config().pair.pool,
            _ => return Ok(()),
        };
        let ways: [(&str, Pool); 3] = [("largest", largest), ("mean", mean), ("first", first)];
        for (what, pool) in ways {
            let small = pooled(read, by, pool).values.to_f32();
            let channels = read.shape.last().copied().unwrap_or(1);
            let rows = small.chunks_exact(channels);
            let wide = rows.flat_map(|row| std::iter::repeat_n(row, by).flatten());
            let what = format!("the {what} of each {by} positions that it reads");
            let values = wide.copied().collect();
            self.try_reading(trials, (Kind::Pooling, what), read, values)?;
        }
        Ok(())
    }

    /// Rows and columns of pairs.
    fn pairs(&self, read: &Array, trials: &mut Vec<Trial>) -> Result<()> {
        let shape = read.shape.clone();
        let x = read.values.to_f32();
        if shape[1] != shape[2] || shape[1] < 2 {
            return Ok(());
        }
        let turned = exchanged(&x, &shape);
        let both = (x.iter().zip(&turned))
            .map(|(a, b)| (a + b) / 2.0)
            .collect();
        if self.stage.path.ends_with("output_pair") {
            let what = "what it reads made symmetric".into();
            self.try_reading(trials, (Kind::Dropped, what), read, both)?;
        }
        let Some(ours) = self.whole(read, turned)? else {
            return Ok(());
        };
        let gathered = |values: &[f32]| gather(values, self.outputs.places);
        let what = "rows and columns of what it reads exchanged".to_owned();
        self.add(trials, Kind::Transpose, what.clone(), &gathered(&ours), 0);
        if self.outputs.shape.len() == 4 && self.outputs.shape[1..3] == shape[1..3] {
            let ours = exchanged(&ours, self.outputs.shape);
            let what = format!("{what}, and of what it gives");
            self.add(trials, Kind::Transpose, what, &gathered(&ours), 0);
        }
        Ok(())
    }

    /// The whole output when the module reads other values.
    fn whole(&self, read: &Array, values: Vec<f32>) -> Result<Option<Vec<f32>>> {
        let read = Array {
            shape: read.shape.clone(),
            values: Values::F32(values),
        };
        let path = &self.stage.path;
        let given = self.subject.run_on(path, self.batch, self.known, &read)?;
        let array = given.into_iter().find(|(name, _)| name == self.output);
        Ok(array.map(|(_, array)| array.values.to_f32()))
    }

    /// Positions of a sequence that are read one too far.
    fn steps(&self, read: &Array, trials: &mut Vec<Trial>) -> Result<()> {
        let (x, channels) = (read.values.to_f32(), read.shape[2]);
        if x.len() <= channels {
            return Ok(());
        }
        let mut ahead = x[channels..].to_vec();
        ahead.extend_from_slice(&x[x.len() - channels..]);
        let mut behind = x[..channels].to_vec();
        behind.extend_from_slice(&x[..x.len() - channels]);
        for (what, values) in [("next", ahead), ("previous", behind)] {
            let what = format!("the {what} position of what it reads");
            self.try_reading(trials, (Kind::Shift, what), read, values)?;
        }
        Ok(())
    }

    /// A residual inside the module: what it reads, or what modules inside it give, added to the output.
    fn residuals_inside(&self, read: &Array, trials: &mut Vec<Trial>) {
        let shape = self.outputs.shape;
        let channels = shape[shape.len() - 1];
        let mut terms = vec![("what it reads".to_owned(), read.clone())];
        if self.stage.path.contains("downres_block") {
            terms[0].1 = pooled(read, 2, largest);
        }
        terms.extend(self.inner.iter().cloned());
        let fits = |array: &Array| {
            let (ours, its) = (&shape[..shape.len() - 1], array.shape.split_last());
            its.is_some_and(|(_, positions)| positions == ours)
        };
        terms.retain(|(_, array)| fits(array));
        let columns = |array: &Array| -> Vec<f64> {
            let (values, width) = (array.values.to_f32(), array.shape[array.shape.len() - 1]);
            let at = |&place: &usize| match place % channels {
                channel if channel < width => f64::from(values[place / channels * width + channel]),
                _ => 0.0,
            };
            self.outputs.places.iter().map(at).collect()
        };
        let columns: Vec<Vec<f64>> = terms.iter().map(|(_, array)| columns(array)).collect();
        for chosen in 1..1_usize << terms.len().min(4) {
            let of = |i: &usize| chosen >> i & 1 == 1;
            let mut ours = self.outputs.base().to_vec();
            for i in (0..terms.len()).filter(of) {
                let places = ours.iter_mut().zip(&columns[i]);
                places.for_each(|(x, y)| *x += y);
            }
            let names = (0..terms.len()).filter(of).map(|i| terms[i].0.as_str());
            let names = names.collect::<Vec<_>>().join(" and ");
            let what = format!("{names} added to the output: a residual is left out");
            self.add(trials, Kind::Dropped, what, &ours, 0);
        }
    }
}

/// How a trial begins that says what a sum lacks; the module whose output was to be added follows.
pub(super) const RESIDUAL: &str = "what stood before added again to the output of ";
