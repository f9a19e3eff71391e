//! Writes the implementation of `Directives`.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Data, DeriveInput, Error, Field, Fields, Result};

use crate::attribute::{self, Default, Directive};

pub(crate) fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let fields = named_fields(input)?;
    let mut rows = Vec::new();
    let mut reads = Vec::new();
    let mut errors: Option<Error> = None;
    for field in fields {
        match attribute::read(field) {
            Ok(directive) => {
                rows.push(row(field, &directive));
                reads.push(read(field, &directive));
            }
            Err(error) => match &mut errors {
                Some(all) => all.combine(error),
                None => errors = Some(error),
            },
        }
    }
    if let Some(errors) = errors {
        return Err(errors);
    }
    let ident = &input.ident;
    let values = Ident::new("values", Span::mixed_site());
    Ok(quote! {
        #[automatically_derived]
        impl ::proxy_module::Directives for #ident {
            const TABLE: &'static [::proxy_module::abi::Directive] = &[#(#rows),*];

            fn read(#values: &::proxy_module::Values<'_>) -> ::proxy_module::Result<Self> {
                ::core::result::Result::Ok(Self { #(#reads),* })
            }
        }
    })
}

fn named_fields(input: &DeriveInput) -> Result<impl Iterator<Item = &Field>> {
    if !input.generics.params.is_empty() {
        return Err(Error::new(input.generics.span(), "directives have no type parameters"));
    }
    match &input.data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(fields) => Ok(fields.named.iter()),
            _ => Err(Error::new(input.ident.span(), "directives are a struct with a named field for each")),
        },
        _ => Err(Error::new(input.ident.span(), "directives are a struct with a named field for each")),
    }
}

fn row(field: &Field, directive: &Directive) -> TokenStream {
    let kind = Ident::new(directive.kind, Span::call_site());
    let scopes = directive.scopes.iter().map(|scope| Ident::new(scope, Span::call_site()));
    let (name, doc) = (&directive.name, &directive.doc);
    let field = field.ident.as_ref().map(ToString::to_string).unwrap_or_default();
    quote! {
        ::proxy_module::abi::Directive {
            scopes: #(::proxy_module::abi::scopes::#scopes)|*,
            args: ::proxy_module::abi::ArgKind::#kind,
            name: ::proxy_module::abi::Bytes::of(#name),
            field: ::proxy_module::abi::Bytes::of(#field),
            doc: ::proxy_module::abi::Bytes::of(#doc),
        }
    }
}

fn read(field: &Field, directive: &Directive) -> TokenStream {
    let (ident, at, name) = (&field.ident, field.ty.span(), &directive.name);
    let values = Ident::new("values", Span::mixed_site());
    let value = match (directive.kind, &directive.default) {
        ("ROUTE", _) => quote_spanned!(at=> ::proxy_module::Routes),
        ("NO_ARGS", _) => quote_spanned!(at=> #values.given(#name)),
        (_, Default::No) => quote_spanned!(at=> #values.field(#name)?),
        (_, Default::Yes) => {
            quote_spanned!(at=> #values.field_or(#name, ::core::default::Default::default)?)
        }
        (_, Default::Is(value)) => quote_spanned!(at=> #values.field_or(#name, || #value)?),
    };
    quote!(#ident: #value)
}

#[cfg(test)]
mod tests;
