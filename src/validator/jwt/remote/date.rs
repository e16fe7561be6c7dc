//! How far an issuer's clock lies from this machine's.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, header};

/// The distance of `Date`, plus the `Age` that the answer spent in caches, from this machine's time; in whole seconds.
pub(crate) fn skew(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = |name| headers.get(name)?.to_str().ok();
    let since_1970 = |time: SystemTime| Some(time.duration_since(SystemTime::UNIX_EPOCH).ok()?.as_secs());
    let date = since_1970(httpdate::parse_http_date(text(header::DATE)?).ok()?)?;
    let age = text(header::AGE).and_then(|age| age.parse().ok()).unwrap_or(0_u64);
    let (theirs, ours) = (date.checked_add(age)?, since_1970(now)?);
    Some(Duration::from_secs(ours.abs_diff(theirs)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    /// The skew of a date in 1970, which is the date itself.
    fn read(date: &[u8]) -> Option<u64> {
        let headers = HeaderMap::from_iter([(header::DATE, http::HeaderValue::from_bytes(date).ok()?)]);
        skew(&headers, at(0)).map(|skew| skew.as_secs())
    }

    #[test]
    fn all_three_forms_of_a_date_are_read() {
        assert_eq!(read(b"Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777));
        assert_eq!(read(b"Sunday, 06-Nov-94 08:49:37 GMT"), Some(784_111_777));
        assert_eq!(read(b"Sun Nov  6 08:49:37 1994"), Some(784_111_777));
        assert_eq!(read(b"Thu, 01 Jan 1970 00:00:00 GMT"), Some(0));
        assert_eq!(read(b"Tue, 29 Feb 2000 23:59:59 GMT"), Some(951_868_799));
        assert_eq!(read(b"Fri, 31 Dec 9999 23:59:59 GMT"), Some(253_402_300_799));
    }

    #[test]
    fn what_is_no_date_tells_nothing() {
        for bad in [
            "",
            "Sun, 06 Nov 1994 08:49:37",
            "Sun, 99 Nov 1994 08:49:37 GMT",
            "Wed, 31 Dec 1969 23:59:59 GMT",
            "Sat, 00 Jan 0000 00:00:00 GMT",
            "Wednesday, 06-Nov-94 08:49:37 GMT, and",
        ] {
            assert_eq!(read(bad.as_bytes()), None, "{bad}");
        }
    }

    proptest::proptest! {
        #[test]
        fn anything_is_read_or_passed_over(bytes in proptest::collection::vec(32_u8.., 0..40)) {
            read(&bytes);
        }

        #[test]
        fn anything_like_a_date_is_read_or_passed_over(date in "(Sun|Monday|Fri),? [0-9]{2}[ -](Feb|Dec|Xyz)[ -][0-9]{2,4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT") {
            read(date.as_bytes());
        }
    }

    #[test]
    fn time_spent_in_caches_is_no_skew() {
        let mut headers = HeaderMap::new();
        assert_eq!(skew(&headers, at(0)), None);
        headers.insert("date", "Sun, 06 Nov 1994 08:49:37 GMT".parse().unwrap());
        assert_eq!(skew(&headers, at(784_111_777 + 90)), Some(Duration::from_secs(90)));
        assert_eq!(skew(&headers, at(784_111_777 - 90)), Some(Duration::from_secs(90)));
        headers.insert("age", "90".parse().unwrap());
        assert_eq!(skew(&headers, at(784_111_777 + 90)), Some(Duration::ZERO));
    }
}
