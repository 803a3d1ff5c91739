//! The result by output: each output with every case that has it.

use std::collections::BTreeMap;

use parity_stats::{Reason, Stat};

use super::table::Cell;
use super::text::escape;
use crate::outputs::Kind;
use crate::result::{CaseResult, OutputResult, Report, Run};

/// A case of a run, with the number that the page gives it.
#[derive(Clone, Copy)]
pub(super) struct Case<'a> {
    /// From 1, over the whole page.
    pub(super) number: usize,
    /// The run.
    pub(super) run: &'a Run,
    /// The case.
    pub(super) case: &'a CaseResult,
}

/// An output of one case.
#[derive(Clone, Copy)]
pub(super) struct Member<'a> {
    /// The case.
    pub(super) case: Case<'a>,
    /// The output there.
    pub(super) output: &'a OutputResult,
}

/// An output over all cases; it has one at least.
pub(super) struct Group<'a> {
    /// From 0, over the whole page: its anchor.
    pub(super) number: usize,
    /// The cases that have it.
    pub(super) members: Vec<Member<'a>>,
}

/// All cases, in order.
pub(super) fn cases(reports: &[Report]) -> Vec<Case<'_>> {
    reports
        .iter()
        .flat_map(|report| &report.runs)
        .flat_map(|run| run.cases.iter().map(move |case| (run, case)))
        .enumerate()
        .map(|(i, (run, case))| Case {
            number: i + 1,
            run,
            case,
        })
        .collect()
}

/// All outputs in the order in which they are first met.
pub(super) fn groups<'a>(cases: &[Case<'a>]) -> Vec<Group<'a>> {
    let mut numbers: BTreeMap<&str, usize> = BTreeMap::new();
    let mut groups: Vec<Group<'a>> = Vec::new();
    for &case in cases {
        for output in &case.case.outputs {
            let number = *numbers.entry(&output.name).or_insert(groups.len());
            if number == groups.len() {
                groups.push(Group {
                    number,
                    members: Vec::new(),
                });
            }
            groups[number].members.push(Member { case, output });
        }
    }
    groups
}

impl Case<'_> {
    /// Its name, with the recording's where there are several.
    pub(super) fn label(&self, several_runs: bool) -> String {
        if several_runs {
            format!("{} / {}", self.run.reference.name, self.case.name)
        } else {
            self.case.name.clone()
        }
    }

    /// The organism in words.
    pub(super) fn organism(&self) -> String {
        super::heads::organism(self.case.organism_index)
    }
}

impl<'a> Group<'a> {
    /// The output where it is named first.
    pub(super) fn first(&self) -> &'a OutputResult {
        self.members[0].output
    }

    /// Its name.
    pub(super) fn name(&self) -> &'a str {
        &self.first().name
    }

    /// Its name without the model's, which every tap begins with.
    pub(super) fn short_name(&self) -> String {
        match self.first().kind {
            Kind::Tap => self.name().replace("taps/alphagenome/", "taps/"),
            _ => self.name().into(),
        }
    }

    /// True for a module's output inside the model.
    pub(super) fn is_tap(&self) -> bool {
        self.first().kind == Kind::Tap
    }

    /// Cases in which it fails.
    pub(super) fn failing(&self) -> usize {
        self.members.iter().filter(|m| !m.output.pass).count()
    }

    /// The member farthest from the reference; one that fails comes before any that passes.
    pub(super) fn farthest(&self) -> Member<'a> {
        let key = |member: &Member<'_>| (!member.output.pass, distance(member.output));
        let mut farthest = self.members[0];
        for &member in &self.members[1..] {
            let (a, b) = (key(&member), key(&farthest));
            if (a.0, b.0) == (true, false) || a.0 == b.0 && a.1 > b.1 {
                farthest = member;
            }
        }
        farthest
    }
}

/// The relative L2 distance, for ordering: infinite where the reference is zero and the candidate is not.
pub(super) fn distance(output: &OutputResult) -> f64 {
    match output.summary.relative_l2 {
        Stat::Defined(x) => x,
        Stat::Undefined(Reason::ZeroNorm | Reason::NotFinite) => f64::INFINITY,
        Stat::Undefined(_) => -1.0,
    }
}

/// The output's name, linked to its section where it has one.
pub(super) fn link(group: &Group<'_>, anchored: &dyn Fn(usize) -> bool) -> Cell {
    let name = escape(&group.short_name());
    Cell::html(if anchored(group.number) {
        format!("<a href=\"#o{}\">{name}</a>", group.number)
    } else {
        name
    })
}
