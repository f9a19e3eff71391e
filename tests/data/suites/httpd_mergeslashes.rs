// The rows of httpd's t/apache/mergeslashes.t, in its order: one expression. A path is denied there by a section with
// `Require all denied`, which proxyd does not have: here it is excluded from being proxied, which is a 404.
[
    get("exact match", "merge-default", "/authz_core/a/b/c/index.html", 404, &[Unasked]),
    get("merged even at front", "merge-default", "//authz_core/a/b/c/index.html", 404, &[Unasked]).but(400, TWO_SLASHES),
    get("merged even at front, three", "merge-default", "///authz_core/a/b/c/index.html", 404, &[Unasked]).but(400, TWO_SLASHES),
    get("c// should be merged", "merge-default", "/authz_core/a/b/c//index.html", 404, &[Unasked]),
    get("a// should be merged", "merge-default", "/authz_core/a//b/c/index.html", 404, &[Unasked]),
    get("a// matches LocationMatch", "merge-disabled", "/authz_core/a//b/c/index.html", 404, &[Unasked]),
    get("c// does not match LocationMatch", "merge-disabled", "/authz_core/a/b/c//index.html", 200, &[Unasked]).but(404, "a path is never compared as it came: there is no MergeSlashes Off"),
    get("b/d", "merge-disabled", "/authz_core/a/b/d/index.html", 404, &[Unasked]),
    get("b//d not merged for Location", "merge-disabled", "/authz_core/a/b//d/index.html", 404, &[Unasked]),
]
