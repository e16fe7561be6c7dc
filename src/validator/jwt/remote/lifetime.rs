//! How long an answer is fresh (RFC 9111 §4.2).

use std::time::Duration;

use http::{HeaderMap, header};

/// Where the provider does not say.
const DEFAULT: Duration = Duration::from_secs(5 * 60);
const SHORTEST: Duration = Duration::from_secs(60);
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// `max-age` less `Age`, between a minute and a day.
pub(crate) fn lifetime(headers: &HeaderMap) -> Duration {
    let lines = headers.get_all(header::CACHE_CONTROL).iter().filter_map(|line| line.to_str().ok());
    let mut found = None;
    for directive in lines.flat_map(|line| line.split(',')).map(str::trim) {
        let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
        if name.eq_ignore_ascii_case("no-store") || name.eq_ignore_ascii_case("no-cache") {
            return SHORTEST;
        }
        if name.eq_ignore_ascii_case("max-age") {
            found = value.trim_matches('"').parse().ok().map(Duration::from_secs).or(found);
        }
    }
    let Some(age) = found else { return DEFAULT };
    let spent = headers.get(header::AGE).and_then(|age| age.to_str().ok()?.parse().ok());
    age.saturating_sub(Duration::from_secs(spent.unwrap_or(0))).clamp(SHORTEST, LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn lasts(headers: &[(&'static str, &'static str)], seconds: u64) {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        assert_eq!(lifetime(&map), Duration::from_secs(seconds), "{headers:?}");
    }

    #[test]
    fn cache_control_is_honoured_within_bounds() {
        lasts(&[], 300);
        lasts(&[("cache-control", "public")], 300);
        lasts(&[("cache-control", "public, Max-Age=3600, must-revalidate")], 3_600);
        lasts(&[("cache-control", "public"), ("cache-control", "max-age=\"600\"")], 600);
        lasts(&[("cache-control", "max-age=3600"), ("age", "600")], 3_000);
        lasts(&[("cache-control", "max-age=3600"), ("age", "99999")], 60);
        lasts(&[("cache-control", "max-age=0")], 60);
        lasts(&[("cache-control", "max-age=31536000")], 86_400);
        lasts(&[("cache-control", "max-age=99999999999999999999")], 300);
        lasts(&[("cache-control", "max-age=-1")], 300);
        lasts(&[("cache-control", "no-store, max-age=3600")], 60);
        lasts(&[("cache-control", "no-cache")], 60);
    }
}
