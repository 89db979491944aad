//! `completions` and `man`: what shells and readers of manuals want, made from the definition itself.

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::cli::ending::Ending;
use crate::cli::{Arguments, screen};

const NAME: &str = "quartermaster";

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  quartermaster completions bash > /etc/bash_completion.d/quartermaster
  quartermaster completions zsh > \"${fpath[1]}/_quartermaster\"
  quartermaster completions fish > ~/.config/fish/completions/quartermaster.fish")]
pub struct CompletionArguments {
    shell: Shell,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  quartermaster man | man -l -
  quartermaster man --out /usr/local/share/man/man1")]
pub struct ManArguments {
    /// Write a page for each verb into this directory, which is made if need be
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

impl CompletionArguments {
    pub fn complete(&self) -> Result<(), Ending> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Arguments::command(), NAME, &mut script);
        std::io::stdout().lock().write_all(&script).map_err(screen::unwritten)
    }
}

impl ManArguments {
    pub fn write(&self) -> Result<(), Ending> {
        let failed = |error: std::io::Error| Ending::Failed(format!("write the pages: {error}").into());
        let Some(directory) = &self.out else {
            let mut page = Vec::new();
            clap_mangen::Man::new(Arguments::command()).render(&mut page).map_err(failed)?;
            return std::io::stdout().lock().write_all(&page).map_err(screen::unwritten);
        };
        fs::create_dir_all(directory).map_err(failed)?;
        clap_mangen::generate_to(Arguments::command(), directory).map_err(failed)
    }
}
