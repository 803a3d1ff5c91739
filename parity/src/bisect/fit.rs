//! Numbers of a module that are fitted to its recorded output.

use std::time::Instant;

use anyhow::Result;

use super::kind::{Kind, Trial};
use super::probe::{Key, Probe};

/// Seconds that fitting the vectors of a module may take.
const SECONDS: f64 = 20.0;
/// The largest vector that is fitted.
pub(super) const LENGTH: usize = 192;
/// How a trial is called that fits a vector.
pub(super) const OTHER_VALUES: &str = "with other values";
/// About how many of the compared values are fitted to, for each fitted number and at least.
const VALUES_A_NUMBER: usize = 16;
const VALUES: usize = 2048;
/// How much of a difference must lie along a direction for it to be followed.
const ALONG: f64 = 0.2;

impl Probe<'_> {
    /// One factor on weights.
    pub(super) fn scaled(&self, keys: &[&Key]) -> Result<Option<Trial>> {
        let times = |values: &mut [f32], by: f64| {
            values
                .iter_mut()
                .for_each(|x| *x = (f64::from(*x) * by) as f32)
        };
        self.stepped(Kind::Scale, keys, "times", (1.0, 1e-2), &times)
    }

    /// Another number added to a variance before its root is taken.
    pub(super) fn epsilon(&self, key: &Key) -> Result<Option<Trial>> {
        if key.parts().1 != "var_ema" {
            return Ok(None);
        }
        let least = key.values.iter().copied().fold(f32::INFINITY, f32::min);
        let add = |values: &mut [f32], by: f64| {
            values
                .iter_mut()
                .for_each(|x| *x = (f64::from(*x) + by) as f32)
        };
        self.stepped(
            Kind::Epsilon,
            &[key],
            "plus",
            (0.0, 0.02 * f64::from(least)),
            &add,
        )
    }

    /// One number applied to weights, found by Newton's method from where it changes nothing.
    fn stepped(
        &self,
        kind: Kind,
        keys: &[&Key],
        word: &str,
        (start, step): (f64, f64),
        apply: &dyn Fn(&mut [f32], f64),
    ) -> Result<Option<Trial>> {
        let by = |number: f64| {
            self.with_all(&|name, _, values| {
                if keys.iter().any(|key| key.name == name) {
                    apply(values, number);
                }
            })
        };
        let (mut number, mut ours) = (start, self.outputs.base().to_vec());
        let mut best = self.outputs.before();
        let before = best;
        for _ in 0..5 {
            let ahead = by(number + step)?;
            let (mut gd, mut gg) = (0.0, 0.0);
            for ((&y, &a), &r) in ours.iter().zip(&ahead).zip(self.outputs.recorded) {
                let g = (a - y) / step;
                if g.is_finite() && r.is_finite() {
                    gd += g * (r - y);
                    gg += g * g;
                }
            }
            if gg <= 0.0 || gd * gd < ALONG * gg * best {
                break;
            }
            let next = number + gd / gg;
            let there = by(next)?;
            let squares = self.outputs.squares(&there);
            if squares >= best {
                break;
            }
            (number, ours, best) = (next, there, squares);
        }
        if best >= before {
            return Ok(None);
        }
        let names: Vec<&str> = keys.iter().map(|key| key.name.as_str()).collect();
        Ok(Some(Trial {
            kind,
            what: format!("{} {word} {number:.4e}", names.join(" and ")),
            explained: Some(self.outputs.explained(&ours, 1)),
        }))
    }

    /// The vectors of the module, each fitted so that the output comes nearest to the recorded one.
    pub(super) fn fitted<'k>(&self, keys: impl IntoIterator<Item = &'k Key>) -> Result<Vec<Trial>> {
        const STEP: f32 = 1e-2;
        let started = Instant::now();
        let mut trials = Vec::new();
        let (base, recorded) = (self.outputs.base(), self.outputs.recorded);
        for key in keys {
            let length = key.values.len();
            let fits = key.shape.len() <= 2
                && length <= LENGTH
                && length * 2 <= self.outputs.recorded.len();
            let kind = match key.parts().1 {
                "b" | "bias" | "offset" | "embeddings" | "q_r_bias" | "k_r_bias" => Kind::Offset,
                "scale" | "residual_scale" | "learnt_scale" => Kind::Scale,
                _ => continue,
            };
            if !fits || length == 0 {
                continue;
            }
            (self.progress)(&format!("fitting {}", key.name));
            // More values than this would only make it slow.
            let step = (recorded.len() / VALUES.max(VALUES_A_NUMBER * length)).max(1);
            let difference: Vec<f64> = recorded
                .iter()
                .zip(base)
                .step_by(step)
                .map(|(r, y)| r - y)
                .collect();
            let mut directions = Vec::with_capacity(length);
            while directions.len() < length && started.elapsed().as_secs_f64() < SECONDS {
                let index = directions.len();
                let ahead = self.with(&key.name, &|_, values| values[index] += STEP)?;
                let direction = ahead
                    .iter()
                    .zip(base)
                    .step_by(step)
                    .map(|(a, b)| (a - b) / f64::from(STEP));
                directions.push(direction.collect::<Vec<f64>>());
            }
            if directions.len() < length {
                break;
            }
            let Some(steps) = least_squares(&directions, &difference) else {
                continue;
            };
            let ours = self.with(&key.name, &|_, values| {
                values
                    .iter_mut()
                    .zip(&steps)
                    .for_each(|(value, step)| *value += *step as f32);
            })?;
            self.add(
                &mut trials,
                kind,
                format!("{} {OTHER_VALUES}", key.name),
                &ours,
                length,
            );
        }
        Ok(trials)
    }
}

/// The combination of directions nearest to `target`, with a little damping; nothing where it is not defined.
fn least_squares(directions: &[Vec<f64>], target: &[f64]) -> Option<Vec<f64>> {
    let n = directions.len();
    let dot = |a: &[f64], b: &[f64]| -> f64 {
        a.iter()
            .zip(b)
            .map(|(x, y)| x * y)
            .filter(|product| product.is_finite())
            .sum()
    };
    let mut rows: Vec<Vec<f64>> = (0..n)
        .map(|i| {
            let mut row: Vec<f64> = (0..n)
                .map(|j| dot(&directions[i], &directions[j]))
                .collect();
            row.push(dot(&directions[i], target));
            row
        })
        .collect();
    let trace: f64 = (0..n).map(|i| rows[i][i]).sum();
    if trace <= 0.0 {
        return None;
    }
    for (i, row) in rows.iter_mut().enumerate() {
        row[i] += 1e-9 * trace / n as f64;
    }
    // The matrix is symmetric and positive, so that no pivot is needed.
    for i in 0..n {
        let (above, below) = rows.split_at_mut(i + 1);
        let pivot = &above[i];
        for row in below {
            let factor = row[i] / pivot[i];
            for column in i..=n {
                row[column] -= factor * pivot[column];
            }
        }
    }
    let mut solution = vec![0.0; n];
    for i in (0..n).rev() {
        let known: f64 = (i + 1..n).map(|j| rows[i][j] * solution[j]).sum();
        solution[i] = (rows[i][n] - known) / rows[i][i];
    }
    solution.iter().all(|x| x.is_finite()).then_some(solution)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_combination_is_found() {
        let directions = vec![vec![1.0, 0.0, 2.0], vec![0.0, 1.0, 1.0]];
        let found = least_squares(&directions, &[2.0, -1.0, 3.0]).unwrap();
        assert!(
            (found[0] - 2.0).abs() < 1e-6 && (found[1] + 1.0).abs() < 1e-6,
            "{found:?}"
        );
    }
}
