//! Other spellings of the same JSON.

/// A text in quotes, each character as one bit of `escaped` says: as it is, or as an escape.
pub fn quoted(text: &str, escaped: u64) -> String {
    let mut quoted = String::from("\"");
    for (at, char) in text.chars().enumerate() {
        let must = char < ' ' || char == '"' || char == '\\';
        if !must && escaped >> (at % 64) & 1 == 0 {
            quoted.push(char);
            continue;
        }
        let mut units = [0; 2];
        for unit in char.encode_utf16(&mut units) {
            // Hexadecimal digits have two cases.
            let unit = if at % 2 == 0 { format!("\\u{unit:04x}") } else { format!("\\u{unit:04X}") };
            quoted.push_str(&unit);
        }
    }
    quoted.push('"');
    quoted
}
