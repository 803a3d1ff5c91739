//! Completions for shells, and manual pages.

use std::io;
use std::path::PathBuf;

use anyhow::Context;
use clap::{CommandFactory, Subcommand};
use clap_complete::Shell;

/// Commands that describe the program itself.
#[derive(Clone, Debug, Subcommand)]
pub enum Manual {
    /// Print a shell's completions
    #[command(after_help = "\
Examples:
  convert completions bash > ~/.local/share/bash-completion/completions/convert
  parity completions zsh > ~/.zfunc/_parity")]
    Completions {
        /// The shell
        #[arg(value_enum)]
        shell: Shell,
    },
    /// Write manual pages, one a command
    #[command(after_help = "\
Examples:
  convert man ~/.local/share/man/man1
  parity man man1; man -l man1/parity-compare.1")]
    Man {
        /// The folder to write them to
        #[arg(value_name = "DIR")]
        out: PathBuf,
    },
}

impl Manual {
    /// Does what was asked, for the program that `P` parses.
    ///
    /// # Errors
    /// Where stdout or the folder cannot be written.
    pub fn run<P: CommandFactory>(&self) -> anyhow::Result<()> {
        let mut command = P::command();
        match self {
            Self::Completions { shell } => {
                let name = command.get_name().to_owned();
                let mut script = Vec::new();
                clap_complete::generate(*shell, &mut command, name, &mut script);
                io::Write::write_all(&mut crate::stdout(), &script)?;
            }
            Self::Man { out } => {
                let named = || out.display().to_string();
                std::fs::create_dir_all(out).with_context(named)?;
                clap_mangen::generate_to(command, out).with_context(named)?;
            }
        }
        Ok(())
    }
}
