//! Slices of a trace, summed up by module and kernel.

use std::collections::BTreeMap;

use super::kind::{Kind, Place, kind, plain_name, with_streams};
use super::read::{Slice, Trace};

/// Slices of one kernel in one module.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Work {
    /// How many.
    pub count: u64,
    /// Microseconds, without the slices inside.
    pub time: f64,
}

/// A trace by module and kernel.
#[derive(Clone, Debug, Default)]
pub struct Groups {
    /// Work by place, module and kernel. A module that no slice names is empty.
    pub work: BTreeMap<(Place, String, String), Work>,
    /// Slices of tracks that tell the time of others again, or are no work.
    pub left_out: u64,
    /// From the first start to the last end of any work, in microseconds.
    pub wall: f64,
}

impl Groups {
    /// Sums a trace up. Of module paths, `depth` segments stay (all for 0); `exact` keeps kernel names as they are.
    pub fn of(trace: &Trace, depth: usize, exact: bool) -> Self {
        let mut order: Vec<u32> = (0..trace.slices.len() as u32).collect();
        let slice = |index: u32| &trace.slices[index as usize];
        // By track and start; what encloses comes first.
        order.sort_unstable_by(|&a, &b| {
            let (a, b) = (slice(a), slice(b));
            let by_start = a.track.cmp(&b.track).then(a.start.total_cmp(&b.start));
            by_start.then(b.duration.total_cmp(&a.duration))
        });
        let streams = with_streams(&trace.tracks);
        let mut groups = Self::default();
        let (mut first, mut last) = (f64::INFINITY, f64::NEG_INFINITY);
        let mut open: Vec<Open> = Vec::new();
        let mut track = None;
        for index in order {
            let slice = slice(index);
            if track != Some(slice.track) {
                open.drain(..)
                    .rev()
                    .for_each(|done| groups.add(trace, done, depth, exact));
                track = Some(slice.track);
            }
            while open.last().is_some_and(|outer| !outer.encloses(slice)) {
                groups.add(
                    trace,
                    open.pop().expect("there is a last one"),
                    depth,
                    exact,
                );
            }
            let kind = kind(
                &trace.labels[slice.label as usize],
                &trace.tracks[slice.track as usize],
                &streams,
            );
            if let Kind::Work(_) = kind {
                first = first.min(slice.start);
                last = last.max(slice.start + slice.duration);
                // The nearest work around it did not do this part itself.
                let outer = open
                    .iter_mut()
                    .rev()
                    .find(|outer| matches!(outer.kind, Kind::Work(_)));
                if let Some(outer) = outer {
                    outer.inside += slice.duration;
                }
            }
            let label = &trace.labels[slice.label as usize];
            let around = || open.iter().rev().find_map(|outer| outer.module.clone());
            let module = match kind {
                Kind::Module => Some(label.module.clone().unwrap_or_else(|| label.name.clone())),
                _ => label.module.clone().or_else(around),
            };
            open.push(Open {
                slice: *slice,
                kind,
                module,
                inside: 0.0,
            });
        }
        open.drain(..)
            .rev()
            .for_each(|done| groups.add(trace, done, depth, exact));
        groups.wall = (last - first).max(0.0);
        groups
    }

    fn add(&mut self, trace: &Trace, done: Open, depth: usize, exact: bool) {
        let place = match done.kind {
            Kind::Work(place) => place,
            Kind::Module => return,
            Kind::Left => {
                self.left_out += 1;
                return;
            }
        };
        let name = &trace.labels[done.slice.label as usize].name;
        let kernel = match exact {
            true => name.clone(),
            false => plain_name(name),
        };
        let module = done.module.unwrap_or_default();
        let module = match depth {
            0 => module,
            _ => module.split('/').take(depth).collect::<Vec<_>>().join("/"),
        };
        let work = self.work.entry((place, module, kernel)).or_default();
        work.count += 1;
        work.time += (done.slice.duration - done.inside).max(0.0);
    }

    /// True where something ran on a device.
    pub fn has_device(&self) -> bool {
        self.work
            .keys()
            .any(|(place, _, _)| *place == Place::Device)
    }
}

/// A slice whose end was not reached yet.
struct Open {
    slice: Slice,
    kind: Kind,
    module: Option<String>,
    /// Microseconds of work inside.
    inside: f64,
}

impl Open {
    fn encloses(&self, other: &Slice) -> bool {
        other.start + other.duration <= self.slice.start + self.slice.duration
            && other.start >= self.slice.start
    }
}
