//! The test vectors that lie beside the project.

use std::path::PathBuf;

/// Reads a vector file. Where there are no vectors at all, as in a clone elsewhere, it says so and
/// returns `None`, also with `CI` set; `.ci/run` says it too.
pub fn read(file: &str) -> Option<String> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/vectors");
    if !root.is_dir() {
        super::skipped_anywhere("../shared/vectors not found");
        return None;
    }
    let path = root.join(file);
    Some(std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
}
