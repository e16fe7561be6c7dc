//! What a client prefers by its `Accept` header (RFC 9110 §12.5.1).

use http::HeaderValue;

/// What the built-in responders can draw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Problem,
    Html,
    Plain,
}

/// How much of the header is read, in bytes over all its lines. Browsers send less than 200.
const LONGEST: usize = 1024;

/// Returns what is preferred; a problem document if there is no preference, or nothing fits.
pub(crate) fn best(accept: &Accept) -> Format {
    let mut reading = Reading::new();
    accept.lines().for_each(|line| reading.line(line.as_bytes()));
    reading.best()
}

/// The lines of the header, as far as they will be read; reading waits until something is drawn.
#[derive(Clone, Debug, Default)]
pub(crate) struct Accept {
    first: Option<HeaderValue>,
    more: Vec<HeaderValue>,
    len: usize,
}

impl Accept {
    /// Keeps one more line, unless those before are all that will be read.
    pub(crate) fn add(&mut self, line: &HeaderValue) {
        if self.len >= LONGEST {
            return;
        }
        self.len += line.len() + 1; // an empty line counts, so that their number is bounded too
        match self.first {
            None => self.first = Some(line.clone()),
            Some(_) => self.more.push(line.clone()),
        }
    }

    fn lines(&self) -> impl Iterator<Item = &HeaderValue> {
        self.first.iter().chain(&self.more)
    }
}

// ===== impl Reading =====

/// The media types that can be drawn, by their places in [`Reading::weights`].
const PROBLEM: usize = 0;
const JSON: usize = 1;
const HTML: usize = 2;
const PLAIN: usize = 3;

/// One pass over the header, which compares nothing that cannot change the choice.
struct Reading {
    /// How many bytes may still be read.
    left: usize,
    weights: [Weight; 4],
}

/// What the most specific range says of a media type: its quality in thousandths, then how specific the range is, so that
/// `text/html, */*` prefers a page.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Weight {
    quality: u16,
    specificity: u8,
}

impl Reading {
    const fn new() -> Self {
        Self { left: LONGEST, weights: [Weight { quality: 0, specificity: 0 }; 4] }
    }

    /// Reads one line. What is cut off by the end of what may be read does not count.
    fn line(&mut self, line: &[u8]) {
        let (read, is_cut) = (&line[..line.len().min(self.left)], line.len() > self.left);
        self.left = self.left.saturating_sub(line.len());
        let (mut start, mut semicolon, mut index) = (0, None, 0);
        while let Some(byte) = read.get(index) {
            match byte {
                b',' => {
                    self.element(&read[start..index], semicolon.take());
                    start = index + 1;
                }
                b';' => semicolon = semicolon.or(Some(index - start)),
                b'"' => index = end_of_quoted(read, index),
                _ => {}
            }
            index += 1;
        }
        if !is_cut {
            self.element(&read[start..], semicolon);
        }
    }

    /// Reads a media range, with its parameters from the first semicolon on.
    fn element(&mut self, element: &[u8], semicolon: Option<usize>) {
        let (range, parameters) = element.split_at(semicolon.unwrap_or(element.len()));
        let range = range.trim_ascii();
        let Some((name, types, specificity)) = candidate(range.len()) else { return };
        // The first of those that are equally specific counts, so that most of a long list is not even compared.
        let is_news = types.iter().any(|index| specificity > self.weights[*index].specificity);
        if !is_news || !range.eq_ignore_ascii_case(name) {
            return;
        }
        let Some(quality) = quality(parameters) else { return };
        for &index in types {
            if specificity > self.weights[index].specificity {
                self.weights[index] = Weight { quality, specificity };
            }
        }
    }

    fn best(&self) -> Format {
        // A client that asks for JSON reads a problem document as well.
        let problem = self.weights[PROBLEM].max(self.weights[JSON]);
        let mut best = (Format::Problem, problem);
        for (format, index) in [(Format::Html, HTML), (Format::Plain, PLAIN)] {
            let weight = self.weights[index];
            if weight.quality > 0 && weight > best.1 {
                best = (format, weight);
            }
        }
        best.0
    }
}

/// Returns where a quoted string ends that begins here; one that is left open ends with the text.
fn end_of_quoted(text: &[u8], start: usize) -> usize {
    let mut index = start + 1;
    while let Some(byte) = text.get(index) {
        match byte {
            b'"' => return index,
            b'\\' => index += 2,
            _ => index += 1,
        }
    }
    text.len()
}

/// Returns the one range of this length, in bytes, the media types that it applies to, and how specific it is.
const fn candidate(len: usize) -> Option<(&'static [u8], &'static [usize], u8)> {
    Some(match len {
        3 => (b"*/*", &[PROBLEM, JSON, HTML, PLAIN], 1),
        6 => (b"text/*", &[HTML, PLAIN], 2),
        9 => (b"text/html", &[HTML], 3),
        10 => (b"text/plain", &[PLAIN], 3),
        13 => (b"application/*", &[PROBLEM, JSON], 2),
        16 => (b"application/json", &[JSON], 3),
        24 => (b"application/problem+json", &[PROBLEM], 3),
        _ => return None,
    })
}

/// Returns the quality that the parameters give, 0 if it cannot be read. With a parameter of its own a range is about a special form
/// of the media type, which is not drawn: `None`.
fn quality(mut parameters: &[u8]) -> Option<u16> {
    let mut quality = 1000;
    while let [b';', rest @ ..] = parameters {
        // Quotes do not matter: what has some is no quality.
        let end = rest.iter().position(|byte| *byte == b';').unwrap_or(rest.len());
        let parameter = rest[..end].trim_ascii();
        parameters = &rest[end..];
        if parameter.is_empty() {
            continue; // RFC 9110 §5.6.6 lets a semicolon stand alone
        }
        let (name, value) = parameter.split_at_checked(1)?;
        let value = value.trim_ascii_start().strip_prefix(b"=")?;
        if !name.eq_ignore_ascii_case(b"q") {
            return None;
        }
        quality = thousandths(value.trim_ascii()).unwrap_or_default();
    }
    Some(quality)
}

