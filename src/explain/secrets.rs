//! Many secrets, all looked for in one walk over a text.

use zeroize::{Zeroize, Zeroizing};

/// The automaton of Aho and Corasick (Communications of the ACM 18.6, 1975) of the secrets, each
/// read from its end.
///
/// A walk over a text from its end then knows at each place the longest secret that begins there.
/// Beside sorting the secrets, making it and walking take at most 18 comparisons for each byte of
/// the secrets and of the text, however many secrets there are, and however much they resemble each
/// other.
pub(super) struct Secrets {
    /// Level by level, so that the children of a node lie side by side, sorted.
    nodes: Zeroizing<Vec<Node>>,
    #[cfg(test)]
    steps: std::cell::Cell<usize>,
}

/// The end of a secret, or of several that end alike.
#[derive(Clone, Copy, Default)]
struct Node {
    /// The byte that leads here.
    byte: u8,
    first_child: usize,
    children: usize,
    /// The node of the longest other end that this one begins with, read from its end.
    fallback: usize,
    /// The longest whole secret that this end begins with, in bytes; 0 if it begins with none.
    longest: usize,
}

const ROOT: usize = 0;

impl Secrets {
    pub(super) fn new(mut secrets: Vec<Zeroizing<String>>) -> Self {
        secrets.retain(|secret| !secret.is_empty());
        secrets.sort_unstable_by(|one, other| one.bytes().rev().cmp(other.bytes().rev()));
        secrets.dedup();
        let bytes: usize = secrets.iter().map(|secret| secret.len()).sum();
        // With room for all from the start, since what grows leaves copies behind that are not
        // wiped.
        let mut nodes = Zeroizing::new(Vec::with_capacity(bytes + 1));
        nodes.push(Node::default());
        let mut built = Self {
            nodes,
            #[cfg(test)]
            steps: std::cell::Cell::default(),
        };
        built.grow(&secrets);
        built
    }

    /// Adds one level after the other: those secrets that share a node stand side by side.
    fn grow(&mut self, secrets: &[Zeroizing<String>]) {
        let mut level = vec![(ROOT, secrets)];
        for depth in 0.. {
            let mut next = Vec::new();
            for (parent, secrets) in level {
                let at_depth =
                    |secret: &Zeroizing<String>| secret.as_bytes().iter().rev().nth(depth).copied();
                // A secret that ends here is the shortest, and stands first.
                let ended = secrets.iter().take_while(|secret| secret.len() == depth).count();
                self.nodes[parent].first_child = self.nodes.len();
                for group in secrets[ended..].chunk_by(|one, other| at_depth(one) == at_depth(other)) {
                    let Some(byte) = at_depth(&group[0]) else { continue };
                    let fallback =
                        if parent == ROOT { ROOT } else { self.step(self.nodes[parent].fallback, byte) };
                    let longest =
                        if group[0].len() == depth + 1 { depth + 1 } else { self.nodes[fallback].longest };
                    next.push((self.nodes.len(), group));
                    self.nodes[parent].children += 1;
                    self.nodes.push(Node { byte, fallback, longest, ..Node::default() });
                }
            }
            if next.is_empty() {
                return;
            }
            level = next;
        }
    }

    /// Calls `found` with each place of a text where a secret begins, and the length of the longest
    /// one, in bytes.
    pub(super) fn longest_at_each_place(&self, text: &[u8], mut found: impl FnMut(usize, usize)) {
        let mut node = ROOT;
        for (at, byte) in text.iter().enumerate().rev() {
            node = self.step(node, *byte);
            if self.nodes[node].longest > 0 {
                found(at, self.nodes[node].longest);
            }
        }
    }

    fn step(&self, mut node: usize, byte: u8) -> usize {
        loop {
            if let Some(child) = self.child(node, byte) {
                return child;
            }
            if node == ROOT {
                return ROOT;
            }
            node = self.nodes[node].fallback;
        }
    }

