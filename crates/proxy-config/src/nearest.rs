//! Did you mean …: the known name that is closest to a mistyped one.

/// How alike two names must be, as Jaro–Winkler similarity (0 to 1), to be taken for a slip of the keyboard.
/// At this value `Lisen` finds `Listen` and `Foo` finds nothing.
const ALIKE: f64 = 0.85;

/// In bytes; nobody means a directive by a longer word, and comparing costs the product of the lengths.
const LONGEST: usize = 128;

/// The candidate nearest to `word`, if one is near enough to be meant; case does not count. Of equally near
/// ones the first wins. The same measure serves directive, module and variable names.
pub fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    if word.len() > LONGEST {
        return None;
    }
    let word = word.to_lowercase();
    let mut best: Option<(f64, &str)> = None;
    for candidate in candidates {
        let likeness = likeness(&word, &candidate.to_lowercase());
        if likeness >= ALIKE && best.is_none_or(|(so_far, _)| likeness > so_far) {
            best = Some((likeness, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

fn likeness(a: &str, b: &str) -> f64 {
    // Jaro alone takes a prefix for the whole (`Proxy` for `ProxyAddHeaders`); what is missing must count.
    let longer = a.chars().count().max(b.chars().count());
    if longer > 3 && strsim::damerau_levenshtein(a, b) * 3 > longer {
        return 0.0;
    }
    strsim::jaro_winkler(a, b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_slips_and_nothing_else() {
        let names =
            ["Listen", "ProxyPass", "ProxyPassReverse", "ServerName", "LoadModule", "LBServerCluster"];
        for (word, found) in [
            ("Lisen", Some("Listen")),
            ("listne", Some("Listen")),
            ("ProxyPas", Some("ProxyPass")),
            ("ProxyPassRevers", Some("ProxyPassReverse")),
            ("LBServercluser", Some("LBServerCluster")),
            ("Proxy", None),
            ("Foo", None),
            ("", None),
            ("KeepAlive", None),
        ] {
            assert_eq!(nearest(word, names.into_iter()), found, "{word}");
        }
    }

    #[test]
    fn the_first_of_equally_near_ones_wins() {
        assert_eq!(nearest("Timeou", ["Timeout", "TimeouT"].into_iter()), Some("Timeout"));
    }
}
