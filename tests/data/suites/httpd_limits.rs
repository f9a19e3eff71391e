// The rows of httpd's t/apache/limits.t, in its order: one expression. The limits are those of its configuration: 128
// bytes of a request line, 1024 of a field, 32 fields, 65536 of a body.
[
    get("requestline, succeeds", "a", "/apache/limits/", 200, &[]),
    get("requestline, fails", "a", "/apache/limits/{a256}", 414, &[Unasked]),
    get("fieldsize, succeeds", "a", "/apache/limits/", 200, &[Sent("X-Overflow-Field", "short value")]).with("X-Overflow-Field: short value\r\n"),
    get("fieldsize, fails", "a", "/apache/limits/", 400, &[Unasked]).with("X-Overflow-Field: {a2048}\r\n").but(431, "the status of RFC 6585 for it"),
    get("fieldcount, succeeds", "a", "/apache/limits/", 200, &[]).with("{fields1}"),
    get("fieldcount, fails", "a", "/apache/limits/", 400, &[Unasked]).with("{fields64}").but(431, "the status of RFC 6585 for it"),
    get("bodysize in chunks, succeeds", "a", "/apache/limits/", 200, &[]).body(Chunked(1024)),
    get("bodysize, succeeds", "a", "/apache/limits/", 200, &[]).body(Length(1024)),
    get("bodysize in chunks, fails", "a", "/apache/limits/", 413, &[]).body(Chunked(131_072)),
    get("bodysize, fails", "a", "/apache/limits/", 413, &[Unasked]).body(Length(131_072)),
    get("merged_fieldsize, succeeds", "a", "/apache/limits/", 200, &[]).with("X-Overflow-Field: {a500}\r\nX-Overflow-Field: {a500}\r\n"),
    get("merged_fieldsize, fails", "a", "/apache/limits/", 400, &[]).with("X-Overflow-Field: {a600}\r\nX-Overflow-Field: {a600}\r\n").but(200, "fields of one name are not merged: each line has the limit for itself"),
]
