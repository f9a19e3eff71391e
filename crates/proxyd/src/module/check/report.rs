//! What the tests came to, for people and for programs.

use std::fmt::Write as _;

use serde_json::json;

use super::catalogue::Test;
use super::rig::Subject;
use super::{Finding, Kind, Not};

/// The results with what they are of.
pub(super) struct Report<'a> {
    pub(super) subject: &'a Subject,
    pub(super) kind: Option<Kind>,
    pub(super) results: &'a [(&'a Test, Finding)],
}

impl Report<'_> {
    /// Whether nothing failed.
    pub(super) fn passed(&self) -> bool {
        self.count("FAILED") == 0
    }

    fn count(&self, wanted: &str) -> usize {
        self.results.iter().filter(|(_, finding)| words(finding).0 == wanted).count()
    }

    /// One line a test.
    pub(super) fn text(&self, only_failed: bool) -> String {
        let name = self.subject.file.file_name().unwrap_or_default().to_string_lossy();
        let mut text = format!("{name}: {}", self.subject.ident);
        match self.kind {
            Some(kind) => text.push_str(&format!(", as {}\n", kind.name())),
            None => text.push_str("; no kind of policy claimed, see --as\n"),
        }
        for (test, finding) in self.results {
            let (word, evidence) = words(finding);
            if !only_failed || word == "FAILED" {
                let _ = writeln!(text, "  {:<5}{word:<8} {}: {evidence}", test.id, test.name);
            }
        }
        let (ok, failed, skipped) = (self.count("ok"), self.count("FAILED"), self.count("skipped"));
        let _ = writeln!(text, "{} checks: {ok} ok, {failed} failed, {skipped} skipped", self.results.len());
        text
    }

    /// The same as one object.
    pub(super) fn json(&self) -> String {
        let checks: Vec<_> = self
            .results
            .iter()
            .map(|(test, finding)| {
                let (word, evidence) = words(finding);
                json!({"id": test.id, "name": test.name, "result": word.to_lowercase(), "evidence": evidence})
            })
            .collect();
        let report = json!({
            "file": self.subject.file.to_string_lossy(),
            "ident": self.subject.ident,
            "as": self.kind.map(Kind::name),
            "passed": self.passed(),
            "checks": checks,
        });
        format!("{report:#}\n")
    }
}

fn words(finding: &Finding) -> (&'static str, &str) {
    match finding {
        Ok(evidence) => ("ok", evidence),
        Err(Not::Failed(evidence)) => ("FAILED", evidence),
        Err(Not::Skipped(why)) => ("skipped", why),
    }
}
