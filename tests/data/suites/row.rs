//! What a row of a suite about a configured proxy says: what a client asks, the status that the suite of another server
//! expects, what else is looked at, and where proxyd answers otherwise on purpose.
//!
//! Targets and fields may hold `{aN}` for N letters and `{fieldsN}` for N fields.

/// One row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    /// Unique in its suite; where the row stands in its source.
    pub(crate) id: &'static str,
    pub(crate) asks: Asks,
    /// The status that its source expects.
    pub(crate) expects: u16,
    /// What holds of the answer that proxyd gives, also where that is another one.
    pub(crate) checks: &'static [Check],
    pub(crate) outcome: Outcome,
}

/// How proxyd stands to what the source expects.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Outcome {
    AsExpected,
    /// This status instead, for a reason.
    Deviates(u16, &'static str),
    /// Nothing is asked: the row is about what proxyd does not have.
    Beyond(&'static str),
}

/// A request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asks {
    pub(crate) method: &'static str,
    pub(crate) host: &'static str,
    pub(crate) target: &'static str,
    /// Further field lines, each with its end.
    pub(crate) fields: &'static str,
    pub(crate) body: Content,
}

/// Bytes that tell their places apart, so many of them.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Content {
    None,
    /// With a Content-Length.
    Length(usize),
    /// In chunks of some sizes.
    Chunked(usize),
    /// With a Content-Length that begins with a 0, sent in two halves.
    Halves(usize),
}

/// What is looked at besides the status.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Check {
    /// The whole body.
    Body(&'static str),
    /// In the body.
    Holds(&'static str),
    /// Not in the body.
    Lacks(&'static str),
    /// How long the body is.
    Long(usize),
    /// The body is what was sent.
    Echo,
    /// The only field of that name.
    Field(&'static str, &'static str),
    NoField(&'static str),
    Trailer(&'static str, &'static str),
    NoTrailer(&'static str),
    /// Statuses of the interim answers.
    Interim(&'static [u16]),
    /// What the origin was asked for.
    Asked(&'static str),
    /// A field that the origin was sent.
    Sent(&'static str, &'static str),
    /// No origin was sent anything.
    Unasked,
    /// What Location names, asked for by the same client, is what was sent.
    Kept,
}

/// A GET with a success.
pub(crate) const fn get(
    id: &'static str,
    host: &'static str,
    target: &'static str,
    expects: u16,
    checks: &'static [Check],
) -> Row {
    let asks = Asks { method: "GET", host, target, fields: "", body: Content::None };
    Row { id, asks, expects, checks, outcome: Outcome::AsExpected }
}

/// A POST of so many bytes.
pub(crate) const fn post(
    id: &'static str,
    host: &'static str,
    target: &'static str,
    bytes: usize,
    checks: &'static [Check],
) -> Row {
    let asks = Asks { method: "POST", host, target, fields: "", body: Content::Length(bytes) };
    Row { id, asks, expects: 200, checks, outcome: Outcome::AsExpected }
}

/// A row about what proxyd does not have, and why it has not.
pub(crate) const fn beyond(id: &'static str, reason: &'static str) -> Row {
    let mut row = get(id, "", "", 0, &[]);
    row.outcome = Outcome::Beyond(reason);
    row
}

impl Row {
    /// proxyd answers with this status instead.
    pub(crate) const fn but(mut self, status: u16, reason: &'static str) -> Self {
        self.outcome = Outcome::Deviates(status, reason);
        self
    }

    pub(crate) const fn with(mut self, fields: &'static str) -> Self {
        self.asks.fields = fields;
        self
    }

    pub(crate) const fn body(mut self, body: Content) -> Self {
        self.asks.body = body;
        self
    }

    pub(crate) const fn expecting(mut self, status: u16) -> Self {
        self.expects = status;
        self
    }
}
