//! The matrix as a page of the manual: `tests/FAULTS.md` says what the table says, or this fails.

use std::fs;
use std::path::Path;

use super::MATRIX;
use super::row::{After, Asks, Gets, Goes, Others, Row};

const INTRODUCTION: &str = "\
# What goes wrong, and what comes of it

Made of [data/fault_matrix.rs](data/fault_matrix.rs), each row of which is a test over real sockets; \
`PROXYD_TESTS_WRITE=1 cargo test -p proxyd --test tests faults::page` writes it anew.

The request goes to a cluster of A, with which the row's fault is, and B, which is well; or of A alone. \
*Client* is what the client gets, and what becomes of its connection. *Request* is where the request goes after the \
fault: an endpoint that could not be connected to is passed over, whatever the method, as nothing was sent; \
a request that was sent goes once more only over a reused connection that died without a byte of response, \
to the same endpoint, and only if it is idempotent or nothing of it was written. *A, B* is how often each has seen \
it. *Balancer* is what the trylist is asked and told; its `drop` always follows. *Events* are those of the \
error log; one in brackets may be missing. *Access log* is `%>s %{endpoint}x %{tries}x`.

Faults of one endpoint cost no other request: after each, the server answers the next client, and the connection to \
the endpoint at fault is closed. There is no least rate for endpoints: one that sends a byte within each ProxyTimeout \
is waited for. Connecting is given ProxyConnectTimeout, all else ProxyTimeout for each silence.

| # | Test | Fault | Cluster | Asked by | Client | Request | A, B | Balancer | Events | Access log |
|---|---|---|---|---|---|---|---|---|---|---|
";

fn page() -> String {
    MATRIX.iter().map(line).fold(INTRODUCTION.to_owned(), |page, line| page + &line)
}

fn line(row: &Row) -> String {
    let cluster = if row.others == Others::Well { "A, B" } else { "A" };
    let goes = match row.goes {
        Goes::Nowhere => "ends",
        Goes::Next => "next endpoint",
        Goes::Again => "fresh connection",
    };
    let [a, b] = row.seen;
    let events: Vec<String> = row.events.split(' ').filter(|event| !event.is_empty()).map(code).collect();
    format!(
        "| {} | {} | {} | {cluster} | {} | {} | {goes} | {a}, {b} | {} | {} | {} |\n",
        row.number,
        row.name,
        row.fault,
        asks(row.asks),
        client(row),
        row.balancer,
        if events.is_empty() { "none".to_owned() } else { events.join(", ") },
        code(row.access),
    )
}

fn code(text: &str) -> String {
    format!("`{text}`")
}

fn asks(asks: Asks) -> String {
    match asks {
        Asks::Get => "GET".to_owned(),
        Asks::Head => "HEAD".to_owned(),
        Asks::Put => "PUT".to_owned(),
        Asks::Post => "POST".to_owned(),
        Asks::ReusedGet => "GET, reused".to_owned(),
        Asks::ReusedPost => "POST, reused".to_owned(),
        Asks::Upload(length) => format!("POST, {} MiB", length >> 20),
        Asks::AbortedGet => "GET, broken off".to_owned(),
    }
}

fn client(row: &Row) -> String {
    let gets = match row.gets {
        Gets::Ours(503) => "503 with Retry-After".to_owned(),
        Gets::Ours(status) => status.to_string(),
        Gets::Theirs(status, _) => format!("the endpoint's {status}"),
        Gets::Cut(status) => format!("the endpoint's {status}, broken off"),
        Gets::Nothing => return "has left".to_owned(),
    };
    let after = match row.after {
        After::Kept => "kept",
        After::Closed => "closed",
        After::Reset => "reset",
    };
    format!("{gets}; {after}")
}

#[test]
fn the_page_says_what_the_table_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/FAULTS.md");
    let page = page();
    if std::env::var_os("PROXYD_TESTS_WRITE").is_some() {
        fs::write(&path, &page).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    for (place, (written, made)) in written.lines().zip(page.lines()).enumerate() {
        assert_eq!(written, made, "tests/FAULTS.md, line {}: PROXYD_TESTS_WRITE=1 writes it anew", place + 1);
    }
    assert!(
        written == page,
        "tests/FAULTS.md has other rows than the table: PROXYD_TESTS_WRITE=1 writes it anew"
    );
}

#[test]
fn each_number_of_the_matrix_has_a_row() {
    let numbers = (6..=19).chain(21..=26).chain(33..=36);
    let missing: Vec<u32> = numbers.filter(|number| MATRIX.iter().all(|row| row.number != *number)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
