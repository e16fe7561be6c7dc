//! JSON (RFC 8259): a tree of everything that is written, names that occur twice and numbers as
//! they are written included.

#[derive(Clone, Debug, PartialEq)]
pub enum Json {
    Null,
    Bool(bool),
    Number(String),
    Text(String),
    Array(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl Json {
    pub fn members(&self) -> &[(String, Json)] {
        match self {
            Self::Object(members) => members,
            _ => &[],
        }
    }

    pub fn member(&self, name: &str) -> Option<&Json> {
        self.members().iter().find(|(own, _)| own == name).map(|(_, value)| value)
    }

    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Whether an object, at any depth, has a name twice.
    pub fn repeats_a_name(&self) -> bool {
        let names: Vec<&String> = self.members().iter().map(|(name, _)| name).collect();
        let distinct: std::collections::HashSet<_> = names.iter().collect();
        distinct.len() < names.len() || self.inner().any(Json::repeats_a_name)
    }

    /// How many arrays and objects lie in each other, this one included.
    pub fn depth(&self) -> usize {
        let own = usize::from(matches!(self, Self::Array(_) | Self::Object(_)));
        own + self.inner().map(Json::depth).max().unwrap_or(0)
    }

    pub fn numbers(&self) -> Vec<&str> {
        match self {
            Self::Number(number) => vec![number],
            _ => self.inner().flat_map(Json::numbers).collect(),
        }
    }

    fn inner(&self) -> Box<dyn Iterator<Item = &Json> + '_> {
        match self {
            Self::Array(items) => Box::new(items.iter()),
            Self::Object(members) => Box::new(members.iter().map(|(_, value)| value)),
            _ => Box::new(std::iter::empty()),
        }
    }
}

/// `None`: no JSON text.
pub fn read(text: &str) -> Option<Json> {
    let chars: Vec<char> = text.chars().collect();
    let (value, rest) = value(blank(&chars))?;
    blank(rest).is_empty().then_some(value)
}

/// What was read, and what follows.
type Read<'a, T> = Option<(T, &'a [char])>;

fn blank(mut text: &[char]) -> &[char] {
    while let [' ' | '\t' | '\n' | '\r', rest @ ..] = text {
        text = rest;
    }
    text
}

fn value(text: &[char]) -> Read<'_, Json> {
    for (word, json) in [("null", Json::Null), ("true", Json::Bool(true)), ("false", Json::Bool(false))] {
        if text.iter().copied().take(word.len()).eq(word.chars()) {
            return Some((json, &text[word.len()..]));
        }
    }
    match text {
        ['"', rest @ ..] => string(rest).map(|(text, rest)| (Json::Text(text), rest)),
        ['[', rest @ ..] => list(blank(rest), ']', value).map(|(items, rest)| (Json::Array(items), rest)),
        ['{', rest @ ..] => {
            list(blank(rest), '}', member).map(|(members, rest)| (Json::Object(members), rest))
        }
        _ => number(text),
    }
}

/// Items with commas between, to a closing bracket.
fn list<'a, T>(mut text: &'a [char], end: char, item: fn(&'a [char]) -> Read<'a, T>) -> Read<'a, Vec<T>> {
    let mut items = Vec::new();
    if text.first() == Some(&end) {
        return Some((items, &text[1..]));
    }
    loop {
        let (one, rest) = item(text)?;
        items.push(one);
        match blank(rest) {
            [',', rest @ ..] => text = blank(rest),
            [char, rest @ ..] if *char == end => return Some((items, rest)),
            _ => return None,
        }
    }
}

fn member(text: &[char]) -> Read<'_, (String, Json)> {
    let ['"', rest @ ..] = text else { return None };
    let (name, rest) = string(rest)?;
    let [':', rest @ ..] = blank(rest) else { return None };
    let (value, rest) = value(blank(rest))?;
    Some(((name, value), rest))
}

/// The rest of a string whose quote is read: its units of UTF-16, which escapes may give one by
/// one.
fn string(mut text: &[char]) -> Read<'_, String> {
    let mut units = Vec::new();
    let mut buffer = [0; 2];
    loop {
        let (char, rest) = match text {
            ['"', rest @ ..] => return Some((String::from_utf16(&units).ok()?, rest)),
            ['\\', 'u', a, b, c, d, rest @ ..] => {
                let digits = [a, b, c, d].map(|digit| digit.to_digit(16));
                let unit = digits.into_iter().try_fold(0, |unit, digit| Some(unit * 16 + digit?))?;
                units.push(u16::try_from(unit).ok()?);
                text = rest;
                continue;
            }
            ['\\', letter, rest @ ..] => {
                let (_, char) = [
                    ('"', '"'),
                    ('\\', '\\'),
                    ('/', '/'),
                    ('b', '\u{8}'),
                    ('f', '\u{c}'),
                    ('n', '\n'),
                    ('r', '\r'),
                    ('t', '\t'),
                ]
                .into_iter()
                .find(|(own, _)| own == letter)?;
                (char, rest)
            }
            [char, rest @ ..] if *char >= ' ' => (*char, rest),
            _ => return None,
        };
        units.extend_from_slice(char.encode_utf16(&mut buffer));
        text = rest;
    }
}

/// `[ minus ] int [ frac ] [ exp ]`.
fn number(text: &[char]) -> Read<'_, Json> {
    let digits = |at: usize| text[at..].iter().take_while(|char| char.is_ascii_digit()).count();
    let is = |at: usize, chars: &str| text.get(at).is_some_and(|char| chars.contains(*char));
    let mut at = usize::from(is(0, "-"));
    let whole = digits(at);
    if whole == 0 || whole > 1 && is(at, "0") {
        return None;
    }
    at += whole;
    if is(at, ".") {
        let fraction = digits(at + 1);
        if fraction == 0 {
            return None;
        }
        at += 1 + fraction;
    }
    if is(at, "eE") {
        let sign = usize::from(is(at + 1, "+-"));
        let exponent = digits(at + 1 + sign);
        if exponent == 0 {
            return None;
        }
        at += 1 + sign + exponent;
    }
    Some((Json::Number(text[..at].iter().collect()), &text[at..]))
}
