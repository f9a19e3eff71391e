//! What modules say about a message on its way: edits of its fields, and notes on a request.
//!
//! Both cost nothing until a module uses them: an empty list and an empty chain allocate nothing.

use std::cell::{Cell, OnceCell, Ref, RefCell};
use std::fmt;

use proxy_abi as abi;
use proxy_abi::{EditAccess, EditOp, NoteAccess, Status};

use crate::caller::Caller;
use crate::observe;

/// What a module wants to become of the fields of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    op: EditOp,
    name: Box<[u8]>,
    value: Box<[u8]>,
}

/// Whether, after these edits, fields of that name that were received are gone.
#[must_use]
pub fn removes(edits: &[Edit], name: &[u8]) -> bool {
    edits.iter().any(|edit| edit.replaces(name))
}

/// Whether these edits speak of that name at all.
#[must_use]
pub fn mentions(edits: &[Edit], name: &[u8]) -> bool {
    edits.iter().any(|edit| edit.name.eq_ignore_ascii_case(name))
}

/// The fields, name and value, that these edits come to beside those received.
pub fn additions(edits: &[Edit]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let lasting = |(place, edit): &(usize, &Edit)| {
        edit.op != EditOp::UNSET && !removes(&edits[place + 1..], &edit.name)
    };
    edits.iter().enumerate().filter(lasting).map(|(_, edit)| (&*edit.name, &*edit.value))
}

impl Edit {
    fn replaces(&self, name: &[u8]) -> bool {
        self.op != EditOp::ADD && self.name.eq_ignore_ascii_case(name)
    }
}

/// The edits of one message, in the order in which modules gave them; each is safe to write.
pub struct Edits<'g> {
    caller: &'g Caller,
    list: RefCell<Vec<Edit>>,
}

/// Edits of one message that are taken.
const MOST_EDITS: usize = 100;

impl<'g> Edits<'g> {
    /// None so far. Refusals are told through `caller`.
    #[must_use]
    pub const fn new(caller: &'g Caller) -> Self {
        Self { caller, list: RefCell::new(Vec::new()) }
    }

    /// All of them.
    ///
    /// # Panics
    /// Never while no module is running, which is when it is called.
    #[must_use]
    pub fn list(&self) -> Ref<'_, [Edit]> {
        Ref::map(self.list.borrow(), Vec::as_slice)
    }

    fn refused(&self, name: &[u8], why: &str) -> Status {
        self.caller.say(&format!("field '{}' cannot be changed: {why}", name.escape_ascii()));
        Status::ERROR
    }
}

impl fmt::Debug for Edits<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.list, f)
    }
}

impl EditAccess for Edits<'_> {
    fn edit(&self, op: EditOp, name: &[u8], value: &[u8]) -> Status {
        if !matches!(op, EditOp::SET | EditOp::ADD | EditOp::UNSET) {
            return self.refused(name, "an edit sets, adds or unsets");
        }
        let value = if op == EditOp::UNSET { &[] } else { value };
        if let Some(why) = abi::edit_refusal(name, value) {
            return self.refused(name, why);
        }
        let Ok(mut list) = self.list.try_borrow_mut() else { return Status::ABI };
        if list.len() == MOST_EDITS {
            return self.refused(name, "100 edits of one message are the most there are");
        }
        list.push(Edit { op, name: name.into(), value: value.into() });
        if self.caller.is_watched() {
            observe::edits(op, name, value);
        }
        Status::OK
    }
}

/// The notes on one request. Appended to and never changed, so that what was read stays where it is.
#[derive(Debug, Default)]
pub struct Notes {
    first: OnceCell<Box<Note>>,
    bytes: Cell<usize>,
    count: Cell<usize>,
}

#[derive(Debug)]
struct Note {
    key: Box<[u8]>,
    value: Box<[u8]>,
    next: OnceCell<Box<Self>>,
}

/// Notes on one request, and their bytes together, that are taken.
const MOST_NOTES: usize = 64;
const MOST_NOTE_BYTES: usize = 16_384;

impl Notes {
    fn iter(&self) -> impl Iterator<Item = &Note> {
        std::iter::successors(self.first.get(), |note| note.next.get()).map(|note| &**note)
    }
}

impl NoteAccess for Notes {
    fn note(&self, key: &[u8]) -> Option<&[u8]> {
        self.iter().filter(|note| *note.key == *key).last().map(|note| &*note.value)
    }

    fn set_note(&self, key: &[u8], value: &[u8]) -> Status {
        let bytes = self.bytes.get().saturating_add(key.len()).saturating_add(value.len());
        if self.count.get() == MOST_NOTES || bytes > MOST_NOTE_BYTES {
            return Status::ERROR;
        }
        let note = Box::new(Note { key: key.into(), value: value.into(), next: OnceCell::new() });
        let end = self.iter().last().map_or(&self.first, |last| &last.next);
        if end.set(note).is_err() {
            return Status::ABI;
        }
        self.bytes.set(bytes);
        self.count.set(self.count.get() + 1);
        Status::OK
    }
}

#[cfg(test)]
mod tests;
