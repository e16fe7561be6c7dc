//! The file on the disk: how it is opened, and by what a changed one is told from the one before.

use std::{
    fs::{File, FileType, Metadata},
    io,
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime},
};

use super::error::Failure;

/// The largest file that is read, in bytes.
pub(super) const LARGEST: u64 = 64 * 1024 * 1024;
/// A file that changed so recently may still be written to, or be changed again within the same
/// tick of its time stamp.
const SETTLED: Duration = Duration::from_secs(1);

/// What a changed file differs in from the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    modified: SystemTime,
    len: u64,
    inode: u64,
}

impl Stamp {
    /// Looks at a file without opening it.
    pub(super) fn at(path: &Path) -> Result<Self, Failure> {
        Self::of(&std::fs::metadata(path)?)
    }

    fn of(metadata: &Metadata) -> Result<Self, Failure> {
        if !metadata.is_file() {
            return Err(Failure::NotRegular(kind(metadata.file_type())));
        }
        #[cfg(unix)]
        let inode = std::os::unix::fs::MetadataExt::ino(metadata);
        #[cfg(not(unix))]
        let inode = 0;
        Ok(Self { modified: metadata.modified()?, len: metadata.len(), inode })
    }

    pub(super) fn has_settled(self, now: SystemTime) -> bool {
        now.duration_since(self.modified).is_ok_and(|age| age >= SETTLED)
    }
}

/// Opens a regular file, unless it is too large. Nothing else is opened: a FIFO would wait for a
/// writer, and opening a device may have effects.
pub(super) fn open(path: &Path) -> Result<(File, Stamp), Failure> {
    Stamp::at(path)?;
    open_at_once(path)
}

/// Opens a file without waiting for a writer: a FIFO may have taken its place after it was looked
/// at.
fn open_at_once(path: &Path) -> Result<(File, Stamp), Failure> {
    let mut options = File::options();
    options.read(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NONBLOCK | libc::O_NOCTTY);
    let file = options.open(path)?;
    let stamp = Stamp::of(&file.metadata()?)?;
    if stamp.len > LARGEST { Err(Failure::TooLarge) } else { Ok((file, stamp)) }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Read(Arc::new(error))
    }
}

fn kind(kind: FileType) -> &'static str {
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt as _;

        if kind.is_fifo() {
            return "a FIFO";
        }
        if kind.is_socket() {
            return "a socket";
        }
        if kind.is_char_device() || kind.is_block_device() {
            return "a device";
        }
    }
    if kind.is_dir() { "a directory" } else { "something else" }
}

#[cfg(all(test, unix))]
mod tests {
    use std::{process::Command, sync::mpsc, time::Duration};

    use super::*;

    #[test]
    fn a_fifo_that_took_the_place_of_a_file_is_opened_without_waiting_and_refused() {
        let path = std::env::temp_dir().join(format!("tower-authn-raced-{}", std::process::id()));
        assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
        let (sender, opened) = mpsc::channel();
        let raced = path.clone();
        std::thread::spawn(move || sender.send(open_at_once(&raced).map(|(_, stamp)| stamp)));
        // For ever, if it waits for a writer.
        let opened = opened.recv_timeout(Duration::from_secs(60));
        std::fs::remove_file(&path).unwrap();
        assert!(matches!(opened, Ok(Err(Failure::NotRegular("a FIFO")))), "{opened:?}");
    }
}
