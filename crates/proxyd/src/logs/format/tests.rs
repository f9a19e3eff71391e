//! Formats compiled and run.

use super::*;

#[test]
fn unknown_codes_are_named_with_their_place() {
    let table = [
        ("%Z", "%Z", 0),
        ("%h %>Q", "%>Q", 3),
        ("a%", "%", 1),
        ("%{Name", "%{Name", 0),
        ("%{Name}o", "%{Name}o", 0),
        ("%{}i", "%{}i", 0),
        ("%{HOME}e", "%{HOME}e", 0),
        ("%400{Referer}i", "%4", 0),
        ("\u{e4}%\u{e4}", "%\u{e4}", 2),
        ("%I", "%I", 0),
        ("%{x}x", "%{x}x", 0),
    ];
    for (format, code, at) in table {
        assert_eq!(Format::compile(format), Err(Unknown { code, at }), "{format}");
    }
}

#[test]
fn text_between_codes_is_kept() {
    let text = |text: &str| Item::Text(text.into());
    let table: [(&str, Vec<Item>); 5] = [
        ("100%% of it", vec![text("100% of it")]),
        ("%h\\t%s\\n", vec![Item::ClientAddr, text("\t"), Item::Status, text("\n")]),
        ("\\\"%r\\\"", vec![text("\""), Item::Line, text("\"")]),
        ("%<s%>s", vec![Item::Status, Item::Status]),
        ("%{User-Agent}i %{tries}x", vec![Item::Field("User-Agent".into()), text(" "), Item::Tries]),
    ];
    for (format, items) in table {
        assert_eq!(Format::compile(format), Ok(Format(items.into())), "{format}");
    }
}
