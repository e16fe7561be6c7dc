//! Keeping shared caches off an answer that was made for one client (RFC 9111 §3.5, §5.2.2).

use http::{HeaderMap, HeaderValue, header};

/// Adds `private`, unless the service has said `private`, `no-store` or `public` itself.
pub(crate) fn add_private(headers: &mut HeaderMap) {
    let Some(first) = headers.get(header::CACHE_CONTROL) else {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private"));
        return;
    };
    let lines = headers.get_all(header::CACHE_CONTROL);
    if lines.iter().any(|line| decides(line.as_bytes())) {
        return;
    }
    let more = lines.iter().skip(1).map(HeaderValue::as_bytes);
    let line = std::iter::once(first.as_bytes())
        .chain(more)
        .chain([&b"private"[..]])
        .filter(|part| !part.is_empty());
    let line = line.collect::<Vec<_>>().join(&b", "[..]);
    let line = HeaderValue::from_bytes(&line).unwrap_or(HeaderValue::from_static("private"));
    headers.insert(header::CACHE_CONTROL, line);
}

/// Whether it says who may store the answer. `private="x"` is about the field `x` alone.
fn decides(line: &[u8]) -> bool {
    let mut is_quoted = false;
    let mut is_escaped = false;
    let mut directives = line.split(|byte| {
        let was_escaped = std::mem::take(&mut is_escaped);
        match byte {
            b'"' if !was_escaped => is_quoted = !is_quoted,
            b'\\' if is_quoted && !was_escaped => is_escaped = true,
            _ => {}
        }
        *byte == b',' && !is_quoted
    });
    directives.any(|directive| {
        let directive = directive.trim_ascii();
        ["private", "no-store", "public"].iter().any(|name| directive.eq_ignore_ascii_case(name.as_bytes()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn becomes(lines: &[&str], expected: &[&str]) {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(header::CACHE_CONTROL, HeaderValue::from_str(line).unwrap());
        }
        add_private(&mut headers);
        assert_eq!(headers.get_all(header::CACHE_CONTROL).iter().collect::<Vec<_>>(), expected, "{lines:?}");
    }

    #[test]
    fn row_30_what_the_service_says_is_completed_on_one_line() {
        becomes(&[], &["private"]);
        becomes(&[""], &["private"]);
        becomes(&["max-age=60"], &["max-age=60, private"]);
        becomes(&["max-age=60", "must-revalidate"], &["max-age=60, must-revalidate, private"]);
    }

    #[test]
    fn row_30_the_service_decides_by_private_no_store_and_public() {
        for line in ["private", "no-store", "max-age=60, Public", "PRIVATE,max-age=60", "no-cache , no-store"]
        {
            becomes(&[line], &[line]);
        }
        becomes(&["max-age=60", "private"], &["max-age=60", "private"]);
    }

    #[test]
    fn row_30_private_with_a_field_and_names_inside_quotes_do_not_count() {
        becomes(&[r#"private="x""#], &[r#"private="x", private"#]);
        becomes(&[r#"no-cache="a, private, b""#], &[r#"no-cache="a, private, b", private"#]);
        becomes(&[r#"x="\", private, ""#], &[r#"x="\", private, ", private"#]);
        becomes(&["publicly, no-storex"], &["publicly, no-storex, private"]);
    }
}