    fn child(&self, node: usize, byte: u8) -> Option<usize> {
        let Node { first_child, children, .. } = self.nodes[node];
        let children = &self.nodes[first_child..][..children];
        let at = children.binary_search_by(|child| {
            #[cfg(test)]
            self.steps.set(self.steps.get() + 1);
            child.byte.cmp(&byte)
        });
        at.ok().map(|at| first_child + at)
    }
}

impl Zeroize for Node {
    fn zeroize(&mut self) {
        self.byte.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A byte leads to one child and, over a whole text, to one fallback at most; a child is one of
    /// up to 256, found in nine comparisons.
    const COMPARISONS_FOR_A_BYTE: usize = 2 * 9;

    fn secrets(texts: &[impl AsRef<str>]) -> Secrets {
        Secrets::new(texts.iter().map(|text| Zeroizing::new(text.as_ref().to_owned())).collect())
    }

    fn found(texts: &[impl AsRef<str>], text: &str) -> Vec<(usize, usize)> {
        let mut all = Vec::new();
        secrets(texts).longest_at_each_place(text.as_bytes(), |at, length| all.push((at, length)));
        all.reverse();
        all
    }

    #[test]
    fn the_longest_secret_is_found_at_each_place() {
        assert_eq!(found(&["abc", "abcde", "cd", "xyz"], "abcdabcdexy"), [(0, 3), (2, 2), (4, 5), (6, 2)]);
        assert_eq!(found(&["aa"], "aaaa"), [(0, 2), (1, 2), (2, 2)]);
        assert_eq!(found(&["\u{e9}t\u{e9}"], "l'\u{e9}t\u{e9}"), [(2, 5)]);
        assert_eq!(found(&[""; 2], "abc"), []);
        assert_eq!(found(&[""; 0], "abc"), []);
    }

    proptest! {
        #[test]
        fn what_is_found_is_what_trying_each_secret_at_each_place_finds(
            texts in prop::collection::vec("[abc]{1,5}|[ab\u{e9}\u{e8}]{1,3}|(ab){1,4}c?", 0..12),
            text in "[abc\u{e9}\u{e8}]{0,40}|(ab|abc){0,12}",
        ) {
            let longest = |at: usize| {
                let fits = texts.iter().filter(|secret| text.as_bytes()[at..].starts_with(secret.as_bytes()));
                fits.map(String::len).max().map(|length| (at, length))
            };
            let expected: Vec<_> = (0..text.len()).filter_map(longest).collect();
            prop_assert_eq!(found(&texts, &text), expected);
        }
    }

    #[track_caller]
    fn costs_little(texts: &[impl AsRef<str>], text: &str) {
        let secrets = secrets(texts);
        secrets.longest_at_each_place(text.as_bytes(), |_, _| ());
        let bytes = text.len() + texts.iter().map(|text| text.as_ref().len()).sum::<usize>();
        let spent = secrets.steps.get();
        assert!(spent <= COMPARISONS_FOR_A_BYTE * bytes, "{spent} comparisons for {bytes} bytes");
    }

    #[test]
    fn the_work_grows_with_the_lengths_and_not_with_their_product() {
        let three: Vec<String> = (0..2_730).map(|n| format!("{n:03x}")).collect();
        costs_little(&three, &"aaf00babba".repeat(10_000));
        // Each secret but for its first letter is one run of a letter, and so is the text.
        let runs: Vec<String> = (1..128).map(|n| format!("b{}", "a".repeat(n))).collect();
        costs_little(&runs, &"a".repeat(100_000));
        let runs: Vec<String> = (1..128).map(|n| format!("{}b", "a".repeat(n))).collect();
        costs_little(&runs, &"a".repeat(100_000));
        costs_little(&[format!("{}b", "a".repeat(8_192))], &"a".repeat(100_000));
        costs_little(&[format!("b{}", "a".repeat(8_192))], &"a".repeat(100_000));
        costs_little(&["a".repeat(8_192)], &format!("{}b", "a".repeat(8_191)).repeat(10));
    }
}
