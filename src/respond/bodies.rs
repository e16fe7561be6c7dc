//! Bodies that are made once, for every answer that there is.

use bytes::Bytes;
use http::StatusCode;

use super::Answer;
use crate::RejectionKind;

/// One body for each kind and status.
pub(super) struct Bodies(Vec<(RejectionKind, StatusCode, Bytes)>);

impl Bodies {
    pub(super) fn rendered(render: impl Fn(RejectionKind, StatusCode) -> String) -> Self {
        let answers =
            KINDS.iter().flat_map(|&kind| [true, false].map(|challenged| (kind, kind.status(challenged))));
        // Never freed, so that no answer counts its users: all cores would write to one place.
        let body = |kind, status| Bytes::from_static(render(kind, status).leak().as_bytes());
        Self(answers.map(|(kind, status)| (kind, status, body(kind, status))).collect())
    }

    pub(super) fn of(&self, answer: &Answer<'_>) -> Bytes {
        let fits = |(kind, status, _): &&(_, _, _)| *kind == answer.kind && *status == answer.status;
        self.0.iter().find(fits).map_or_else(Bytes::new, |(_, _, body)| body.clone())
    }

    /// The same with what names the answer's id, if it has one, before the last occurrence of a mark.
    pub(super) fn with_id(&self, answer: &Answer<'_>, mark: &str, render: impl Fn(&str) -> String) -> Bytes {
        let body = self.of(answer);
        let Some(id) = answer.id else { return body };
        let text = String::from_utf8_lossy(&body);
        match text.rsplit_once(mark) {
            Some((before, after)) => Bytes::from([before, &render(id), mark, after].concat()),
            None => body,
        }
    }
}

const KINDS: [RejectionKind; 10] = [
    RejectionKind::Missing,
    RejectionKind::Invalid,
    RejectionKind::Insufficient,
    RejectionKind::Malformed,
    RejectionKind::StepUp,
    RejectionKind::Forbidden,
    RejectionKind::Throttled,
    RejectionKind::Unavailable,
    RejectionKind::Misconfigured,
    RejectionKind::Concealed,
];
