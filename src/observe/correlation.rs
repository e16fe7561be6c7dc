use std::{
    hash::{BuildHasher as _, RandomState},
    sync::{
        Arc, LazyLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use http::{HeaderMap, HeaderName};

/// Where the id comes from that links an answer with its line in the log: what
/// [`AuthenticateLayer::correlate`](crate::AuthenticateLayer::correlate) takes.
///
/// ```
/// use http::HeaderName;
/// use tower_authn::{AuthenticateLayer, Scheme, Tokens, observe::Correlation, scheme::Bearer};
///
/// // An outer layer of the app, such as tower-http's `SetRequestIdLayer`, sets it.
/// let by_header = Correlation::from_header(HeaderName::from_static("x-request-id"));
/// let layer = AuthenticateLayer::new(Bearer::new("api").validated_by(Tokens::<u32>::new())).correlate(by_header);
/// # let _ = layer;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Correlation(Option<HeaderName>);

/// The longest id that is taken from a header, in bytes.
const LONGEST: usize = 128;

impl Correlation {
    /// Makes an id for each answer: 128 bits that cannot be told in advance, in the form of a UUID.
    pub const fn made_here() -> Self {
        Self(None)
    }

    /// Takes the id from a header of the request: 1 to 128 letters, digits, `.`, `_` and `-`. Where it is anything else, or
    /// not there, one is made.
    ///
    /// # Security
    ///
    /// Let an outer layer of the app set the header, and replace what the client sent: who chooses the id can make two lines
    /// of a log look like one story.
    pub const fn from_header(name: HeaderName) -> Self {
        Self(Some(name))
    }

    /// The id that a request has already.
    pub(super) fn given(&self, headers: &HeaderMap) -> Option<Arc<str>> {
        let id = headers.get(self.0.as_ref()?)?.to_str().ok()?;
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let is_id = (1..=LONGEST).contains(&id.len()) && id.bytes().all(fits);
        is_id.then(|| Arc::from(id))
    }
}

/// Makes a UUID of RFC 9562 §5.8 (version 8): outputs of a hash whose key nobody outside this process can know.
pub(super) fn made() -> Arc<str> {
    static RANDOM: LazyLock<[RandomState; 2]> = LazyLock::new(|| [RandomState::new(), RandomState::new()]);
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Relaxed);
    let [high, low] = [RANDOM[0].hash_one(count), RANDOM[1].hash_one(count)];
    let (high, low) = (high & !0xf000 | 0x8000, low & !(3 << 62) | 2 << 62);
    let hex = format!("{high:016x}{low:016x}");
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]).into()
}

/// Whether a text has the form of a UUID (RFC 9562 §4).
pub(crate) fn is_uuid(id: &str) -> bool {
    let is_dash = |index: usize| matches!(index, 8 | 13 | 18 | 23);
    let fits =
        |(index, byte): (usize, u8)| if is_dash(index) { byte == b'-' } else { byte.is_ascii_hexdigit() };
    id.len() == 36 && id.bytes().enumerate().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_made_here_are_uuids_and_never_the_same() {
        let ids: std::collections::HashSet<_> = (0..1_000).map(|_| made()).collect();
        assert_eq!(ids.len(), 1_000);
        assert!(ids.iter().all(|id| is_uuid(id) && &id[14..15] == "8" && "89ab".contains(&id[19..20])));
    }

    #[test]
    fn only_plain_ids_are_taken() {
        let given = |id: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("x-request-id", http::HeaderValue::from_bytes(id.as_bytes()).unwrap());
            Correlation::from_header(HeaderName::from_static("x-request-id")).given(&headers)
        };
        assert_eq!(given("01J9-a.b_c").as_deref(), Some("01J9-a.b_c"));
        for bad in ["", "a b", "<b>", "a\"", "\u{e9}", &"a".repeat(129)] {
            assert_eq!(given(bad), None, "{bad}");
        }
    }
}
