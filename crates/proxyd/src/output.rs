//! The only place that prints. A reader that has gone away (`proxyd -L | head`) is no error of ours, a full disk is:
//! `main` asks for it at the end.

use std::fmt::Display;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Mutex, OnceLock, PoisonError};

/// Prints a result.
pub(crate) fn result(text: impl Display) {
    let mut stdout = io::stdout().lock();
    let _ = remembered(write!(stdout, "{text}").and_then(|()| stdout.flush()));
}

/// Prints a piece of a result that has no end of its own; whether there is still a reader.
pub(crate) fn is_read(text: &str) -> bool {
    let mut stdout = io::stdout().lock();
    remembered(stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush())).is_ok()
}

/// Why a part of what was to be printed was not, if so.
pub(crate) fn failure() -> Option<&'static io::Error> {
    FAILURE.get()
}

static FAILURE: OnceLock<io::Error> = OnceLock::new();

fn remembered(written: io::Result<()>) -> Result<(), ()> {
    written.map_err(|error| {
        if error.kind() != io::ErrorKind::BrokenPipe {
            // The first one is told.
            let _ = FAILURE.set(error);
        }
    })
}

/// Where messages of the start go: standard error, or the file of `-E`. Those of a reload are kept for whoever asked.
#[derive(Debug)]
pub(crate) enum Messages {
    Stderr,
    File(File),
    Kept(Mutex<String>),
}

impl Messages {
    /// # Errors
    /// If the file cannot be opened.
    pub(crate) fn to(file: Option<&Path>) -> io::Result<Self> {
        match file {
            None => Ok(Self::Stderr),
            Some(path) => Ok(Self::File(File::options().create(true).append(true).open(path)?)),
        }
    }

    /// None yet.
    pub(crate) const fn kept() -> Self {
        Self::Kept(Mutex::new(String::new()))
    }

    /// All that was said, a line break behind each, if it was to be kept.
    pub(crate) fn into_text(self) -> String {
        match self {
            Self::Kept(text) => text.into_inner().unwrap_or_else(PoisonError::into_inner),
            Self::Stderr | Self::File(_) => String::new(),
        }
    }

    /// Writes one message and a line break.
    pub(crate) fn say(&self, text: impl Display) {
        let line = format!("{text}\n");
        // Nobody can be told of a failure here.
        let _ = match self {
            Self::Stderr => io::stderr().write_all(line.as_bytes()),
            Self::File(file) => (&*file).write_all(line.as_bytes()),
            Self::Kept(text) => {
                text.lock().unwrap_or_else(PoisonError::into_inner).push_str(&line);
                Ok(())
            }
        };
    }
}
