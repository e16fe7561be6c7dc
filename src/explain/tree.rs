//! An explanation as a tree to read.

use std::fmt;

use super::{Explained, Explanation, Step};

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut branches: Vec<Branch> = self.steps.iter().map(Branch::of).collect();
        let verdict = match self.granted_by.as_slice() {
            [] if self.answer.is_none() => "let in as nobody".to_owned(),
            [] => self.outcome.as_str().to_owned(),
            schemes => format!("let in by {}", schemes.join(" and ")),
        };
        branches.push(Branch(verdict, self.findings.iter().map(Branch::found).collect()));
        if let Some(answer) = &self.answer {
            let phrase = self.status().and_then(|status| status.canonical_reason()).unwrap_or_default();
            let leaf = |(name, value): (&str, &str)| Branch(format!("{name}: {value}"), Vec::new());
            branches.push(Branch(
                format!("answer: {} {phrase}", answer.status),
                self.headers().map(leaf).collect(),
            ));
            let leaf = |remedy: &String| Branch(remedy.clone(), Vec::new());
            branches.push(Branch("to pass".to_owned(), self.remedies.iter().map(leaf).collect()));
        }
        writeln!(f, "{}", self.request)?;
        draw(f, &branches, "")
    }
}

/// A line, and what hangs on it.
struct Branch(String, Vec<Branch>);

impl Branch {
    fn of(step: &Step) -> Self {
        let realm = step.realm.as_ref().map(|realm| format!(", realm {realm:?}")).unwrap_or_default();
        let line = format!("{}{realm}: {}", step.scheme, step.extracted);
        Self(line, step.findings.iter().map(Self::found).collect())
    }

    fn found(finding: &Explained) -> Self {
        let scheme = finding.scheme.map(|scheme| format!("{scheme}: ")).unwrap_or_default();
        let more = [
            ("cause", &finding.cause),
            ("issuer", &finding.issuer),
            ("key", &finding.key_id),
            ("client", &finding.client),
        ];
        let more = more.into_iter().filter_map(|(name, value)| {
            // One line each, whatever an app's error holds; quotes are no harm to it.
            let value = value.as_ref()?.escape_debug().to_string().replace(r"\'", "'").replace(r#"\""#, "\"");
            Some(Self(format!("{name}: {value}"), Vec::new()))
        });
        Self(format!("{scheme}{} ({})", finding.reason, finding.kind), more.collect())
    }
}

fn draw(f: &mut fmt::Formatter<'_>, branches: &[Branch], indent: &str) -> fmt::Result {
    for (index, Branch(line, more)) in branches.iter().enumerate() {
        let is_last = index + 1 == branches.len();
        let (fork, stem) = if is_last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
        writeln!(f, "{indent}{fork}{line}")?;
        draw(f, more, &format!("{indent}{stem}"))?;
    }
    Ok(())
}
