//! Strict reading of one JSON object: UTF-8, no member name twice at any depth, bounded depth.
//!
//! A parser that takes the first of two `exp` and one that takes the last disagree on who may come in, so that neither
//! may happen (RFC 7519 §4, RFC 8725 §2.4). What is read here is handed on to serde afterwards.

use std::borrow::Cow;

/// How deep arrays and objects may nest; `serde_json` stops at 128.
const DEEPEST: usize = 32;
/// From how many members on names are sorted rather than compared in pairs.
const MANY: usize = 16;

/// Why a text is not such an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JsonFlaw {
    Malformed,
    Duplicate,
}

/// A member's value, as far as it matters here.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value<'a> {
    Text(Cow<'a, str>),
    /// The number as written.
    Number(&'a str),
    Bool(bool),
    Null,
    /// An array, as written, brackets included.
    Array(&'a str),
    Object,
}

/// Whether a JSON text is an object, if it is one at all: what serde derives takes an array too,
/// each item for the member whose turn it is.
pub(crate) fn is_object(text: &[u8]) -> bool {
    text.trim_ascii_start().starts_with(b"{")
}

/// Calls `member` with each member of the object that `text` is, in order.
pub(crate) fn object<'a>(text: &'a str, mut member: impl FnMut(&str, Value<'a>)) -> Result<(), JsonFlaw> {
    let mut scan = Scan { text, bytes: text.as_bytes(), at: 0 };
    scan.next();
    scan.members(DEEPEST, &mut member)?;
    scan.end()
}

/// Calls `item` with each item of an array that [`object`] has read.
pub(crate) fn array<'a>(text: &'a str, mut item: impl FnMut(Value<'a>)) -> Result<(), JsonFlaw> {
    let mut scan = Scan { text, bytes: text.as_bytes(), at: 0 };
    scan.items(DEEPEST, &mut item)?;
    scan.end()
}

struct Scan<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Scan<'a> {
    fn peek(&self) -> u8 {
        self.bytes.get(self.at).copied().unwrap_or(0)
    }

    /// Skips blanks, and returns what comes next.
    fn next(&mut self) -> u8 {
        loop {
            match self.peek() {
                b' ' | b'\t' | b'\n' | b'\r' => self.at += 1,
                byte => return byte,
            }
        }
    }

    fn take(&mut self, byte: u8) -> Result<(), JsonFlaw> {
        if self.peek() != byte {
            return Err(JsonFlaw::Malformed);
        }
        self.at += 1;
        Ok(())
    }

    fn end(&mut self) -> Result<(), JsonFlaw> {
        self.next();
        if self.at == self.bytes.len() { Ok(()) } else { Err(JsonFlaw::Malformed) }
    }

    fn members(&mut self, depth: usize, member: &mut dyn FnMut(&str, Value<'a>)) -> Result<(), JsonFlaw> {
        self.take(b'{')?;
        if self.next() == b'}' {
            self.at += 1;
            return Ok(());
        }
        let mut names = Names::new();
        loop {
            let name = self.text()?;
            self.next();
            self.take(b':')?;
            let value = self.value(depth)?;
            member(&name, value);
            names.add(name)?;
            match self.next() {
                b',' => {
                    self.at += 1;
                    self.next();
                }
                b'}' => {
                    self.at += 1;
                    return names.finish();
                }
                _ => return Err(JsonFlaw::Malformed),
            }
        }
    }

    fn items(&mut self, depth: usize, item: &mut dyn FnMut(Value<'a>)) -> Result<(), JsonFlaw> {
        self.take(b'[')?;
        if self.next() == b']' {
            self.at += 1;
            return Ok(());
        }
        loop {
            let value = self.value(depth)?;
            item(value);
            match self.next() {
                b',' => self.at += 1,
                b']' => {
                    self.at += 1;
                    return Ok(());
                }
                _ => return Err(JsonFlaw::Malformed),
            }
        }
    }

    fn value(&mut self, depth: usize) -> Result<Value<'a>, JsonFlaw> {
        let first = self.next();
        let start = self.at;
        match first {
            b'"' => self.text().map(Value::Text),
            b'{' => {
                let depth = depth.checked_sub(1).ok_or(JsonFlaw::Malformed)?;
                self.members(depth, &mut |_, _| ())?;
                Ok(Value::Object)
            }
            b'[' => {
                let depth = depth.checked_sub(1).ok_or(JsonFlaw::Malformed)?;
                self.items(depth, &mut |_| ())?;
                Ok(Value::Array(&self.text[start..self.at]))
            }
            b'-' | b'0'..=b'9' => self.number(),
            b't' => self.word("true", Value::Bool(true)),
            b'f' => self.word("false", Value::Bool(false)),
            b'n' => self.word("null", Value::Null),
            _ => Err(JsonFlaw::Malformed),
        }
    }

    fn word(&mut self, word: &str, value: Value<'a>) -> Result<Value<'a>, JsonFlaw> {
        if !self.bytes[self.at..].starts_with(word.as_bytes()) {
            return Err(JsonFlaw::Malformed);
        }
        self.at += word.len();
        Ok(value)
    }

    fn digits(&mut self) -> Result<(), JsonFlaw> {
        let start = self.at;
        while self.peek().is_ascii_digit() {
            self.at += 1;
        }
        if self.at == start { Err(JsonFlaw::Malformed) } else { Ok(()) }
    }

    fn number(&mut self) -> Result<Value<'a>, JsonFlaw> {
        let start = self.at;
        if self.peek() == b'-' {
            self.at += 1;
        }
        if self.peek() == b'0' {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == b'.' {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), b'e' | b'E') {
            self.at += 1;
            if matches!(self.peek(), b'+' | b'-') {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(Value::Number(&self.text[start..self.at]))
    }

    fn text(&mut self) -> Result<Cow<'a, str>, JsonFlaw> {
        self.take(b'"')?;
        let start = self.at;
        let rest = &self.text[start..];
        let length = plain(rest.as_bytes());
        self.at += length;
        match rest.as_bytes().get(length) {
            Some(b'"') => {
                self.at += 1;
                Ok(Cow::Borrowed(&rest[..length]))
            }
            Some(b'\\') => self.escaped(start).map(Cow::Owned),
            _ => Err(JsonFlaw::Malformed),
        }
    }

    /// Goes on with a string that holds an escape, so that `"\u0065xp"` is seen to be `exp`.
    #[cold]
    fn escaped(&mut self, start: usize) -> Result<String, JsonFlaw> {
        let mut text = String::from(&self.text[start..self.at]);
        loop {
            let start = self.at;
            self.at += plain(&self.bytes[start..]);
            text.push_str(&self.text[start..self.at]);
            match self.peek() {
                b'"' => {
                    self.at += 1;
                    return Ok(text);
                }
                b'\\' => {
                    self.at += 1;
                    text.push(self.escape()?);
                }
                _ => return Err(JsonFlaw::Malformed),
            }
        }
    }

    fn escape(&mut self) -> Result<char, JsonFlaw> {
        let letter = self.peek();
        self.at += 1;
        Ok(match letter {
            b'"' | b'\\' | b'/' => char::from(letter),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let first = self.hex()?;
                if !(0xd800..0xdc00).contains(&first) {
                    return char::from_u32(first).ok_or(JsonFlaw::Malformed);
                }
                self.take(b'\\')?;
                self.take(b'u')?;
                let second = self.hex()?;
                if !(0xdc00..0xe000).contains(&second) {
                    return Err(JsonFlaw::Malformed);
                }
                let code = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                char::from_u32(code).ok_or(JsonFlaw::Malformed)?
            }
            _ => return Err(JsonFlaw::Malformed),
        })
    }

    fn hex(&mut self) -> Result<u32, JsonFlaw> {
        let mut code = 0;
        for _ in 0..4 {
            code = code * 16 + char::from(self.peek()).to_digit(16).ok_or(JsonFlaw::Malformed)?;
            self.at += 1;
        }
        Ok(code)
    }
}

/// How many bytes there are before a quote, a backslash or a control character; eight are looked at together.
fn plain(bytes: &[u8]) -> usize {
    const LOW: u64 = u64::from_ne_bytes([0x01; 8]);
    const HIGH: u64 = u64::from_ne_bytes([0x80; 8]);
    let (chunks, rest) = bytes.as_chunks::<8>();
    for (at, chunk) in chunks.iter().enumerate() {
        let word = u64::from_le_bytes(*chunk);
        let quote = (word ^ (LOW * u64::from(b'"'))).wrapping_sub(LOW);
        let escape = (word ^ (LOW * u64::from(b'\\'))).wrapping_sub(LOW);
        let control = word.wrapping_sub(LOW * 0x20);
        // The lowest of the bytes that are looked for has its high bit set here; those above it need not.
        let found = (quote | escape | control) & !word & HIGH;
        if found != 0 {
            return at * 8 + found.trailing_zeros() as usize / 8;
        }
    }
    let is_special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..=0x1f);
    chunks.len() * 8 + rest.iter().position(is_special).unwrap_or(rest.len())
}

/// The names of one object: a few are compared in pairs, many are sorted, so that no text costs quadratic time.
struct Names<'a> {
    few: [&'a str; MANY],
    count: usize,
    /// What does not fit above, or was written with an escape.
    many: Vec<Cow<'a, str>>,
    /// One bit for each kind of name that occurred: most names are seen to be new by it.
    kinds: u64,
}

impl<'a> Names<'a> {
    fn new() -> Self {
        Names { few: [""; MANY], count: 0, many: Vec::new(), kinds: 0 }
    }

    fn add(&mut self, name: Cow<'a, str>) -> Result<(), JsonFlaw> {
        let name = match name {
            Cow::Borrowed(name) if self.count < MANY => name,
            name => {
                self.many.push(name);
                return Ok(());
            }
        };
        let bytes = name.as_bytes();
        let byte = |at: usize| bytes.get(at).copied().unwrap_or(0);
        let letters = byte(0).wrapping_mul(7).wrapping_add(byte(bytes.len() / 2));
        #[allow(clippy::cast_possible_truncation)] // any bits do
        let length = bytes.len() as u8;
        let kind = 1 << (letters.wrapping_add(length) & 63);
        if self.kinds & kind != 0 && self.few[..self.count].contains(&name) {
            return Err(JsonFlaw::Duplicate);
        }
        self.kinds |= kind;
        self.few[self.count] = name;
        self.count += 1;
        Ok(())
    }

    fn finish(&self) -> Result<(), JsonFlaw> {
        if self.many.is_empty() {
            return Ok(());
        }
        let few = self.few[..self.count].iter().copied();
        let mut names: Vec<&str> = few.chain(self.many.iter().map(|name| &**name)).collect();
        names.sort_unstable();
        if names.windows(2).any(|pair| pair[0] == pair[1]) { Err(JsonFlaw::Duplicate) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn reads(text: &str) {
        assert_eq!(object(text, |_, _| ()), Ok(()), "{text}");
        assert!(
            serde_json::from_str::<serde_json::Value>(text).is_ok(),
            "the scan takes what serde refuses: {text}"
        );
    }

    #[track_caller]
    fn refuses(text: &str, flaw: JsonFlaw) {
        assert_eq!(object(text, |_, _| ()), Err(flaw), "{text}");
    }

    #[test]
    fn objects_are_read() {
        for text in [
            "{}",
            " { } ",
            "\n{\"a\" : 1 ,\t\"b\":[ ] , \"c\":[1 , -0.5e+3,{\"a\":null}],\"d\":\"\\u00e9\\ud83d\\ude00\\n\\/\"}\r",
            r#"{"a":{"a":{"a":true}},"b":false}"#,
            r#"{"":1,"é":2}"#,
        ] {
            reads(text);
        }
    }

    #[test]
    fn values_are_told_apart() {
        let mut seen = Vec::new();
        let text = r#"{"t":"a\/b","n":1e3,"b":true,"z":null,"l":["x", 2],"o":{"k":1}}"#;
        object(text, |name, value| seen.push((name.to_owned(), value))).unwrap();
        let values: Vec<Value<'_>> = seen.into_iter().map(|(_, value)| value).collect();
        let list = r#"["x", 2]"#;
        assert_eq!(values[0], Value::Text("a/b".into()));
        assert_eq!(values[1..5], [Value::Number("1e3"), Value::Bool(true), Value::Null, Value::Array(list)]);
        assert_eq!(values[5], Value::Object);
        let mut items = Vec::new();
        array(list, |item| items.push(item)).unwrap();
        assert_eq!(items, [Value::Text("x".into()), Value::Number("2")]);
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for text in [
            "",
            " ",
            "[]",
            "1",
            "\"a\"",
            "null",
            "{",
            "}",
            "{}{}",
            "{} x",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "{,}",
            "{a:1}",
            "{'a':1}",
            "{\"a\":01}",
            "{\"a\":1.}",
            "{\"a\":.5}",
            "{\"a\":+1}",
            "{\"a\":-}",
            "{\"a\":1e}",
            "{\"a\":NaN}",
            "{\"a\":Infinity}",
            "{\"a\":tru}",
            "{\"a\":[1,]}",
            "{\"a\":[1}",
            "{\"a\":\"\u{1}\"}",
            "{\"a\":\"\\x\"}",
            "{\"a\":\"\\u12g4\"}",
            "{\"a\":\"\\ud800\"}",
            "{\"a\":\"\\udc00\"}",
            "{\"a\":\"",
            "{\"a\":\"\\",
            "{\"a\":1/**/}",
            "\u{feff}{}",
            "{\"a\":\"\\u00",
            "{\"a\" 1}",
        ] {
            refuses(text, JsonFlaw::Malformed);
        }
    }

    #[test]
    fn a_name_twice_is_refused_at_any_depth_and_in_any_spelling() {
        refuses(r#"{"exp":1,"exp":1}"#, JsonFlaw::Duplicate);
        refuses(r#"{"exp":1,"\u0065xp":1}"#, JsonFlaw::Duplicate);
        refuses(r#"{"a":{"b":1,"b":2}}"#, JsonFlaw::Duplicate);
        refuses(r#"{"a":[{"b":1,"b":2}]}"#, JsonFlaw::Duplicate);
        reads(r#"{"a":{"b":1},"b":1}"#);
    }

    #[test]
    fn many_names_are_compared_too() {
        let many = |last: &str| {
            let names: Vec<String> = (0..2_000).map(|n| format!("\"n{n}\":1")).collect();
            format!("{{{},\"{last}\":1}}", names.join(","))
        };
        reads(&many("other"));
        refuses(&many("n0"), JsonFlaw::Duplicate);
        refuses(&many("n1999"), JsonFlaw::Duplicate);
    }

    #[test]
    fn plain_text_ends_where_one_byte_at_a_time_would_end_it() {
        for special in 0..=255_u8 {
            for at in 0..20 {
                for other in [b'a', 0x80, 0xff, 0x20, 0x23, 0x5b, 0x5d] {
                    let mut bytes = [other; 21];
                    bytes[at] = special;
                    let ends = matches!(special, b'"' | b'\\' | 0..=0x1f);
                    assert_eq!(plain(&bytes), if ends { at } else { 21 }, "{special} at {at} in {other}");
                }
            }
        }
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
        reads(&nested(DEEPEST));
        refuses(&nested(DEEPEST + 1), JsonFlaw::Malformed);
        refuses(&nested(100_000), JsonFlaw::Malformed);
    }
}
