//! base64url without padding (RFC 7515 §2), canonical: the characters of tokens and of sessions' ids are decoded eight at a time.

/// The values of the 64 characters at each of four places; a character that is none has the highest bits set.
static VALUES: [[u32; 256]; 4] = {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut values = [[NONE; 256]; 4];
    let mut value = 0;
    while value < 64 {
        let character = ALPHABET[value] as usize;
        let mut place = 0;
        while place < 4 {
            #[allow(clippy::cast_possible_truncation)] // below 64
            let bits = value as u32;
            values[place][character] = bits << (18 - 6 * place);
            place += 1;
        }
        value += 1;
    }
    values
};

const NONE: u32 = 0xff00_0000;

/// How many bytes a text of this length stands for.
pub(crate) const fn decoded_len(characters: usize) -> usize {
    characters / 4 * 3 + characters % 4 * 3 / 4
}

/// Decodes into a buffer of exactly [`decoded_len`] bytes. `None`: another character, padding, a length that no bytes
/// have, or bits that stand for nothing.
pub(crate) fn decode(text: &[u8], bytes: &mut [u8]) -> Option<()> {
    let (eights, rest) = text.as_chunks::<8>();
    let (sixes, end) = bytes.as_chunks_mut::<6>();
    let mut seen = 0;
    for (eight, six) in eights.iter().zip(sixes) {
        let (fours, _) = eight.as_chunks();
        let (high, low) = (word(fours[0]), word(fours[1]));
        seen |= high | low;
        let [_, _, decoded @ ..] = (u64::from(high) << 24 | u64::from(low)).to_be_bytes();
        *six = decoded;
    }
    let (four, rest) = rest.as_chunks::<4>();
    let (three, last) = end.as_chunks_mut::<3>();
    for (four, three) in four.iter().zip(three) {
        let word = word(*four);
        seen |= word;
        let [_, decoded @ ..] = word.to_be_bytes();
        *three = decoded;
    }
    let (word, unused) = match *rest {
        [] => (0, 0),
        [one, two] => (at(0, one) | at(1, two), 0xffff),
        [one, two, three] => (at(0, one) | at(1, two) | at(2, three), 0xff),
        _ => return None,
    };
    last.copy_from_slice(&word.to_be_bytes()[1..=last.len()]);
    ((seen | word) & NONE == 0 && word & unused == 0).then_some(())
}

fn word(four: [u8; 4]) -> u32 {
    at(0, four[0]) | at(1, four[1]) | at(2, four[2]) | at(3, four[3])
}

fn at(place: usize, character: u8) -> u32 {
    VALUES[place][usize::from(character)]
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use proptest::prelude::*;

    use super::*;

    fn decoded(text: &[u8]) -> Option<Vec<u8>> {
        let mut bytes = vec![0; decoded_len(text.len())];
        decode(text, &mut bytes).map(|()| bytes)
    }

    proptest! {
        #[test]
        fn it_decodes_what_the_library_encodes(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert_eq!(decoded(URL_SAFE_NO_PAD.encode(&bytes).as_bytes()), Some(bytes));
        }

        #[test]
        fn it_refuses_what_the_library_refuses(text in "[A-Za-z0-9_=+/ é-]{0,12}") {
            prop_assert_eq!(decoded(text.as_bytes()), URL_SAFE_NO_PAD.decode(&text).ok());
        }

        #[test]
        fn one_changed_character_is_judged_alike(text in "[A-Za-z0-9_-]{0,12}", at in 0..12_usize, other in any::<u8>()) {
            let mut text = text.into_bytes();
            if let Some(byte) = text.get_mut(at) {
                *byte = other;
            }
            prop_assert_eq!(decoded(&text), URL_SAFE_NO_PAD.decode(&text).ok());
        }
    }
}
