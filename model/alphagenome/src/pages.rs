//! The pages of a run. They lie apart until it ends, and go to their folder then.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use results::page::best::is_larger;
use results::page::{Entry, LIST, Scene, Subject, index, is_own};
use terminal::{Speech, note};

use crate::work::{Settings, make_folder, replace};

/// Which pages are written.
#[derive(Args, Clone, Debug)]
pub struct PageArguments {
    /// Write pages to look at into this folder: one a variant, and index.html, which lists them
    #[arg(long, value_name = "DIR")]
    pub html: Option<PathBuf>,
    /// Keep the pages of the N variants with the strongest changes; without scores, of the first N
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..))]
    pub html_top: u64,
    /// Base pairs that a page shows around the variant
    #[arg(long, value_name = "BP", value_parser = width, default_value = "16k")]
    pub html_window: i64,
}

fn width(text: &str) -> Result<i64, String> {
    let width = parity::cli::base_pairs(text)?;
    match width {
        32..=1_048_576 => Ok(width as i64),
        _ => Err("expected 32 bp to 1,048,576 bp".into()),
    }
}

impl PageArguments {
    /// Adds what batches of pages depend on.
    pub fn settings(&self, settings: &mut Settings) {
        if self.html.is_some() {
            let text = format!("{} of {} bp", self.html_top, self.html_window);
            settings.insert("html".into(), text);
        }
    }

    /// Fails where something else stands in the folder, and `force` is not given; `force` replaces pages of this program alone.
    ///
    /// # Errors
    /// Also where it cannot be read, is no folder, or is the output itself.
    pub fn check(&self, out: &Path, force: bool) -> Result<()> {
        let Some(folder) = &self.html else {
            return Ok(());
        };
        let whole = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        if whole(folder).starts_with(whole(out)) {
            bail!(
                "--html {}: --out writes there; name another folder",
                folder.display()
            );
        }
        let named = || format!("--html {}", folder.display());
        let entries = match fs::read_dir(folder) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            entries => entries.with_context(named)?,
        };
        for entry in entries {
            let path = entry.with_context(named)?.path();
            if !force {
                bail!(
                    "{} is not empty; --force replaces the pages in it, --html writes elsewhere",
                    folder.display()
                );
            }
            if (is_page(&path) || path.ends_with(LIST.0)) && !is_ours(&path)? {
                bail!(
                    "{} is no page of this program, and --force would replace it; move it, or name another folder with --html",
                    path.display()
                );
            }
        }
        Ok(())
    }
}

/// The pages of a run.
pub struct Pages {
    out: PathBuf,
    /// Where they lie until it ends.
    folder: PathBuf,
    most: usize,
    kept: Vec<Entry>,
}

impl Pages {
    /// The pages of a run, which lie in `folder` until it ends: `finished` ones are there. Nothing where none are wanted.
    ///
    /// # Errors
    /// Where the folder, or the one that they go to, cannot be written.
    pub fn open(
        arguments: &PageArguments,
        folder: PathBuf,
        finished: impl IntoIterator<Item = Entry>,
    ) -> Result<Option<Self>> {
        let Some(out) = &arguments.html else {
            return Ok(None);
        };
        fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        // They go there when all is scored, and what keeps them out is said before.
        make_folder("--html", out)?;
        let mut pages = Self {
            out: out.clone(),
            folder,
            most: usize::try_from(arguments.html_top).unwrap_or(usize::MAX),
            kept: Vec::new(),
        };
        finished.into_iter().for_each(|entry| pages.keep(entry));
        Ok(Some(pages))
    }

    /// Writes the page of item `number` of the run where it is among the strongest so far, and gives its entry then.
    ///
    /// # Errors
    /// Where it cannot be drawn or written.
    pub fn add(
        &mut self,
        subject: &Subject<'_>,
        scene: &Scene<'_>,
        number: u64,
    ) -> Result<Option<Entry>> {
        // What is not kept is not drawn.
        if self.weakest(subject.size()).is_err() {
            return Ok(None);
        }
        let file = name(number, &subject.variant.to_string());
        let (entry, page) = subject.page(scene, &file)?;
        self.keep(entry.clone());
        replace(&self.folder.join(&file), page.as_bytes())?;
        Ok(Some(entry))
    }

    /// The page that goes when one of this size comes, if one must; fails where the one that comes is the weakest. Of equal ones
    /// the last goes.
    fn weakest(&self, size: (f32, f32)) -> Result<Option<usize>, ()> {
        if self.kept.len() < self.most {
            return Ok(None);
        }
        let weaker = |a: usize, b: usize| match is_larger(self.kept[b].size(), self.kept[a].size())
        {
            true => a,
            false => b,
        };
        let weakest = (0..self.kept.len()).reduce(weaker);
        let larger = weakest.filter(|at| is_larger(size, self.kept[*at].size()));
        larger.map(Some).ok_or(())
    }

    /// Takes a page among those that are kept, and removes the weakest where there are too many.
    fn keep(&mut self, entry: Entry) {
        let Ok(weakest) = self.weakest(entry.size()) else {
            return;
        };
        if let Some(weakest) = weakest {
            let gone = self.kept.remove(weakest);
            // A run that was ended may have removed it before.
            let _ = fs::remove_file(self.folder.join(gone.file));
        }
        self.kept.push(entry);
    }

    /// Moves the pages to their folder, with the list of them.
    ///
    /// # Errors
    /// Where the folder cannot be written.
    pub fn finish(self, settings: &[(String, String)], items: u64) -> Result<()> {
        let named = || self.out.display().to_string();
        for entry in fs::read_dir(&self.out).with_context(named)? {
            let path = entry.with_context(named)?.path();
            if is_page(&path) {
                fs::remove_file(&path).with_context(|| path.display().to_string())?;
            }
        }
        for entry in &self.kept {
            let (from, to) = (self.folder.join(&entry.file), self.out.join(&entry.file));
            // A run that is ended here finds all of them again; another file system takes a copy.
            let shown = fs::hard_link(&from, &to).or_else(|_| fs::copy(&from, &to).map(drop));
            shown.with_context(|| format!("{} to {}", from.display(), to.display()))?;
        }
        let list = self.out.join(LIST.0);
        replace(&list, index::page(&self.kept, items, settings).as_bytes())?;
        let few = match items > self.kept.len() as u64 && self.kept.len() == self.most {
            true => format!(
                " of {items}, those with the strongest changes or the first; --html-top says how many"
            ),
            false => String::new(),
        };
        let text = format!(
            "note: pages of {} variants{few}: {}",
            self.kept.len(),
            list.display()
        );
        note(Speech::Normal, &text);
        Ok(())
    }
}

/// Digits that begin the name of a page.
const DIGITS: usize = 9;

/// `000000012-chr1-42101-G-T.html`: the place in the input, and what a file's name may have of the variant.
fn name(number: u64, variant: &str) -> String {
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() || c == '.' || c == '_' {
            c
        } else {
            '-'
        }
    };
    let text: String = variant.chars().map(plain).take(60).collect();
    format!("{number:0DIGITS$}-{text}.html")
}

fn is_page(path: &Path) -> bool {
    let name = path
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or("");
    let digits = name.split('-').next().unwrap_or("");
    name.ends_with(".html")
        && digits.len() >= DIGITS
        && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether this program wrote a page. Its mark stands behind the style, within some 10,000 bytes.
fn is_ours(path: &Path) -> Result<bool> {
    let mut head = Vec::new();
    let read = File::open(path).and_then(|file| file.take(1 << 16).read_to_end(&mut head));
    read.with_context(|| path.display().to_string())?;
    Ok(is_own(&head))
}
