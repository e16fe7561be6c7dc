//! `Accept` (RFC 9110 §12.5.1), as the responders read it.

/// How much is read, in bytes over all lines; an element that begins before the end of it and ends
/// behind is not.
const LONGEST: usize = 1024;

/// A quality in thousandths, and how specific the range is that gives it.
type Weight = (u32, u8);

/// Whether a page is preferred to a problem document, by the lines of the header.
///
/// A page has to be wanted more than data, and no less than plain text.
pub fn wants_html(lines: &[&str]) -> bool {
    let mut left = LONGEST;
    let mut list = Vec::new();
    for line in lines {
        let mut elements = outside_quotes(&line[..line.len().min(left)], ',');
        if line.len() > left {
            elements.pop();
        }
        left = left.saturating_sub(line.len());
        list.extend(elements);
    }
    let of = |media_type| weight(&list, media_type);
    let (page, text) = (of("text/html"), of("text/plain"));
    let data = of("application/problem+json").max(of("application/json"));
    page.0 > 0 && page > data && page >= text
}

/// What the most specific range says that is about a media type; of those that are as specific, the
/// first.
fn weight(list: &[&str], media_type: &str) -> Weight {
    let mut found = (0, 0);
    for range in list {
        let mut parts = outside_quotes(range, ';').into_iter().map(|part| part.trim_matches([' ', '\t']));
        let range = parts.next().unwrap_or_default().to_ascii_lowercase();
        let (family, _) = media_type.split_once('/').unwrap();
        let specificity = if range == media_type {
            3
        } else if range == format!("{family}/*") {
            2
        } else if range == "*/*" {
            1
        } else {
            continue;
        };
        let mut quality = Some(1000);
        for part in parts {
            quality = match part.split_once('=') {
                Some(("q" | "Q", value)) if quality.is_some() => Some(thousandths(value)),
                // About a special form of the media type.
                _ => None,
            };
        }
        if let Some(quality) = quality.filter(|_| specificity > found.1) {
            found = (quality, specificity);
        }
    }
    found
}

/// `0` or `1`, and up to three digits; what is none counts as 0.
fn thousandths(text: &str) -> u32 {
    let is_one = (1..=5).contains(&text.len())
        && text.chars().enumerate().all(|(at, char)| match at {
            0 => char == '0' || char == '1',
            1 => char == '.',
            _ => char.is_ascii_digit(),
        });
    let digits = if is_one { text.replace('.', "") } else { String::new() };
    let thousandths = format!("{digits:0<4}").parse().unwrap();
    if thousandths > 1000 { 0 } else { thousandths }
}

/// The pieces between separators that are not in a quoted string.
fn outside_quotes(text: &str, separator: char) -> Vec<&str> {
    let (mut pieces, mut start) = (Vec::new(), 0);
    let mut chars = text.char_indices();
    while let Some((at, char)) = chars.next() {
        if char == separator {
            pieces.push(&text[start..at]);
            start = at + 1;
        } else if char == '"' {
            while let Some((_, char)) = chars.next() {
                match char {
                    '"' => break,
                    '\\' => drop(chars.next()),
                    _ => {}
                }
            }
        }
    }
    pieces.push(&text[start..]);
    pieces
}
