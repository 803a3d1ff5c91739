//! A plot: a frame with two axes, and marks inside, as SVG. Colours are the page's classes, so they follow its theme.

use std::fmt::Write;

use super::scale::{Scale, Tick};
use super::text::escape;

/// Width of a panel in units of its own; the page scales it.
const WIDTH: f64 = 380.0;
const HEIGHT: f64 = 240.0;
const LEFT: f64 = 52.0;
const RIGHT: f64 = 14.0;
const TOP: f64 = 24.0;
const BOTTOM: f64 = 40.0;

/// A plot that is being drawn.
pub(super) struct Plot {
    x: Scale,
    y: Scale,
    x_label: String,
    y_label: String,
    x_ticks: Vec<Tick>,
    y_ticks: Vec<Tick>,
    marks: String,
    size: (f64, f64),
}

impl Plot {
    /// An empty plot with axes of these names.
    pub(super) fn new(x: Scale, y: Scale, x_label: &str, y_label: &str) -> Self {
        Self {
            x_ticks: x.ticks(6),
            y_ticks: y.ticks(5),
            x,
            y,
            x_label: x_label.into(),
            y_label: y_label.into(),
            marks: String::new(),
            size: (WIDTH, HEIGHT),
        }
    }

    /// With another width, and a height that leaves `inner` for the marks.
    pub(super) fn with_size(mut self, width: f64, inner: f64) -> Self {
        self.size = (width, inner + TOP + BOTTOM);
        self
    }

    /// With other ticks on the axis of x.
    pub(super) fn with_x_ticks(mut self, ticks: Vec<Tick>) -> Self {
        self.x_ticks = ticks;
        self
    }

    /// With other ticks on the axis of y.
    pub(super) fn with_y_ticks(mut self, ticks: Vec<Tick>) -> Self {
        self.y_ticks = ticks;
        self
    }

    /// Where a value of x stands.
    pub(super) fn px(&self, x: f64) -> f64 {
        LEFT + self.x.at(x) * (self.size.0 - LEFT - RIGHT)
    }

    /// Where a value of y stands.
    pub(super) fn py(&self, y: f64) -> f64 {
        self.bottom() - self.y.at(y) * (self.bottom() - TOP)
    }

    fn bottom(&self) -> f64 {
        self.size.1 - BOTTOM
    }

    /// Dots, in a few layers so that density shows: a path of its own covers itself only once.
    pub(super) fn dots(&mut self, class: &str, points: &[(f64, f64)]) {
        const LAYERS: usize = 4;
        for layer in 0..LAYERS {
            let mut path = String::new();
            for &(x, y) in points.iter().skip(layer).step_by(LAYERS) {
                let _ = write!(path, "M{:.1} {:.1}h0", self.px(x), self.py(y));
            }
            self.path(class, &path);
        }
    }

    /// Crosses, for what must not be told apart by its colour alone.
    pub(super) fn crosses(&mut self, class: &str, points: &[(f64, f64)]) {
        let mut path = String::new();
        for &(x, y) in points {
            let (x, y) = (self.px(x) - 2.5, self.py(y) - 2.5);
            let _ = write!(path, "M{x:.1} {y:.1}l5 5m0-5l-5 5");
        }
        self.path(class, &path);
    }

    /// A line through the points.
    pub(super) fn line(&mut self, class: &str, points: impl IntoIterator<Item = (f64, f64)>) {
        let mut path = String::new();
        for (x, y) in points {
            let letter = if path.is_empty() { 'M' } else { 'L' };
            let _ = write!(path, "{letter}{:.1} {:.1}", self.px(x), self.py(y));
        }
        self.path(class, &path);
    }

    /// Upright bars from the axis, each from one x to another, up to y.
    pub(super) fn bars(&mut self, class: &str, bars: impl IntoIterator<Item = (f64, f64, f64)>) {
        let base = self.bottom();
        let mut path = String::new();
        for (from, to, y) in bars {
            let (left, right) = (self.px(from) + 0.5, self.px(to) - 0.5);
            let mut top = self.py(y);
            if y > 0.0 && base - top < 0.8 {
                // What is there shall be seen.
                top = base - 0.8;
            }
            let width = (right - left).max(0.6);
            let _ = write!(path, "M{left:.1} {base:.1}V{top:.1}h{width:.1}V{base:.1}z");
        }
        self.path(class, &path);
    }

    /// Rectangles between two values of x and y each.
    pub(super) fn cells(&mut self, class: &str, cells: impl IntoIterator<Item = [f64; 4]>) {
        let mut path = String::new();
        for [left, right, bottom, top] in cells {
            let (x, y) = (self.px(left), self.py(top));
            let (width, height) = (self.px(right) - x, self.py(bottom) - y);
            let _ = write!(path, "M{x:.1} {y:.1}h{width:.1}v{height:.1}h-{width:.1}z");
        }
        self.path(class, &path);
    }

    fn path(&mut self, class: &str, path: &str) {
        if !path.is_empty() {
            let _ = write!(self.marks, "<path class=\"{class}\" d=\"{path}\"/>");
        }
    }

    /// The drawing, with what it shows in words for those who do not see it.
    pub(super) fn finish(self, title: &str, description: &str) -> String {
        let (width, height) = self.size;
        let (bottom, right) = (self.bottom(), width - RIGHT);
        let mut out = format!(
            "<svg viewBox=\"0 0 {width} {height}\" role=\"img\"><title>{}</title><desc>{}</desc>",
            escape(title),
            escape(description)
        );
        let mut grid = String::new();
        for (y, label) in &self.y_ticks {
            let y = self.py(*y);
            let _ = write!(grid, "M{LEFT} {y:.1}H{right}");
            let _ = write!(
                out,
                "<text class=\"tick end\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
                LEFT - 6.0,
                y + 3.5,
                escape(label)
            );
        }
        let _ = write!(out, "<path class=\"grid\" d=\"{grid}\"/>");
        let mut marks = String::new();
        for (x, label) in &self.x_ticks {
            let x = self.px(*x);
            let _ = write!(marks, "M{x:.1} {bottom}v4");
            let _ = write!(
                out,
                "<text class=\"tick mid\" x=\"{x:.1}\" y=\"{:.1}\">{}</text>",
                bottom + 15.0,
                escape(label)
            );
        }
        let _ = write!(
            out,
            "<path class=\"axis\" d=\"M{LEFT} {TOP}V{bottom}H{right}{marks}\"/>{}",
            self.marks
        );
        let _ = write!(
            out,
            "<text class=\"name end\" x=\"{right}\" y=\"{}\">{}</text>",
            height - 6.0,
            escape(&self.x_label)
        );
        let _ = write!(
            out,
            "<text class=\"name\" x=\"2\" y=\"12\">{}</text></svg>",
            escape(&self.y_label)
        );
        out
    }
}
