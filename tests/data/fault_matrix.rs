// What goes wrong and what comes of it, one row a fault: an invocation of `fault_matrix!`, to be taken in by
// `include!` where the words that it uses are in scope (tests/faults.rs). tests/faults/row.rs says what each field
// means. tests/FAULTS.md is made of it: `PROXYD_TESTS_WRITE=1 cargo test -p proxyd --test tests faults::page`.
//
// Numbers are those of the fault matrix that all protocols share; rows of one number are forms of one fault.
fault_matrix! {
    refused {
        number: 6,
        fault: "connection refused",
        first: Refuses,
        others: Others::Well,
        asks: Post,
        gets: Theirs(200, "B"),
        after: Kept,
        goes: Next,
        seen: [0, 1],
        balancer: "next A, failed A refused, done A CONNECT, next B, head B, done B OK",
        events: "connect_refused",
        access: "200 B 2",
    }

    all_refused {
        number: 6,
        fault: "connection refused by all",
        first: Refuses,
        others: Others::None,
        asks: Get,
        gets: Ours(503),
        after: Kept,
        goes: Nowhere,
        seen: [0, 0],
        balancer: "next A, failed A refused, done A CONNECT",
        events: "connect_refused cluster_down",
        access: "503 - 1",
    }

    dropped {
        number: 7,
        fault: "SYN dropped",
        first: Drops,
        others: Others::Well,
        asks: Post,
        gets: Theirs(200, "B"),
        after: Kept,
        goes: Next,
        seen: [0, 1],
        balancer: "next A, failed A timeout, done A CONNECT, next B, head B, done B OK",
        events: "connect_timeout",
        access: "200 B 2",
    }

    all_dropped {
        number: 7,
        fault: "SYN dropped by all",
        first: Drops,
        others: Others::None,
        asks: Get,
        gets: Ours(503),
        after: Kept,
        goes: Nowhere,
        seen: [0, 0],
        balancer: "next A, failed A timeout, done A CONNECT",
        events: "connect_timeout cluster_down",
        access: "503 - 1",
    }

    enetunreach {
        number: 8,
        fault: "network unreachable",
        first: Connecting("ENETUNREACH"),
        others: Others::Well,
        asks: Post,
        gets: Theirs(200, "B"),
        after: Kept,
        goes: Next,
        seen: [0, 1],
        balancer: "next A, failed A unreachable, done A CONNECT, next B, head B, done B OK",
        events: "connect_unreachable",
        access: "200 B 2",
    }

    ehostunreach {
        number: 8,
        fault: "host unreachable",
        first: Connecting("EHOSTUNREACH"),
        others: Others::Well,
        asks: Post,
        gets: Theirs(200, "B"),
        after: Kept,
        goes: Next,
        seen: [0, 1],
        balancer: "next A, failed A unreachable, done A CONNECT, next B, head B, done B OK",
        events: "connect_unreachable",
        access: "200 B 2",
    }

    einval {
        number: 8,
        fault: "an address that cannot be connected to",
        first: Connecting("EINVAL"),
        others: Others::Well,
        asks: Post,
        gets: Theirs(200, "B"),
        after: Kept,
        goes: Next,
        seen: [0, 1],
        balancer: "next A, failed A unreachable, done A CONNECT, next B, head B, done B OK",
        events: "connect_unreachable",
        access: "200 B 2",
    }

    closed_get {
        number: 9,
        fault: "fresh connection closed without an answer",
        first: Plays(&[&[Read]]),
        others: Others::Well,
        asks: Get,
        gets: Ours(502),
        after: Kept,
        goes: Nowhere,
        seen: [1, 0],
        balancer: "next A, done A UPSTREAM",
        events: "upstream_closed",
        access: "502 A 1",
    }

    reset_get {
        number: 10,
        fault: "fresh connection reset without an answer",
        first: Plays(&[&[Read, Reset]]),
        others: Others::Well,
        asks: Get,
        gets: Ours(502),
        after: Kept,
        goes: Nowhere,
        seen: [1, 0],
        balancer: "next A, done A UPSTREAM",
        events: "upstream_reset",
        access: "502 A 1",
    }

    closed_post {
        number: 9,
        fault: "fresh connection closed without an answer",
        first: Plays(&[&[Read]]),
        others: Others::Well,
        asks: Post,
        gets: Ours(502),
        after: Kept,
        goes: Nowhere,
        seen: [1, 0],
        balancer: "next A, done A UPSTREAM",
        events: "upstream_closed",
        access: "502 A 1",
    }

    reset_post {
        number: 10,
        fault: "fresh connection reset without an answer",
        first: Plays(&[&[Read, Reset]]),
        others: Others::Well,
        asks: Post,
        gets: Ours(502),
        after: Kept,
        goes: Nowhere,
        seen: [1, 0],
        balancer: "next A, done A UPSTREAM",
        events: "upstream_reset",
        access: "502 A 1",
    }

    closed_unread {
        number: 9,
        fault: "fresh connection closed with the request unread",
        first: Plays(&[&[Await]]),
        others: Others::Well,
        asks: Put,
        gets: Ours(502),
        after: Kept,
        goes: Nowhere,
        seen: [0, 0],
        balancer: "next A, done A UPSTREAM",
        events: "upstream_reset",
        access: "502 A 1",
    }

    idle_closed_get {
        number: 11,
        fault: "idle connection closed",
        first: Plays(&[&[Read, Say(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")], &[Read, Say(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"), Read, Say(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")]]),
        others: Others::Well,
        asks: ReusedGet,
        gets: Theirs(200, "ok"),
        after: Kept,
        goes: Again,
        seen: [1, 0],
        balancer: "next A, head A, done A OK",
        events: "",
        access: "200 A 1",
    }

    idle_closed_post {
        number: 11,
        fault: "idle connection closed",
        first: Plays(&[&[Read, Say(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")], &[Read, Say(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"), Read, Say(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")]]),
        others: Others::Well,
        asks: ReusedPost,
        gets: Theirs(200, "ok"),
        after: Kept,
        goes: Again,
        seen: [1, 0],
        balancer: "next A, head A, done A OK",
        events: "",
        access: "200 A 1",
    }

    reused_closed_get {
        number: 12,
        fault: "reused connection closed after the request",
        first: Plays(&[&[Read, Say(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"), Read], &[Read, Say(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")]]),
        others: Others::Well,
        asks: ReusedGet,
        gets: Theirs(200, "ok"),
        after: Kept,
        goes: Again,
        seen: [2, 0],
        balancer: "next A, head A, done A OK",
        events: "reuse_stale",
        access: "200 A 1",
    }

    reused_closed_post {
        number: 12,
        fault: "reused connection closed after the request",
        first: Plays(&[&[Read, Say(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"), Read], &[Read, Say(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")]]),
        others: Others::Well,
        asks: ReusedPost,
        gets: Ours(502),
        after: Kept,
        goes: Nowhere,
        seen: [1, 0],
        balancer: "next A, done A UPSTREAM",
        events: "upstream_closed",
        access: "502 A 1",
    }

    reused_reset_get {
        number: 12,
        fault: "reused connection reset after the request",
        first: Plays(&[&[Read, Say(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"), Read, Reset], &[Read, Say(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")]]),
        others: Others::Well,
        asks: ReusedGet,
        gets: Theirs(200, "ok"),
        after: Kept,
        goes: Again,
        seen: [2, 0],
        balancer: "next A, head A, done A OK",
        events: "reuse_stale",
        access: "200 A 1",
    }

    reused_reset_post {
        number: 12,
        fault: "reused connection reset after the request",
        first: Plays(&[&[Read, Say(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"), Read, Reset], &[Read, Say(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")]]),
        others: Others::Well,
        asks: ReusedPost,
        gets: Ours(502),
        after: Kept,
        goes: Nowhere,
        seen: [1, 0],
        balancer: "next A, done A UPSTREAM",
        events: "upstream_reset",
        access: "502 A 1",
    }

    reused_closed_twice {
        number: 12,
        fault: "reused connection closed after the request, and the fresh one too",
        first: Plays(&[&[Read, Say(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"), Read], &[Read]]),
        others: Others::Well,
        asks: ReusedGet,
        gets: Ours(502),
        after: Kept,
        goes: Again,
        seen: [2, 0],
        balancer: "next A, done A UPSTREAM",
        events: "reuse_stale upstream_closed",
        access: "502 A 1",
    }

    head_reset {
        number: 13,
        fault: "reset inside the head",
        first: Plays(&[&[Read, Say(b"HTTP/1.1 200 OK\r\nContent-Le"), Reset]]),
        others: Others::Well,
        asks: Get,
        gets: Ours(502),
        after: Kept,
        goes: Nowhere,
        seen: [1, 0],
        balancer: "next A, done A UPSTREAM",
        events: "upstream_reset",
        access: "502 A 1",
    }

    head_closed {
        number: 13,
        fault: "closed inside the head",
        first: Plays(&[&[Read, Say(b"HTTP/1.1 200 OK\r\nContent-Le")]]),
        others: Others::Well,
        asks: Get,
        gets: Ours(502),
        after: Kept,
        goes: Nowhere,
        seen: [1, 0],
        balancer: "next A, done A UPSTREAM",
        events: "upstream_closed",
        access: "502 A 1",
    }

    head_closed_reused {
        number: 13,
        fault: "closed inside the head on a reused connection",
        first: Plays(&[&[Read, Say(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"), Read, Say(b"HTTP/1.1 200 OK\r\nContent-Le")]]),
        others: Others::Well,
        asks: ReusedGet,
        gets: Ours(502),
        after: Kept,
        goes: Nowhere,
        seen: [1, 0],
        balancer: "next A, done A UPSTREAM",
        events: "upstream_closed",
        access: "502 A 1",
    }

    body_closed {
        number: 14,
        fault: "closed inside a body of known length",
        first: Plays(&[&[Read, Say(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")]]),
        others: Others::Well,
        asks: Get,
        gets: Cut(200),
        after: Broken,
        goes: Nowhere,
        seen: [1, 0],
        balancer: "next A, head A, done A UPSTREAM",
        events: "upstream_truncated",
        access: "200 A 1",
    }

    body_reset {
        number: 14,
        fault: "reset inside a body of known length",
        first: Plays(&[&[Read, Say(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello"), Reset]]),
        others: Others::Well,
        asks: Get,
        gets: Cut(200),
        after: Broken,
        goes: Nowhere,
        seen: [1, 0],
        balancer: "next A, head A, done A UPSTREAM",
        events: "upstream_truncated",
        access: "200 A 1",
    }

    open_body_reset {
        number: 14,
        fault: "reset inside a body that the end of the connection ends",
        first: Plays(&[&[Read, Say(b"HTTP/1.1 200 OK\r\n\r\nhello"), Reset]]),
        others: Others::Well,
        asks: Get,
        gets: Cut(200),
        after: Broken,
        goes: Nowhere,
        seen: [1, 0],
        balancer: "next A, head A, done A UPSTREAM",
        events: "upstream_truncated",
        access: "200 A 1",
    }

    chunks_closed {
        number: 15,
        fault: "closed between chunks",
        first: Plays(&[&[Read, Say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")]]),
        others: Others::Well,
        asks: Get,
        gets: Cut(200),
        after: Broken,
        goes: Nowhere,
        seen: [1, 0],
        balancer: "next A, head A, done A UPSTREAM",
        events: "upstream_truncated",
        access: "200 A 1",
    }

    chunk_closed {
        number: 15,
        fault: "closed inside a chunk",
        first: Plays(&[&[Read, Say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel")]]),
        others: Others::Well,
        asks: Get,
        gets: Cut(200),
        after: Broken,
        goes: Nowhere,
        seen: [1, 0],
        balancer: "next A, head A, done A UPSTREAM",
        events: "upstream_truncated",
        access: "200 A 1",
    }

    chunk_reset {
        number: 15,
        fault: "reset inside a chunk",
        first: Plays(&[&[Read, Say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel"), Reset]]),
        others: Others::Well,
        asks: Get,
        gets: Cut(200),
        after: Broken,
        goes: Nowhere,
        seen: [1, 0],
        balancer: "next A, head A, done A UPSTREAM",
        events: "upstream_truncated",
        access: "200 A 1",
    }

    last_chunk_closed {
        number: 15,
        fault: "closed inside the last chunk",
        first: Plays(&[&[Read, Say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n")]]),
        others: Others::Well,
        asks: Get,
        gets: Cut(200),
        after: Broken,
        goes: Nowhere,
        seen: [1, 0],
        balancer: "next A, head A, done A UPSTREAM",
        events: "upstream_truncated",
        access: "200 A 1",
    }

    bad_chunk {
        number: 15,
        fault: "a chunk size that is none",
        first: Plays(&[&[Read, Say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"), Dribble(b"xyz\r\n", Duration::from_millis(20)), Stall]]),
        others: Others::Well,
        asks: Get,
        gets: Cut(200),
        after: Broken,
        goes: Nowhere,
        seen: [1, 0],
        balancer: "next A, head A, done A UPSTREAM",
        events: "bad_response",
        access: "200 A 1",
    }

    bad_chunk_at_once {
        number: 15,
        fault: "a chunk size that is none, sent with the head",
        first: Plays(&[&[Read, Say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nxyz\r\n"), Stall]]),
        others: Others::Well,
        asks: Get,
        gets: Ours(502),
        after: Kept,
        goes: Nowhere,
        seen: [1, 0],
        balancer: "next A, head A, done A UPSTREAM",
        events: "bad_response",
        access: "502 A 1",
    }

    long_chunk {
        number: 15,
        fault: "a chunk longer than its size",
        first: Plays(&[&[Read, Say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello"), Dribble(b"!\r\n0\r\n\r\n", Duration::from_millis(20)), Stall]]),
        others: Others::Well,
        asks: Get,
        gets: Cut(200),
        after: Broken,
        goes: Nowhere,
        seen: [1, 0],
        balancer: "next A, head A, done A UPSTREAM",
        events: "bad_response",
        access: "200 A 1",
    }

    silent_get {
        number: 16,
        fault: "no first byte",
        first: Plays(&[&[Read, Stall]]),
        others: Others::Well,
        asks: Get,
        gets: Ours(504),
        after: Kept,
        goes: Nowhere,
        seen: [1, 0],
        balancer: "next A, done A TIMEOUT",
        events: "first_byte_timeout",
        access: "504 A 1",
    }

    silent_post {
        number: 16,
        fault: "no first byte",
        first: Plays(&[&[Read, Stall]]),
        others: Others::Well,
        asks: Post,
        gets: Ours(504),
        after: Kept,
        goes: Nowhere,
        seen: [1, 0],
        balancer: "next A, done A TIMEOUT",
        events: "first_byte_timeout",
        access: "504 A 1",
    }

    head_stalled {
        number: 16,
        fault: "half a head and no more",
        first: Plays(&[&[Read, Say(b"HTTP/1.1 200 OK\r\nContent-Le"), Stall]]),
        others: Others::Well,
        asks: Get,
        gets: Ours(504),
        after: Kept,
        goes: Nowhere,
        seen: [1, 0],
        balancer: "next A, done A TIMEOUT",
        events: "first_byte_timeout",
        access: "504 A 1",
    }

    body_stalled {
        number: 17,
        fault: "stalled body of known length",
        first: Plays(&[&[Read, Say(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello"), Stall]]),
        others: Others::Well,
        asks: Get,
        gets: Cut(200),
        after: Broken,
        goes: Nowhere,
        seen: [1, 0],
        balancer: "next A, head A, done A TIMEOUT",
        events: "upstream_stall",
        access: "200 A 1",
    }

    chunks_stalled {
        number: 17,
        fault: "stalled chunks",
        first: Plays(&[&[Read, Say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"), Stall]]),
        others: Others::Well,
        asks: Get,
        gets: Cut(200),
        after: Broken,
        goes: Nowhere,
        seen: [1, 0],
        balancer: "next A, head A, done A TIMEOUT",
        events: "upstream_stall",
        access: "200 A 1",
    }

    slow_body {
        number: 18,
        fault: "a byte now and then",
        first: Plays(&[&[Read, Say(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n"), Dribble(b"dribbled", Duration::from_millis(100))]]),
        others: Others::Well,
        asks: Get,
        gets: Theirs(200, "dribbled"),
        after: Kept,
        goes: Nowhere,
        seen: [1, 0],
        balancer: "next A, head A, done A OK",
        events: "",
        access: "200 A 1",
    }

    garbage_random {
        number: 19,
        fault: "random bytes instead of HTTP",
        first: Plays(&[&[Read, Say(b"\x8f\x03\xfe\x00\xa7\x19\x0b\xd2\xee\x41\r\n\r\n"), Stall]]),
        others: Others::Well,
        asks: Get,
        gets: Ours(502),
        after: Kept,
        goes: Nowhere,
        seen: [1, 0],
        balancer: "next A, done A UPSTREAM",
        events: "bad_response",
        access: "502 A 1",
    }

    garbage_tls {
        number: 19,
        fault: "a TLS record instead of HTTP",
        first: Plays(&[&[Read, Say(b"\x15\x03\x03\x00\x02\x02\x28"), Stall]]),
        others: Others::Well,
        asks: Get,
        gets: Ours(502),
        after: Kept,
        goes: Nowhere,
        seen: [1, 0],
        balancer: "next A, done A UPSTREAM",
        events: "bad_response",
        access: "502 A 1",
    }

    garbage_h2 {
        number: 19,
        fault: "HTTP/2 settings instead of HTTP",
        first: Plays(&[&[Read, Say(b"\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x64"), Stall]]),
        others: Others::Well,
        asks: Get,
        gets: Ours(502),
        after: Kept,
        goes: Nowhere,
        seen: [1, 0],
        balancer: "next A, done A UPSTREAM",
        events: "bad_response",
        access: "502 A 1",
    }

    garbage_ssh {
        number: 19,
        fault: "a banner of SSH instead of HTTP",
        first: Plays(&[&[Read, Say(b"SSH-2.0-OpenSSH_9.6\r\n"), Stall]]),
        others: Others::Well,
        asks: Get,
        gets: Ours(502),
        after: Kept,
        goes: Nowhere,
        seen: [1, 0],
        balancer: "next A, done A UPSTREAM",
        events: "bad_response",
        access: "502 A 1",
    }

    garbage_http09 {
        number: 19,
        fault: "a body without a head instead of HTTP",
        first: Plays(&[&[Read, Say(b"<html>hello</html>\r\n"), Stall]]),
        others: Others::Well,
        asks: Get,
        gets: Ours(502),
        after: Kept,
        goes: Nowhere,
        seen: [1, 0],
        balancer: "next A, done A UPSTREAM",
        events: "bad_response",
        access: "502 A 1",
    }

    endless_head {
        number: 21,
        fault: "a head without end",
        first: Plays(&[&[Read, Say(b"HTTP/1.1 200 OK\r\n"), Flood(b"X-Flood: flood\r\n")]]),
        others: Others::Well,
        asks: Get,
        gets: Ours(502),
        after: Kept,
        goes: Nowhere,
        seen: [1, 0],
        balancer: "next A, done A UPSTREAM",
        events: "response_head_limit",
        access: "502 A 1",
    }

    endless_line {
        number: 21,
        fault: "a field without end",
        first: Plays(&[&[Read, Say(b"HTTP/1.1 200 OK\r\nX-Flood: "), Flood(b"flood")]]),
        others: Others::Well,
        asks: Get,
        gets: Ours(502),
        after: Kept,
        goes: Nowhere,
        seen: [1, 0],
        balancer: "next A, done A UPSTREAM",
        events: "response_head_limit",
        access: "502 A 1",
    }

    endless_status_line {
        number: 21,
        fault: "a status line without end",
        first: Plays(&[&[Read, Say(b"HTTP/1.1 200 "), Flood(b"flood")]]),
        others: Others::Well,
        asks: Get,
        gets: Ours(502),
        after: Kept,
        goes: Nowhere,
        seen: [1, 0],
        balancer: "next A, done A UPSTREAM",
        events: "response_head_limit",
        access: "502 A 1",
    }

    many_fields {
        number: 21,
        fault: "101 fields",
        first: Plays(&[&[Read, Say(b"HTTP/1.1 200 OK\r\n"), Repeat(b"X-Many: x\r\n", 101), Say(b"\r\n")]]),
        others: Others::Well,
        asks: Get,
        gets: Ours(502),
        after: Kept,
        goes: Nowhere,
        seen: [1, 0],
        balancer: "next A, done A UPSTREAM",
        events: "response_head_limit",
        access: "502 A 1",
    }

    surplus {
        number: 22,
        fault: "more bytes than Content-Length says",
        first: Plays(&[&[Read, Say(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok and more"), Stall]]),
        others: Others::Well,
        asks: Get,
        gets: Theirs(200, "ok"),
        after: Kept,
        goes: Nowhere,
        seen: [1, 0],
        balancer: "next A, head A, done A OK",
        events: "surplus_bytes",
        access: "200 A 1",
    }

    surplus_response {
        number: 22,
        fault: "a second response that nobody asked for",
        first: Plays(&[&[Read, Say(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"), Stall]]),
        others: Others::Well,
        asks: Get,
        gets: Theirs(200, "ok"),
        after: Kept,
        goes: Nowhere,
        seen: [1, 0],
        balancer: "next A, head A, done A OK",
        events: "surplus_bytes",
        access: "200 A 1",
    }

    head_with_body {
        number: 22,
        fault: "a body in an answer to HEAD",
        first: Plays(&[&[Read, Say(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"), Stall]]),
        others: Others::Well,
        asks: Head,
        gets: Theirs(200, ""),
        after: Kept,
        goes: Nowhere,
        seen: [1, 0],
        balancer: "next A, head A, done A OK",
        events: "surplus_bytes",
        access: "200 A 1",
    }

    too_few {
        number: 23,
        fault: "fewer bytes than Content-Length says",
        first: Plays(&[&[Read, Say(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1000\r\n\r\nhello")]]),
        others: Others::Well,
        asks: Get,
        gets: Cut(200),
        after: Broken,
        goes: Nowhere,
        seen: [1, 0],
        balancer: "next A, head A, done A UPSTREAM",
        events: "upstream_truncated",
        access: "200 A 1",
    }

    both_lengths {
        number: 24,
        fault: "Content-Length and Transfer-Encoding",
        first: Plays(&[&[Read, Say(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), Stall]]),
        others: Others::Well,
        asks: Get,
        gets: Ours(502),
        after: Kept,
        goes: Nowhere,
        seen: [1, 0],
        balancer: "next A, done A UPSTREAM",
        events: "bad_response",
        access: "502 A 1",
    }

    two_lengths {
        number: 24,
        fault: "two Content-Length",
        first: Plays(&[&[Read, Say(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok!"), Stall]]),
        others: Others::Well,
        asks: Get,
        gets: Ours(502),
        after: Kept,
        goes: Nowhere,
        seen: [1, 0],
        balancer: "next A, done A UPSTREAM",
        events: "bad_response",
        access: "502 A 1",
    }

    bad_length {
        number: 24,
        fault: "a Content-Length that is no number",
        first: Plays(&[&[Read, Say(b"HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nok"), Stall]]),
        others: Others::Well,
        asks: Get,
        gets: Ours(502),
        after: Kept,
        goes: Nowhere,
        seen: [1, 0],
        balancer: "next A, done A UPSTREAM",
        events: "bad_response",
        access: "502 A 1",
    }

    bad_coding {
        number: 24,
        fault: "a Transfer-Encoding that is not chunked",
        first: Plays(&[&[Read, Say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nok"), Stall]]),
        others: Others::Well,
        asks: Get,
        gets: Ours(502),
        after: Kept,
        goes: Nowhere,
        seen: [1, 0],
        balancer: "next A, done A UPSTREAM",
        events: "bad_response",
        access: "502 A 1",
    }

    status_99 {
        number: 24,
        fault: "a status below 100",
        first: Plays(&[&[Read, Say(b"HTTP/1.1 099 Odd\r\nContent-Length: 2\r\n\r\nok"), Stall]]),
        others: Others::Well,
        asks: Get,
        gets: Ours(502),
        after: Kept,
        goes: Nowhere,
        seen: [1, 0],
        balancer: "next A, done A UPSTREAM",
        events: "bad_response",
        access: "502 A 1",
    }

    status_word {
        number: 24,
        fault: "a status that is no number",
        first: Plays(&[&[Read, Say(b"HTTP/1.1 OK\r\nContent-Length: 2\r\n\r\nok"), Stall]]),
        others: Others::Well,
        asks: Get,
        gets: Ours(502),
        after: Kept,
        goes: Nowhere,
        seen: [1, 0],
        balancer: "next A, done A UPSTREAM",
        events: "bad_response",
        access: "502 A 1",
    }

    unasked_101 {
        number: 24,
        fault: "a 101 that nobody asked for",
        first: Plays(&[&[Read, Say(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"), Stall]]),
        others: Others::Well,
        asks: Get,
        gets: Ours(502),
        after: Kept,
        goes: Nowhere,
        seen: [1, 0],
        balancer: "next A, done A UPSTREAM",
        events: "bad_response",
        access: "502 A 1",
    }

    interim_flood {
        number: 25,
        fault: "interim responses without end",
        first: Plays(&[&[Read, Flood(b"HTTP/1.1 103 Early Hints\r\n\r\n")]]),
        others: Others::Well,
        asks: Get,
        gets: Ours(502),
        after: Kept,
        goes: Nowhere,
        seen: [1, 0],
        balancer: "next A, done A UPSTREAM",
        events: "interim_limit",
        access: "502 A 1",
    }

    interim_many {
        number: 25,
        fault: "16 interim responses",
        first: Plays(&[&[Read, Repeat(b"HTTP/1.1 103 Early Hints\r\n\r\n", 16), Say(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"), Stall]]),
        others: Others::Well,
        asks: Get,
        gets: Theirs(200, "ok"),
        after: Kept,
        goes: Nowhere,
        seen: [1, 0],
        balancer: "next A, head A, done A OK",
        events: "",
        access: "200 A 1",
    }

    early_response {
        number: 26,
        fault: "an answer to an upload that is not read, then closed",
        first: Plays(&[&[ReadHead, Say(b"HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 5\r\n\r\nlarge")]]),
        others: Others::Well,
        asks: Upload(16 << 20),
        gets: Theirs(413, "large"),
        after: Closed,
        goes: Nowhere,
        seen: [1, 0],
        balancer: "next A, head A, done A OK",
        events: "early_response",
        access: "413 A 1",
    }

    client_aborts {
        number: 33,
        fault: "the client leaves before the answer",
        first: Plays(&[&[Read, Stall]]),
        others: Others::Well,
        asks: AbortedGet,
        gets: Nothing,
        after: Broken,
        goes: Nowhere,
        seen: [1, 0],
        balancer: "next A, done A CANCELLED",
        events: "client_abort",
        access: "499 A 1",
    }

    no_descriptors {
        number: 34,
        fault: "no descriptor for a connection to an endpoint",
        first: NoDescriptors,
        others: Others::Well,
        asks: Get,
        gets: Ours(503),
        after: Kept,
        goes: Nowhere,
        seen: [0, 0],
        balancer: "next A, done A CANCELLED",
        events: "fd_limit",
        access: "503 - 1",
    }

    accept_enfile {
        number: 35,
        fault: "accepting fails with ENFILE",
        first: Accepting("ENFILE"),
        others: Others::Well,
        asks: Get,
        gets: Theirs(200, "A"),
        after: Kept,
        goes: Nowhere,
        seen: [1, 0],
        balancer: "next A, head A, done A OK",
        events: "fd_limit",
        access: "200 A 1",
    }

    accept_enobufs {
        number: 35,
        fault: "accepting fails with ENOBUFS",
        first: Accepting("ENOBUFS"),
        others: Others::Well,
        asks: Get,
        gets: Theirs(200, "A"),
        after: Kept,
        goes: Nowhere,
        seen: [1, 0],
        balancer: "next A, head A, done A OK",
        events: "fd_limit",
        access: "200 A 1",
    }

    accept_enomem {
        number: 35,
        fault: "accepting fails with ENOMEM",
        first: Accepting("ENOMEM"),
        others: Others::Well,
        asks: Get,
        gets: Theirs(200, "A"),
        after: Kept,
        goes: Nowhere,
        seen: [1, 0],
        balancer: "next A, head A, done A OK",
        events: "fd_limit",
        access: "200 A 1",
    }

    accept_econnaborted {
        number: 35,
        fault: "accepting fails with ECONNABORTED",
        first: Accepting("ECONNABORTED"),
        others: Others::Well,
        asks: Get,
        gets: Theirs(200, "A"),
        after: Kept,
        goes: Nowhere,
        seen: [1, 0],
        balancer: "next A, head A, done A OK",
        events: "",
        access: "200 A 1",
    }

    no_local_port {
        number: 36,
        fault: "no local port is left",
        first: Connecting("EADDRNOTAVAIL"),
        others: Others::Well,
        asks: Post,
        gets: Theirs(200, "B"),
        after: Kept,
        goes: Next,
        seen: [0, 1],
        balancer: "next A, failed A no local port, done A CONNECT, next B, head B, done B OK",
        events: "no_local_port",
        access: "200 B 2",
    }

    no_local_port_alone {
        number: 36,
        fault: "no local port is left for the only endpoint",
        first: Connecting("EADDRNOTAVAIL"),
        others: Others::None,
        asks: Get,
        gets: Ours(503),
        after: Kept,
        goes: Nowhere,
        seen: [0, 0],
        balancer: "next A, failed A no local port, done A CONNECT",
        events: "no_local_port cluster_down",
        access: "503 - 1",
    }
}
