//! One word of the configuration as a serde value: numbers and flags are parsed as the field's type asks.

use serde::de::value::StrDeserializer;
use serde::de::{Deserializer, Error as _, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;

use super::read::ValueError;

/// A word, or a key of a map.
pub(super) struct Text<'de>(pub(super) &'de [u8]);

impl<'de> Text<'de> {
    fn visit<V: Visitor<'de>>(&self, visitor: V) -> Result<V::Value, ValueError> {
        match std::str::from_utf8(self.0) {
            Ok(text) => visitor.visit_borrowed_str(text),
            Err(_) => Err(ValueError::custom("the text is not UTF-8")),
        }
    }

    fn parsed<T: std::str::FromStr>(&self) -> Option<T> {
        std::str::from_utf8(self.0).ok()?.parse().ok()
    }

    fn integer<V: Visitor<'de>>(&self, visitor: V) -> Result<V::Value, ValueError> {
        if let Some(number) = self.parsed() {
            return visitor.visit_u64(number);
        }
        if let Some(number) = self.parsed() {
            return visitor.visit_i64(number);
        }
        self.visit(visitor)
    }

    fn float<V: Visitor<'de>>(&self, visitor: V) -> Result<V::Value, ValueError> {
        match self.parsed() {
            Some(number) => visitor.visit_f64(number),
            None => self.visit(visitor),
        }
    }

    fn flag(&self) -> Option<bool> {
        let is = |word: &str| self.0.eq_ignore_ascii_case(word.as_bytes());
        if is("on") || is("true") {
            return Some(true);
        }
        (is("off") || is("false")).then_some(false)
    }
}

macro_rules! numbers {
    ($how:ident: $($name:ident)*) => {
        $(fn $name<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
            self.$how(visitor)
        })*
    };
}

impl<'de> Deserializer<'de> for Text<'de> {
    type Error = ValueError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        self.visit(visitor)
    }

    numbers!(integer: deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64);
    numbers!(float: deserialize_f32 deserialize_f64);

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        match self.flag() {
            Some(flag) => visitor.visit_bool(flag),
            None => {
                let word = self.0.escape_ascii();
                Err(ValueError::custom(format_args!("invalid value: string \"{word}\", expected On or Off")))
            }
        }
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        visitor.visit_borrowed_bytes(self.0)
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        visitor.visit_borrowed_bytes(self.0)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, ValueError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ValueError> {
        match std::str::from_utf8(self.0) {
            Ok(text) => {
                let word: StrDeserializer<'_, ValueError> = text.into_deserializer();
                word.deserialize_enum(name, variants, visitor)
            }
            Err(_) => Err(ValueError::custom("the text is not UTF-8")),
        }
    }

    forward_to_deserialize_any! {
        i128 u128 char str string unit unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}
