//! What crosses in the hooks of modules, told field by field to those who look on.
//!
//! The server knows no struct of such a hook, but the hook's layout text tells them: its hash is the signature that
//! both sides were built with, so that text and structs are the same. Each field is read where the text says that it
//! lies, never beyond the size that the struct itself begins with, and padding is not read at all.

use std::ffi::c_void;

use proxy_abi::{Bytes, Fields, RawBytes};
use proxy_core::observe::{Datum, Field};

/// The two structs of a call.
#[derive(Clone, Copy)]
pub(crate) struct Structs {
    pub(crate) input: *const c_void,
    pub(crate) output: *const c_void,
}

impl Structs {
    /// Input and output, by the layout text `name/revision In{…} -> Out{…}`. Nothing for a null pointer, and nothing
    /// from a field on whose type is unknown. The output's bytes are told by their number alone: whoever runs the hook
    /// reads them, or does not.
    ///
    /// # Safety
    /// Both are null or point to the structs of the hook whose layout text that is, and no call that uses them is under
    /// way.
    pub(crate) unsafe fn told(self, layout: &str) -> [Vec<Field>; 2] {
        let Some((input, output)) = layout.split_once(" -> ") else { return [Vec::new(), Vec::new()] };
        let input_text = input.split_once(' ').map_or("", |(_, text)| text);
        // SAFETY: F2, the caller's promise.
        unsafe { [read(self.input, input_text, true), read(self.output, output, false)] }
    }
}

/// The fields of the struct at `at`, which is as `text` says, `Name{u32 size;Bytes text}`.
///
/// # Safety
/// `at` is null or points to such a struct.
unsafe fn read(at: *const c_void, text: &str, with_bytes: bool) -> Vec<Field> {
    let mut told = Vec::new();
    if at.is_null() {
        return told;
    }
    let mut limit = usize::MAX;
    for (offset, kind, name) in places(text) {
        if offset + kind.size() > limit {
            break;
        }
        // SAFETY: F2, there is a field of that kind, within the struct's own size.
        let value = unsafe { kind.read(at.byte_add(offset), with_bytes) };
        match value {
            Some(Datum::Unsigned(size)) if offset == 0 && name == "size" => limit = size as usize,
            Some(value) if name != "reserved" => told.push(Field { name: name.to_owned().into(), value }),
            _ => {}
        }
    }
    told
}

/// Where the fields of a struct lie, as `repr(C)` places them, as far as their types are known.
fn places(text: &str) -> impl Iterator<Item = (usize, Kind, &str)> {
    let fields = text.split_once('{').and_then(|(_, rest)| rest.strip_suffix('}')).unwrap_or_default();
    let mut end = 0_usize;
    fields.split(';').map_while(move |field| {
        let (kind, name) = field.split_once(' ')?;
        let kind = Kind::named(kind)?;
        let offset = end.next_multiple_of(kind.align());
        end = offset + kind.size();
        Some((offset, kind, name))
    })
}

/// The type of a field, see [`proxy_abi::Field`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    U8,
    U16,
    U32,
    U64,
    I8,
    I16,
    I32,
    I64,
    F32,
    F64,
    Bytes,
    /// Two pointers.
    Fields,
    Pointer,
}

