//! What a client prefers by its `Accept` header (RFC 9110 §12.5.1).

use http::HeaderValue;

/// What the built-in responders can draw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Problem,
    Html,
    Plain,
}

impl Format {
    /// In the order in which they are preferred where the client has no preference.
    const ALL: [Self; 3] = [Self::Problem, Self::Html, Self::Plain];

    const fn media_types(self) -> &'static [&'static str] {
        match self {
            // Who asks for JSON reads a problem document as well.
            Self::Problem => &["application/problem+json", "application/json"],
            Self::Html => &["text/html"],
            Self::Plain => &["text/plain"],
        }
    }
}

/// Returns two lines of the header as one.
pub(crate) fn joined(line: &HeaderValue, next: &HeaderValue) -> Option<HeaderValue> {
    HeaderValue::from_bytes(&[line.as_bytes(), next.as_bytes()].join(&b", "[..])).ok()
}

/// Returns what is preferred; a problem document if it is all the same, or nothing fits.
pub(crate) fn best(accept: Option<&HeaderValue>) -> Format {
    let Some(accept) = accept.and_then(|accept| accept.to_str().ok()) else { return Format::Problem };
    let mut best = (Format::Problem, Weight::NONE);
    for format in Format::ALL {
        let weight = format.media_types().iter().map(|media_type| weigh(accept, media_type)).max();
        if let Some(weight) = weight.filter(|weight| weight.quality > 0 && *weight > best.1) {
            best = (format, weight);
        }
    }
    best.0
}

/// The quality that the most specific range gives, then how specific it is: `text/html, */*` prefers a page.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Weight {
    quality: u16,
    specificity: u8,
}

impl Weight {
    const NONE: Self = Self { quality: 0, specificity: 0 };
}

fn weigh(accept: &str, media_type: &str) -> Weight {
    let mut weight = Weight::NONE;
    for range in elements(accept, ',') {
        let mut parts = elements(range, ';');
        let specificity = match parts.next() {
            Some("*/*") => 1,
            Some(name) if is_family_of(name, media_type) => 2,
            Some(name) if name.eq_ignore_ascii_case(media_type) => 3,
            _ => continue,
        };
        let quality = parts.find_map(|part| {
            let (name, value) = part.split_once('=')?;
            name.trim().eq_ignore_ascii_case("q").then_some(value.trim())
        });
        let quality = quality.map_or(Some(1000), thousandths).unwrap_or_default();
        if specificity > weight.specificity {
            weight = Weight { quality, specificity };
        }
    }
    weight
}

/// Whether it is `text/*` for `text/html`.
fn is_family_of(range: &str, media_type: &str) -> bool {
    range.strip_suffix('*').is_some_and(|family| {
        family.ends_with('/')
            && media_type.get(..family.len()).is_some_and(|start| start.eq_ignore_ascii_case(family))
    })
}

/// Splits at separators outside quotes, and trims.
fn elements(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    let mut escaped = false;
    text.split(move |char| {
        let was_escaped = std::mem::take(&mut escaped);
        match char {
            '"' if !was_escaped => quoted = !quoted,
            '\\' if quoted && !was_escaped => escaped = true,
            _ => {}
        }
        char == separator && !quoted
    })
    .map(str::trim)
}

/// A quality value (RFC 9110 §12.4.2) in thousandths.
fn thousandths(text: &str) -> Option<u16> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if !matches!(whole, "0" | "1")
        || fraction.len() > 3
        || !fraction.bytes().all(|byte| byte.is_ascii_digit())
    {
        return None;
    }
    let value: u16 = format!("{whole}{fraction:0<3}").parse().ok()?;
    (value <= 1000).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn prefers(accept: &str, format: Format) {
        assert_eq!(best(Some(&HeaderValue::from_str(accept).unwrap())), format, "{accept}");
    }

    #[test]
    fn accept_decides_by_quality_then_by_how_specific_it_is() {
        assert_eq!(best(None), Format::Problem);
        prefers("*/*", Format::Problem);
        prefers("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", Format::Html);
        prefers("text/html, */*", Format::Html);
        prefers("application/json, text/plain, */*", Format::Problem);
        prefers("text/*", Format::Html);
        prefers("text/plain", Format::Plain);
        prefers("text/plain;q=0.4, text/html;q=0.5", Format::Html);
        prefers("text/html;q=0, */*;q=0.1", Format::Problem);
        prefers("application/problem+json;q=0.2, text/html;q=0.1", Format::Problem);
        prefers("TEXT/HTML; Q=1.000", Format::Html);
    }

    #[test]
    fn nothing_that_fits_is_a_problem_document_never_406() {
        prefers("image/png", Format::Problem);
        prefers("", Format::Problem);
        prefers("text/html;q=0", Format::Problem);
        prefers("text/html;q=2, text/plain;q=abc", Format::Problem);
        prefers(&"a/b,".repeat(2000), Format::Problem);
    }

    #[test]
    fn a_separator_inside_quotes_separates_nothing() {
        prefers(r#"image/png;t="a, text/html;q=1, \" b", text/plain;q=0.5"#, Format::Plain);
    }

    #[test]
    fn several_lines_are_one_list() {
        let [one, other] = ["image/png", "text/html"].map(HeaderValue::from_static);
        assert_eq!(best(joined(&one, &other).as_ref()), Format::Html);
    }
}
