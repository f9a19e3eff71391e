//! Builds of one module that take each other's place in its file.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::PathBuf;

/// The file that a server loads, and what can be put there.
pub(super) struct Builds {
    file: PathBuf,
    first: Vec<u8>,
}

impl Builds {
    pub(super) fn new(file: PathBuf) -> Self {
        let first = fs::read(&file).unwrap();
        Self { file, first }
    }

    /// In bytes; the others are a few bytes longer.
    pub(super) fn len(&self) -> usize {
        self.first.len()
    }

    /// The build of that number: another file with another sum. The loader does not look behind the last section.
    fn build(&self, number: usize) -> Vec<u8> {
        if number == 0 {
            self.first.clone()
        } else {
            [&self.first[..], format!("{number:08}").as_bytes()].concat()
        }
    }

    /// Puts it there in one of the ways in which people do; never while the server reads it.
    pub(super) fn place(&self, number: usize, way: usize) {
        let bytes = self.build(number);
        match way % 3 {
            0 => {
                let new = self.file.with_extension("new");
                fs::write(&new, bytes).unwrap();
                fs::rename(new, &self.file).unwrap();
            }
            1 => {
                let mut file = OpenOptions::new().write(true).open(&self.file).unwrap();
                file.write_all(&bytes).unwrap();
                file.set_len(bytes.len() as u64).unwrap();
            }
            _ => File::create(&self.file).unwrap().write_all(&bytes).unwrap(),
        }
    }
}