/// A quality value (RFC 9110 §12.4.2) in thousandths.
fn thousandths(text: &[u8]) -> Option<u16> {
    let (whole, fraction) = match text {
        [whole @ (b'0' | b'1')] => (whole, &[][..]),
        [whole @ (b'0' | b'1'), b'.', fraction @ ..] if fraction.len() <= 3 => (whole, fraction),
        _ => return None,
    };
    let mut value = u16::from(whole - b'0');
    for index in 0..3 {
        let digit = fraction.get(index).copied().unwrap_or(b'0');
        value = value * 10 + u16::from(digit.is_ascii_digit().then(|| digit - b'0')?);
    }
    (value <= 1000).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(lines: &[&str]) -> Accept {
        let mut accept = Accept::default();
        for line in lines {
            accept.add(&HeaderValue::from_str(line).unwrap());
        }
        accept
    }

    #[track_caller]
    fn prefers(accept: &str, format: Format) {
        assert_eq!(best(&of(&[accept])), format, "{accept}");
    }

    #[test]
    fn accept_decides_by_quality_then_by_how_specific_it_is() {
        assert_eq!(best(&of(&[])), Format::Problem);
        prefers("*/*", Format::Problem);
        prefers("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", Format::Html);
        prefers("text/html, */*", Format::Html);
        prefers("application/json, text/plain, */*", Format::Problem);
        prefers("text/*", Format::Html);
        prefers("text/plain", Format::Plain);
        prefers("text/plain;q=0.4, text/html;q=0.5", Format::Html);
        prefers("text/html;q=0, */*;q=0.1", Format::Problem);
        prefers("application/problem+json;q=0.2, text/html;q=0.1", Format::Problem);
        prefers("application/*;q=0.2, text/plain;q=0.3", Format::Plain);
        prefers("TEXT/HTML; Q = 1.000", Format::Html);
    }

    #[test]
    fn of_ranges_that_are_as_specific_the_first_counts() {
        prefers("text/html;q=0.1, application/json;q=0.5, text/html", Format::Problem);
        prefers("*/*;q=0, text/html;q=0.1", Format::Html);
    }

    #[test]
    fn nothing_that_fits_is_a_problem_document_never_406() {
        prefers("image/png", Format::Problem);
        prefers("", Format::Problem);
        prefers("text/html;q=0", Format::Problem);
        prefers("text/html;q=2, text/plain;q=abc", Format::Problem);
        prefers("text/html;q=1.0000, text/plain;q=", Format::Problem);
        prefers("text/html;q=1.001, text/plain;q=0.0x", Format::Problem);
    }

    #[test]
    fn a_range_with_parameters_of_its_own_is_no_plain_range() {
        prefers("text/html;level=1;q=0, text/html", Format::Html);
        prefers("text/html;q=0;level=1, text/html", Format::Html);
        prefers("text/html;level=1", Format::Problem);
        prefers("text/html;level=1, text/plain;q=0.1", Format::Plain);
        prefers("text/html;, text/plain;q=0.9", Format::Html);
        prefers("text/html; ;q=0.1; , text/plain;q=0.9", Format::Plain);
    }

    #[test]
    fn a_separator_inside_quotes_separates_nothing() {
        prefers(r#"image/png;t="a, text/html;q=1, \" b", text/plain;q=0.5"#, Format::Plain);
    }

    #[test]
    fn several_lines_are_one_list() {
        assert_eq!(best(&of(&["image/png", "text/html"])), Format::Html);
        assert_eq!(best(&of(&["text/html;q=0.2", "", "text/plain;q=0.3"])), Format::Plain);
    }

    #[test]
    fn what_stands_after_the_last_comma_of_the_first_kib_is_not_read() {
        let filler = "a/b,".repeat(253); // 1,012 bytes
        prefers(&format!("{filler}text/html"), Format::Html); // 1,021
        prefers(&format!("{filler}   text/html"), Format::Html); // 1,024
        prefers(&format!("{filler}    text/html"), Format::Problem);
        prefers(&format!("{filler}text/html,{filler}"), Format::Html);
        prefers(&format!("{filler}text/html;q=0.1"), Format::Problem); // not as if its quality were 1
        prefers(&format!("{filler}   text/html;q=0.1"), Format::Problem);
        assert_eq!(best(&of(&[&filler, "text/html"])), Format::Html);
        assert_eq!(best(&of(&[&filler, "image/png", "text/html"])), Format::Problem);
    }

    /// How many bytes are looked at for their separators.
    fn bytes_read(accept: &Accept) -> usize {
        let mut reading = Reading::new();
        accept.lines().for_each(|line| reading.line(line.as_bytes()));
        LONGEST - reading.left
    }

    #[test]
    fn at_most_a_kib_is_kept_and_read_of_any_number_of_lines() {
        let long = "a".repeat(65_536);
        let many = "a/b,".repeat(1024);
        assert_eq!(bytes_read(&of(&[&long])), LONGEST);
        assert_eq!(bytes_read(&of(&[many.as_str(); 90])), LONGEST);
        assert_eq!(of(&[many.as_str(); 90]).lines().count(), 1);
        assert_eq!(of(&vec![""; 100_000]).lines().count(), LONGEST);
    }
}
