use argon2::Block;

/// The memory of one argon2 computation, kept for the next: what is allocated anew for each sign-in is faulted in anew,
/// which takes as long as the hash.
#[derive(Default)]
pub(in super::super) struct Scratch(Vec<Block>);

impl Scratch {
    pub(super) fn blocks(&mut self, count: usize) -> &mut [Block] {
        if self.0.len() < count {
            // Not `resize`: it would keep both while it copies.
            self.0 = Vec::new();
            self.0 = vec![Block::default(); count];
        }
        &mut self.0[..count]
    }
}