impl Kind {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "u8" => Self::U8,
            "u16" => Self::U16,
            "u32" => Self::U32,
            "u64" => Self::U64,
            "i8" => Self::I8,
            "i16" => Self::I16,
            "i32" => Self::I32,
            "i64" => Self::I64,
            "f32" => Self::F32,
            "f64" => Self::F64,
            "Bytes" => Self::Bytes,
            "Fields" => Self::Fields,
            name if name.ends_with('*') => Self::Pointer,
            _ => return None,
        })
    }

    const fn size(self) -> usize {
        match self {
            Self::U8 | Self::I8 => 1,
            Self::U16 | Self::I16 => 2,
            Self::U32 | Self::I32 | Self::F32 => 4,
            Self::U64 | Self::I64 | Self::F64 => 8,
            Self::Bytes => size_of::<RawBytes>(),
            Self::Fields => size_of::<Fields<'_>>(),
            Self::Pointer => size_of::<*const c_void>(),
        }
    }

    fn align(self) -> usize {
        self.size().min(align_of::<*const c_void>())
    }

    /// What lies there; nothing of what cannot be told by a number or text.
    ///
    /// # Safety
    /// A field of this kind lies at `at`.
    unsafe fn read(self, at: *const c_void, with_bytes: bool) -> Option<Datum> {
        macro_rules! number {
            ($datum:ident, $type:ty) => {
                // SAFETY: F2, the caller's promise.
                Datum::$datum(unsafe { at.cast::<$type>().read_unaligned() }.into())
            };
        }
        Some(match self {
            Self::U8 => number!(Unsigned, u8),
            Self::U16 => number!(Unsigned, u16),
            Self::U32 => number!(Unsigned, u32),
            Self::U64 => number!(Unsigned, u64),
            Self::I8 => number!(Signed, i8),
            Self::I16 => number!(Signed, i16),
            Self::I32 => number!(Signed, i32),
            Self::I64 => number!(Signed, i64),
            Self::F32 => number!(Float, f32),
            Self::F64 => number!(Float, f64),
            Self::Bytes if with_bytes => {
                // SAFETY: F1, whoever made the call keeps the bytes of its input until it returns.
                let bytes = unsafe { at.cast::<Bytes<'_>>().read_unaligned() };
                Datum::Text(proxy_core::observe::shortened(bytes.as_slice()))
            }
            Self::Bytes => {
                // SAFETY: F2, the number lies behind the pointer.
                let len = unsafe { at.cast::<usize>().add(1).read_unaligned() };
                Datum::Text(format!("{len} bytes"))
            }
            Self::Fields | Self::Pointer => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::ptr;

    use proxy_abi::{Crosses, crossing};

    use super::*;

    crossing! {
        struct Mixed<'a> {
            pub size: u32,
            pub small: u8,
            pub below: i16,
            pub name: Bytes<'a>,
            pub ratio: f64,
            pub address: *const c_void,
            pub last: i32,
            pub reserved: u32,
        }
    }

    fn mixed(size: usize) -> Mixed<'static> {
        Mixed {
            size: size as u32,
            small: 7,
            below: -2,
            name: Bytes::of("a\nb"),
            ratio: 0.5,
            address: ptr::null(),
            last: -9,
            reserved: 0,
        }
    }

    fn told(mixed: &Mixed<'_>, with_bytes: bool) -> Vec<String> {
        // SAFETY: F2, the struct and its own text.
        let fields = unsafe { read(ptr::from_ref(mixed).cast(), Mixed::TEXT.as_str(), with_bytes) };
        fields.iter().map(|field| format!("{}={:?}", field.name, field.value)).collect()
    }

    #[test]
    fn each_field_is_read_where_the_text_says() {
        assert_eq!(
            told(&mixed(size_of::<Mixed<'_>>()), true),
            [
                "small=Unsigned(7)",
                "below=Signed(-2)",
                r#"name=Text("a\\nb")"#,
                "ratio=Float(0.5)",
                "last=Signed(-9)"
            ]
        );
    }

    #[test]
    fn nothing_is_read_beyond_the_size_that_the_struct_names() {
        assert_eq!(told(&mixed(0), true), [""; 0]);
        assert_eq!(told(&mixed(5), true), ["small=Unsigned(7)"]);
        assert_eq!(told(&mixed(23), true), ["small=Unsigned(7)", "below=Signed(-2)"]);
    }

    #[test]
    fn bytes_of_an_output_are_counted() {
        assert_eq!(told(&mixed(size_of::<Mixed<'_>>()), false)[2], r#"name=Text("3 bytes")"#);
    }

    #[test]
    fn the_places_are_those_of_the_compiler() {
        let places: Vec<_> = places(Mixed::TEXT.as_str()).map(|(offset, _, name)| (name, offset)).collect();
        macro_rules! at {
            ($($field:ident),*) => { vec![$((stringify!($field), std::mem::offset_of!(Mixed<'_>, $field))),*] };
        }
        assert_eq!(places, at!(size, small, below, name, ratio, address, last, reserved));
    }

    #[test]
    fn what_is_no_layout_tells_nothing() {
        let mixed = mixed(64);
        let at = ptr::from_ref(&mixed).cast();
        for layout in ["", "x", "x/1 In{u32 size} Out{}", "x/1 In -> Out", "x/1 In{odd a} -> Out{u32}"] {
            // SAFETY: F2, nothing is read but a size.
            let [input, output] = unsafe { Structs { input: at, output: at }.told(layout) };
            assert_eq!((input, output), (vec![], vec![]), "{layout}");
        }
        // SAFETY: F2, null is nothing.
        let null =
            unsafe { Structs { input: ptr::null(), output: ptr::null() }.told("x/1 A{u8 a} -> B{u8 b}") };
        assert_eq!(null, [vec![], vec![]]);
    }
}
