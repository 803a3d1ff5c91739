//! Tables over several outputs and cases: variants, the worst of each output, organisms and heads.

use std::fmt::Write;

use parity_stats::Stat;

use super::{Table, floor_ratio, or_dash, organism, share};
use crate::outputs::Kind;
use crate::result::{CaseResult, OutputResult, Report, Run, VariantResult, text};

impl Table {
    /// ALT minus REF of a variant.
    pub(super) fn variant(&mut self, variant: &VariantResult) {
        let _ = writeln!(self.out, "\nvariant {}: ALT - REF", variant.id);
        let titles = [
            "output",
            "n",
            "changed",
            "same sign",
            "of changed",
            "Spearman",
            "rel L2",
            "largest at",
        ];
        let mut rows = vec![titles.map(String::from).to_vec()];
        for output in &variant.outputs {
            let effects = &output.effects;
            rows.push(vec![
                output.name.clone(),
                effects.count.to_string(),
                effects.changed.to_string(),
                share(effects.sign_agreement, 3),
                share(effects.sign_agreement_changed, 3),
                effects
                    .spearman
                    .value()
                    .map_or("-".into(), |r| format!("{r:.5}")),
                text(effects.relative_l2, 2),
                output
                    .largest_place
                    .as_ref()
                    .map_or("-".into(), |place| format!("{place:?}")),
            ]);
        }
        self.grid(rows, &["n", "changed", "largest at", "of changed"]);
        for name in &variant.left_out {
            self.line(
                &format!("  left out: {name}: the four arrays kept no places in common"),
                6,
            );
        }
    }

    /// For each output the worst case.
    pub(super) fn all_cases(&mut self, report: &Report) {
        let titles = [
            "output",
            "cases",
            "worst rel L2",
            "worst 1-r",
            "failed",
            "worst in",
        ];
        let mut rows: Vec<Vec<String>> = vec![titles.map(String::from).to_vec()];
        let all: Vec<(&Run, &CaseResult, &OutputResult)> = report
            .runs
            .iter()
            .flat_map(|run| run.cases.iter().map(move |case| (run, case)))
            .flat_map(|(run, case)| case.outputs.iter().map(move |output| (run, case, output)))
            .filter(|(_, _, output)| output.kind != Kind::Tap && output.reference_dtype.is_float())
            .collect();
        let mut names: Vec<&str> = Vec::new();
        for (_, _, output) in &all {
            if !names.contains(&output.name.as_str()) {
                names.push(&output.name);
            }
        }
        let l2 = |output: &OutputResult| output.summary.relative_l2.value().unwrap_or(0.0);
        for name in names {
            let of_name = || all.iter().filter(|(_, _, output)| output.name == name);
            let worst = of_name().max_by(|a, b| l2(a.2).total_cmp(&l2(b.2)));
            let Some((run, case, output)) = worst else {
                continue;
            };
            let correlation = of_name()
                .filter_map(|(_, _, output)| output.summary.one_minus_pearson.value())
                .max_by(f64::total_cmp);
            let failed = of_name().filter(|(_, _, output)| !output.pass).count();
            rows.push(vec![
                name.into(),
                of_name().count().to_string(),
                text(output.summary.relative_l2, 2),
                correlation.map_or("-".into(), |r| text(Stat::Defined(r), 1)),
                failed.to_string(),
                format!("{} {}", run.reference.name, case.name),
            ]);
        }
        let _ = writeln!(self.out, "\nall cases, output by output");
        self.grid(rows, &["worst in", "cases"]);
    }

    /// For each organism and head the worst output.
    pub(super) fn heads(&mut self, report: &Report) {
        let titles = [
            "head",
            "organism",
            "passed",
            "worst rel L2",
            "worst 1-r",
            "least within",
            "x floor",
            "x bound",
            "worst output",
            "farthest track or window",
        ];
        let mut rows: Vec<Vec<String>> = vec![titles.map(String::from).to_vec()];
        for head in &report.heads {
            rows.push(vec![
                head.head.clone(),
                organism(head.organism_index),
                format!("{} of {}", head.passed, head.outputs),
                or_dash(head.worst_relative_l2, 2),
                or_dash(head.worst_one_minus_pearson, 1),
                share(head.least_within, 4),
                head.worst_floor_ratio.map_or("-".into(), floor_ratio),
                head.farthest_share
                    .map_or("-".into(), |of| of.value().map_or("?".into(), floor_ratio)),
                head.worst.clone().unwrap_or_else(|| "-".into()),
                head.farthest.clone().unwrap_or_else(|| "-".into()),
            ]);
        }
        if !self.floor {
            rows.iter_mut().for_each(|row| {
                row.remove(6);
            });
        }
        let _ = writeln!(self.out, "\nby organism and head");
        let droppable = [
            "farthest track or window",
            "worst output",
            "worst 1-r",
            "least within",
        ];
        self.grid(rows, &droppable);
    }
}
