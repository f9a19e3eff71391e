//! Images: the mapped code of module files. An image is loaded from a private copy of the bytes that were
//! checked, so that nobody can change it afterwards, and it is never closed.
//!
//! The loader tells files apart by path and by inode, so each copy has its own for as long as the process lives:
//! two builds of one module can be there at once. The same bytes are loaded once.

use std::ffi::c_void;
use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};

use crate::copy::{self, Copied, PrivateCopy};
use crate::refusal::Cause;
use crate::trial::{Candidate, Preflight};

/// One mapped module file. There are only leaked ones.
#[derive(Debug)]
pub(crate) struct Image {
    library: Library,
    /// The bytes it was loaded from. A memory file also keeps its number from being used again.
    copy: File,
    len: u64,
}

static IMAGES: Mutex<Vec<&'static Image>> = Mutex::new(Vec::new());

impl Image {
    /// The image of `bytes`, tried and mapped now unless it is there already.
    ///
    /// # Errors
    /// If no copy can be made, the copy does not stand its trial, or the loader refuses it.
    pub(crate) fn of(bytes: &[u8], loading: &Loading<'_>) -> Result<&'static Self, Cause> {
        // Held while loading: two threads with the same file make one image.
        let mut images = IMAGES.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(image) = images.iter().find(|image| image.holds(bytes)) {
            return Ok(image);
        }
        let (library, copy) = load(bytes, loading)?;
        Ok(kept(Self { library, copy, len: bytes.len() as u64 }, &mut images))
    }

    /// The image of a copy that another process has made; `path` is for messages.
    ///
    /// # Errors
    /// If the loader refuses it.
    pub(crate) fn of_copy(copy: File, path: &Path) -> Result<&'static Self, Cause> {
        let len = copy.metadata().map_or(0, |metadata| metadata.len());
        let library = open(&PathBuf::from(format!("/proc/self/fd/{}", copy.as_raw_fd())), path)?;
        Ok(kept(Self { library, copy, len }, &mut IMAGES.lock().unwrap_or_else(PoisonError::into_inner)))
    }

    /// How many there are.
    pub(crate) fn count() -> usize {
        IMAGES.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// The address of the symbol `ident`, never null.
    ///
    /// # Errors
    /// If the image exports none.
    pub(crate) fn symbol(&self, ident: &str) -> Result<*const c_void, Cause> {
        let missing = |text| Cause::NotExported { ident: ident.to_owned(), text };
        // SAFETY: F7, only the address is taken, and the image stays mapped.
        let symbol = unsafe { self.library.get::<*const c_void>(ident.as_bytes()) };
        // What the loader calls the file means nothing to anybody.
        let words = |error| {
            loader_words(&error).split_once(": ").map_or_else(String::new, |(_, words)| words.to_owned())
        };
        let symbol = symbol.map_err(|error| missing(words(error)))?;
        let address = symbol.as_raw_ptr().cast_const();
        if address.is_null() { Err(missing("its address is null".to_owned())) } else { Ok(address) }
    }

    fn holds(&self, bytes: &[u8]) -> bool {
        let mut buffer = vec![0; 64 * 1024];
        self.len == bytes.len() as u64
            && bytes.chunks(buffer.len()).zip(0u64..).all(|(chunk, index)| {
                let part = &mut buffer[..chunk.len()];
                self.copy.read_exact_at(part, index * (64 * 1024)).is_ok() && part == chunk
            })
    }
}

/// For as long as the process lives.
fn kept(image: Image, images: &mut Vec<&'static Image>) -> &'static Image {
    let image: &'static Image = Box::leak(Box::new(image));
    images.push(image);
    image
}

/// What is to be loaded, and how.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Loading<'l> {
    /// Names the copy.
    pub(crate) ident: &'l str,
    /// For messages.
    pub(crate) path: &'l Path,
    pub(crate) copy: PrivateCopy,
    /// Whether the module says of itself that it starts threads.
    pub(crate) threads: bool,
    pub(crate) preflight: Option<&'static dyn Preflight>,
}

/// Loads from a memory file if that is wanted and allowed here, else from a file.
fn load(bytes: &[u8], loading: &Loading<'_>) -> Result<(Library, File), Cause> {
    if loading.copy == PrivateCopy::Memory
        && let Ok(copied) = copy::in_memory(bytes, loading.ident)
    {
        match try_and_open(&copied, loading) {
            // Where memory files may not be executed the loader cannot map them; nothing of the module has run.
            Err(Cause::Loader { text }) if text.contains("failed to map segment") => (),
            opened => return Ok((opened?, copied.file)),
        }
    }
    let copied = copy::in_directory(bytes, loading.ident)
        .map_err(|error| Cause::NoCopy { error: crate::words(&error) })?;
    Ok((try_and_open(&copied, loading)?, copied.file))
}

/// What is mapped is the very copy that was tried.
fn try_and_open(copied: &Copied, loading: &Loading<'_>) -> Result<Library, Cause> {
    if let Some(preflight) = loading.preflight {
        let Loading { ident, path, threads, .. } = *loading;
        preflight.try_out(&Candidate { ident, path, copy: &copied.file, threads })?;
    }
    open(&copied.path, loading.path)
}

fn open(copy: &Path, path: &Path) -> Result<Library, Cause> {
    let flags = RTLD_NOW | RTLD_LOCAL | libc::RTLD_NODELETE;
    // SAFETY: F7, the image is never closed; its bytes were checked and can no longer change.
    let library = unsafe { Library::open(Some(copy), flags) };
    library.map_err(|error| {
        let own = copy.to_string_lossy();
        Cause::Loader { text: loader_words(&error).replace(&*own, &path.to_string_lossy()) }
    })
}

fn loader_words(error: &libloading::Error) -> String {
    use libloading::Error::{DlOpen, DlSym};
    match error {
        DlOpen { source } | DlSym { source } => source.to_string(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_compared_to_their_end() {
        let bytes: Vec<u8> = (0..200_000_u32).map(|n| (n % 251) as u8).collect();
        let file = copy::in_memory(&bytes, "x_module").unwrap().file;
        let image = Image { library: Library::this(), copy: file, len: bytes.len() as u64 };
        assert!(image.holds(&bytes));
        for place in [0, 65_535, 65_536, 199_999] {
            let mut other = bytes.clone();
            other[place] ^= 1;
            assert!(!image.holds(&other), "byte {place}");
        }
        assert!(!image.holds(&bytes[..199_999]));
    }
}
