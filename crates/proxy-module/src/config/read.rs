//! Configuration values as serde sees them. An error remembers the value it is about, innermost first.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;

use super::text::Text;
use crate::abi::ValueKind;
use crate::ffi::tree::Tree;

/// What is wrong, and the address of the value meant.
#[derive(Debug)]
pub(super) struct ValueError {
    pub(super) message: String,
    pub(super) at: Option<usize>,
}

impl fmt::Display for ValueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ValueError {}

impl serde::de::Error for ValueError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self { message: message.to_string(), at: None }
    }
}

type Answer<'de, V> = Result<<V as Visitor<'de>>::Value, ValueError>;

/// A value that was written.
#[derive(Clone, Copy)]
pub(super) struct Written<'de>(pub(super) Tree<'de>);

impl<'de> Written<'de> {
    fn located<T>(self, answer: Result<T, ValueError>) -> Result<T, ValueError> {
        answer.map_err(|error| ValueError { at: error.at.or_else(|| Some(self.0.address())), ..error })
    }

    fn word(self) -> Option<Text<'de>> {
        if self.0.kind() == ValueKind::TEXT { self.0.text().map(Text) } else { None }
    }

    /// By its own shape, where the field's type does not decide.
    fn as_written<V: Visitor<'de>>(self, visitor: V) -> Answer<'de, V> {
        match self.0.kind() {
            ValueKind::NULL => visitor.visit_unit(),
            ValueKind::LIST => self.list(None, visitor),
            ValueKind::MAP => visitor.visit_map(Entries { tree: self.0, next: 0, value: None }),
            _ => Text(self.0.text().unwrap_or_default()).deserialize_any(visitor),
        }
    }

    /// Reads a list of any length, or of `wanted` words of which optional ones may be missing.
    fn list<V: Visitor<'de>>(self, wanted: Option<usize>, visitor: V) -> Answer<'de, V> {
        if wanted.is_some_and(|wanted| self.0.len() > wanted) {
            let wanted = wanted.unwrap_or_default();
            let length = self.0.len();
            return Err(ValueError::custom(format_args!("{length} words where {wanted} are the most")));
        }
        visitor.visit_seq(Words { tree: self.0, next: 0, wanted })
    }
}

/// Words are read as the field's type asks; everything else by its own shape.
macro_rules! as_word {
    ($($name:ident($($arg:ident: $type:ty),*);)*) => {
        $(fn $name<V: Visitor<'de>>(self, $($arg: $type,)* visitor: V) -> Answer<'de, V> {
            self.located(match self.word() {
                Some(word) => word.$name($($arg,)* visitor),
                None => self.as_written(visitor),
            })
        })*
    };
}

impl<'de> Deserializer<'de> for Written<'de> {
    type Error = ValueError;

    as_word! {
        deserialize_any(); deserialize_bool(); deserialize_char(); deserialize_str(); deserialize_string();
        deserialize_u8(); deserialize_u16(); deserialize_u32(); deserialize_u64(); deserialize_u128();
        deserialize_i8(); deserialize_i16(); deserialize_i32(); deserialize_i64(); deserialize_i128();
        deserialize_f32(); deserialize_f64(); deserialize_bytes(); deserialize_byte_buf();
        deserialize_identifier(); deserialize_unit(); deserialize_seq(); deserialize_map();
        deserialize_unit_struct(name: &'static str);
        deserialize_struct(name: &'static str, fields: &'static [&'static str]);
        deserialize_enum(name: &'static str, variants: &'static [&'static str]);
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Answer<'de, V> {
        self.located(if self.0.kind() == ValueKind::NULL {
            visitor.visit_none()
        } else {
            visitor.visit_some(self)
        })
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Answer<'de, V> {
        self.located(visitor.visit_newtype_struct(self))
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Answer<'de, V> {
        self.located(match self.0.kind() {
            ValueKind::LIST => self.list(Some(len), visitor),
            _ => self.as_written(visitor),
        })
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        len: usize,
        visitor: V,
    ) -> Answer<'de, V> {
        self.deserialize_tuple(len, visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Answer<'de, V> {
        visitor.visit_unit()
    }
}

/// The values of a list.
struct Words<'de> {
    tree: Tree<'de>,
    next: usize,
    wanted: Option<usize>,
}

impl<'de> SeqAccess<'de> for Words<'de> {
    type Error = ValueError;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, ValueError> {
        let index = self.next;
        self.next += 1;
        if let Some((_, value)) = self.tree.at(index) {
            return seed.deserialize(Written(value)).map(Some);
        }
        if self.wanted.is_some_and(|wanted| index < wanted) {
            return seed.deserialize(Absent).map(Some);
        }
        Ok(None)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.tree.len().saturating_sub(self.next))
    }
}

/// The entries of a map.
struct Entries<'de> {
    tree: Tree<'de>,
    next: usize,
    value: Option<Tree<'de>>,
}

impl<'de> MapAccess<'de> for Entries<'de> {
    type Error = ValueError;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, ValueError> {
        let Some((key, value)) = self.tree.at(self.next) else { return Ok(None) };
        self.next += 1;
        self.value = Some(value);
        Written(value).located(seed.deserialize(Text(key))).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, ValueError> {
        match self.value.take() {
            Some(value) => seed.deserialize(Written(value)),
            None => Err(ValueError::custom("a value was read before its key")),
        }
    }
}

/// A directive, or a word of one, that was not written.
pub(super) struct Absent;

impl<'de> Deserializer<'de> for Absent {
    type Error = ValueError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Answer<'de, V> {
        let _ = visitor;
        Err(ValueError::custom("required, but not given"))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Answer<'de, V> {
        visitor.visit_none()
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Answer<'de, V> {
        visitor.visit_unit()
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Answer<'de, V> {
        visitor.visit_seq(Nothing)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Answer<'de, V> {
        visitor.visit_map(Nothing)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Answer<'de, V> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit_struct tuple
        tuple_struct struct enum identifier ignored_any
    }
}

struct Nothing;

impl<'de> SeqAccess<'de> for Nothing {
    type Error = ValueError;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, _: S) -> Result<Option<S::Value>, ValueError> {
        Ok(None)
    }
}

impl<'de> MapAccess<'de> for Nothing {
    type Error = ValueError;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, _: S) -> Result<Option<S::Value>, ValueError> {
        Ok(None)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, _: S) -> Result<S::Value, ValueError> {
        Err(ValueError::custom("there is no value"))
    }
}
