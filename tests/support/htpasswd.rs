//! Password files written by Apache's `htpasswd`.

use std::{path::Path, process::Command};

/// The switches whose hashes are read.
pub const GOOD: [&[&str]; 7] =
    [&["-m"], &["-B"], &["-B", "-C", "4"], &["-2"], &["-2", "-r", "1000"], &["-5"], &["-5", "-r", "10000"]];

/// Writes one user for each list of switches, `user0` and so on, all with one password. `false` where there is no `htpasswd`.
pub fn write(path: &Path, password: &str, switches: &[&[&str]]) -> bool {
    let _ = std::fs::remove_file(path);
    switches
        .iter()
        .enumerate()
        .all(|(index, switches)| add(path, &format!("user{index}"), password, switches))
}

/// Adds one user. `false` where there is no `htpasswd`.
pub fn add(path: &Path, user: &str, password: &str, switches: &[&str]) -> bool {
    let create = if path.exists() { "-b" } else { "-cb" };
    let Ok(output) =
        Command::new("htpasswd").arg(create).args(switches).arg(path).args([user, password]).output()
    else {
        super::skipped("htpasswd");
        return false;
    };
    assert!(output.status.success(), "{switches:?}: {output:?}");
    true
}
