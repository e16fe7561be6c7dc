//! Good tokens, edited.

use proptest::{
    prelude::*,
    sample::{Index, select},
};

use super::{
    FOUR, ISSUER, ONE, OTHER, THREE, TWO,
    second::{
        json::{self, Json},
        jwt::signed,
        respell::quoted,
    },
    tables::{Table, any_value, claims, headers},
};

#[derive(Clone, Debug)]
pub(crate) enum Edit {
    Add(Index, String, String),
    Remove(Index),
    Repeat(Index),
    Replace(Index, String),
    Respell(Index, u64),
    RespellValue(Index, u64),
}

/// One member, as it is written.
type Member = (String, String);

pub(crate) fn edit(table: Table) -> impl Strategy<Value = Edit> {
    let known = select(table).prop_flat_map(|(name, values)| (Just(name.to_owned()), select(values)));
    let other = (select(vec!["", "a", "exp", "alg", "x", "é"]).prop_map(str::to_owned), select(any_value()));
    prop_oneof![
        12 => (any::<Index>(), known).prop_map(|(at, (name, value))| Edit::Add(at, name, value)),
        1 => (any::<Index>(), other).prop_map(|(at, (name, value))| Edit::Add(at, name, value)),
        1 => any::<Index>().prop_map(Edit::Remove),
        1 => any::<Index>().prop_map(Edit::Repeat),
        1 => (any::<Index>(), select(any_value())).prop_map(|(at, value)| Edit::Replace(at, value)),
        3 => (any::<Index>(), any::<u64>()).prop_map(|(at, bits)| Edit::Respell(at, bits)),
        3 => (any::<Index>(), any::<u64>()).prop_map(|(at, bits)| Edit::RespellValue(at, bits)),
    ]
}

fn apply(members: &mut Vec<Member>, edit: &Edit) {
    if members.is_empty() {
        return;
    }
    let count = members.len();
    match edit {
        // Mostly in place of the one of that name, else beside it.
        Edit::Add(at, name, value) => match members.iter_mut().find(|(own, _)| own.trim_matches('"') == name)
        {
            Some(own) if at.index(5) > 0 => own.1.clone_from(value),
            _ => members.insert(at.index(count + 1), (quoted(name, 0), value.clone())),
        },
        Edit::Remove(at) => drop(members.remove(at.index(count))),
        Edit::Repeat(at) => members.push(members[at.index(count)].clone()),
        Edit::Replace(at, value) => members[at.index(count)].1.clone_from(value),
        Edit::Respell(at, bits) => respell(&mut members[at.index(count)].0, *bits),
        Edit::RespellValue(at, bits) => respell(&mut members[at.index(count)].1, *bits),
    }
}

fn respell(text: &mut String, bits: u64) {
    if let Some(Json::Text(plain)) = json::read(text) {
        *text = quoted(&plain, bits);
    }
}

/// A JSON object, with blanks of some kind where blanks may stand.
pub(crate) fn object(good: &[(&str, &str)], edits: &[Edit], blank: &str) -> String {
    let mut members: Vec<Member> =
        good.iter().map(|(name, value)| (quoted(name, 0), (*value).to_owned())).collect();
    for edit in edits {
        apply(&mut members, edit);
    }
    let members: Vec<String> =
        members.iter().map(|(name, value)| format!("{blank}{name}{blank}:{blank}{value}{blank}")).collect();
    format!("{blank}{{{}}}{blank}", members.join(","))
}

pub(crate) fn blank() -> impl Strategy<Value = &'static str> {
    prop_oneof![8 => Just(""), 1 => Just(" \t\r\n"), 1 => select(vec!["\u{b}", "\u{a0}", "\u{0}", "/**/"])]
}

/// A change of a token's characters.
type Change = Option<(Index, Option<char>, bool)>;

fn change() -> impl Strategy<Value = Change> {
    let character = prop::option::of(select("AQgwBz0_-+/=. \u{e9}".chars().collect::<Vec<_>>()));
    prop_oneof![
        4 => Just(None),
        1 => (any::<Index>(), character, any::<bool>()).prop_map(Some),
    ]
}

/// Inserts, replaces or deletes one character.
fn changed(token: &str, change: &Change) -> String {
    let Some((at, character, replaces)) = change else { return token.to_owned() };
    let at = at.index(token.len());
    let rest = if *replaces || character.is_none() { at + 1 } else { at };
    format!("{}{}{}", &token[..at], character.map(String::from).unwrap_or_default(), &token[rest..])
}

/// A token, close to a good one.
pub(crate) fn token() -> impl Strategy<Value = String> {
    let signer = prop_oneof![3 => Just(ONE), 1 => Just(TWO), 1 => Just(THREE), 2 => Just(FOUR)];
    let edits = |table: Table| prop_oneof![Just(Vec::new()), prop::collection::vec(edit(table), 1..4)];
    (signer, edits(headers()), edits(claims()), blank(), any::<bool>(), change()).prop_map(
        |(key, header, claims, blank, blank_in_claims, change)| {
            let iss = quoted(if key.algorithm == FOUR.algorithm { OTHER } else { ISSUER }, 0);
            let kid = key.id.map(|id| quoted(id, 0));
            let algorithm = quoted(key.algorithm, 0);
            let mut good = vec![("typ", r#""at+jwt""#), ("alg", &algorithm)];
            good.extend(kid.as_deref().map(|kid| ("kid", kid)));
            // Blanks that are none spoil one of both only.
            let header = object(&good, &header, if blank_in_claims { "" } else { blank });
            let good = [
                ("iss", &*iss),
                ("aud", r#""orders""#),
                ("exp", "1700000060"),
                ("iat", "1700000000"),
                ("sub", r#""alice""#),
            ];
            let claims = object(&good, &claims, if blank_in_claims { blank } else { "" });
            changed(&signed(&key, header.as_bytes(), claims.as_bytes()), &change)
        },
    )
}
