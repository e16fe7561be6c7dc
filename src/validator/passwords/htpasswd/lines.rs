use std::{
    collections::{HashMap, hash_map::Entry},
    sync::Arc,
};

use super::{
    super::{HashError, PasswordHash},
    LineProblem,
};

/// Users with their hashes, and the problems, each with the number of its line.
pub(super) fn read(
    bytes: &[u8],
    parse: impl Fn(&str) -> Result<PasswordHash, HashError>,
) -> Result<HashMap<Box<str>, Arc<PasswordHash>>, Vec<(usize, LineProblem)>> {
    let mut users = HashMap::new();
    let mut problems = Vec::new();
    for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        let number = index + 1;
        match entry(line.strip_suffix(b"\r").unwrap_or(line), &parse) {
            Ok(None) => {}
            Ok(Some((user, hash))) => match users.entry(Box::from(user)) {
                Entry::Vacant(vacant) => {
                    vacant.insert((number, Arc::new(hash)));
                }
                Entry::Occupied(occupied) => {
                    problems.push((number, LineProblem::Repeated { first: occupied.get().0 }));
                }
            },
            Err(problem) => problems.push((number, problem)),
        }
    }
    if problems.is_empty() {
        Ok(users.into_iter().map(|(user, (_, hash))| (user, hash)).collect())
    } else {
        Err(problems)
    }
}

/// `user:hash`, and what may follow after a further colon; nothing for a blank line and a comment.
fn entry(
    line: &[u8],
    parse: impl Fn(&str) -> Result<PasswordHash, HashError>,
) -> Result<Option<(&str, PasswordHash)>, LineProblem> {
    if line.trim_ascii().is_empty() || line.starts_with(b"#") {
        return Ok(None);
    }
    let line = std::str::from_utf8(line).map_err(|_| LineProblem::NotText)?;
    let (user, rest) = line.split_once(':').ok_or(LineProblem::NoColon)?;
    if user.is_empty() {
        return Err(LineProblem::NoUser);
    }
    let hash = rest.split(':').next().unwrap_or(rest);
    parse(hash).map(|hash| Some((user, hash))).map_err(LineProblem::Hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "$apr1$saltsalt$Ip2Y.PkrMlmiCF2kzQqdU/";

    #[track_caller]
    fn users(text: &str, expected: &[&str]) {
        let read = read(text.as_bytes(), str::parse).unwrap();
        let mut users: Vec<_> = read.keys().map(|user| &**user).collect();
        users.sort_unstable();
        assert_eq!(users, expected);
    }

    #[track_caller]
    fn problems(bytes: &[u8], expected: &[(usize, LineProblem)]) {
        assert_eq!(read(bytes, str::parse).unwrap_err(), expected);
    }

    #[test]
    fn comments_blank_lines_crlf_and_further_fields_are_read_as_apache_reads_them() {
        users("", &[]);
        users(
            &format!("# a comment\n\n \t\nalice:{HASH}\r\nbob:{HASH}:since 1999\nzo\u{eb}:{HASH}"),
            &["alice", "bob", "zo\u{eb}"],
        );
    }

    #[test]
    fn all_problems_are_reported_at_once_with_their_lines() {
        let file = format!(
            "alice:{HASH}\nbob\n:{HASH}\nalice:{HASH}\ncarol:rOuWRCbMmtYJk\ndave:secret\nerin:{{SHA}}W6ph5Mm5Pz8GgiULbPgzG37mj9g=\n"
        );
        let mut bytes = file.into_bytes();
        bytes.extend(b"zo\xeb:x\n$apr1$half");
        problems(
            &bytes,
            &[
                (2, LineProblem::NoColon),
                (3, LineProblem::NoUser),
                (4, LineProblem::Repeated { first: 1 }),
                (5, LineProblem::Hash(HashError::DesCrypt)),
                (6, LineProblem::Hash(HashError::PlainText)),
                (7, LineProblem::Hash(HashError::Unsalted)),
                (8, LineProblem::NotText),
                (9, LineProblem::NoColon),
            ],
        );
    }

    #[test]
    fn a_file_that_is_half_written_is_no_file() {
        let file = format!("alice:{HASH}\nbob:{HASH}");
        let first = format!("alice:{HASH}").len();
        for cut in 1..file.len() {
            // Cut between two lines it is a file of one user.
            let whole = cut == first || cut == first + 1;
            assert_eq!(read(&file.as_bytes()[..cut], str::parse).is_ok(), whole, "{cut}");
        }
    }
}
