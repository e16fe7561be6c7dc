//! An htpasswd file that is written by `htpasswd`, changes, vanishes, and is half-written.
#![cfg(all(feature = "passwords", feature = "testing", unix))]

use std::{
    fs,
    os::unix::{fs::symlink, net::UnixListener},
    path::Path,
    process::Command,
    time::{Duration, SystemTime},
};

use support::{folder::Folder, htpasswd};
use tower_authn::{
    Clock, ManualClock, Reason, Validator as _, Visit,
    scheme::UserPassword,
    validator::passwords::{HashError, Htpasswd, HtpasswdFile, LineProblem, Passwords, Remember},
};

mod support;

const APR1: &str = "$apr1$KWhKELiR$gRjlV1IBYo4z2MXqb9H1G/";
const PASSWORD: &str = "pass:w\u{f6}rd";

struct Watched {
    passwords: Passwords<HtpasswdFile>,
    hand: ManualClock,
}

impl Watched {
    fn open(path: &Path) -> Self {
        let (clock, hand) = Clock::manual(SystemTime::now());
        let passwords = Passwords::new(Htpasswd::new(path).clock(clock).open().unwrap());
        Self { passwords, hand }
    }

    /// Signs in two seconds later, when a change is to be noticed.
    async fn later(&self, user: &str) -> Result<String, Reason> {
        self.hand.advance(Duration::from_secs(2));
        sign_in(&self.passwords, user, PASSWORD).await
    }
}

async fn sign_in(passwords: &Passwords<HtpasswdFile>, user: &str, password: &str) -> Result<String, Reason> {
    let found = passwords.validate(UserPassword::new(user, password), &mut Visit::outside()).await;
    found.map_err(|rejection| rejection.reason())?.ok_or(Reason::Unknown)
}

fn line(user: &str) -> String {
    format!("{user}:{APR1}\n")
}

#[tokio::test]
async fn users_come_and_go_with_the_file() {
    let folder = Folder::new("come-and-go");
    let watched = Watched::open(&folder.write("users", &line("alice")));
    assert_eq!(watched.later("alice").await.as_deref(), Ok("alice"));
    assert_eq!(watched.later("bob").await, Err(Reason::Unknown));

    folder.write("users", &line("bob"));
    assert_eq!(watched.later("bob").await.as_deref(), Ok("bob"));
    assert_eq!(watched.later("alice").await, Err(Reason::Unknown));
    assert_eq!(watched.passwords.look_up().len(), 1);
}

#[tokio::test]
async fn a_file_of_the_same_length_and_time_that_is_put_in_its_place_is_noticed() {
    let folder = Folder::new("same-time");
    let path = folder.write("users", &line("alice"));
    let watched = Watched::open(&path);
    assert_eq!(watched.later("alice").await.as_deref(), Ok("alice"));
    let (other, modified) =
        (folder.write("other", &line("carol")), fs::metadata(&path).unwrap().modified().unwrap());
    fs::File::options().write(true).open(&other).unwrap().set_modified(modified).unwrap();
    fs::rename(&other, &path).unwrap();
    assert_eq!(watched.later("carol").await.as_deref(), Ok("carol"));
}

#[tokio::test]
async fn a_link_that_is_turned_is_noticed() {
    let folder = Folder::new("link");
    let (first, second) = (folder.write("1", &line("alice")), folder.write("2", &line("bob")));
    let link = folder.path("link");
    symlink(&first, &link).unwrap();
    let watched = Watched::open(&link);
    assert_eq!(watched.later("alice").await.as_deref(), Ok("alice"));
    fs::remove_file(&link).unwrap();
    symlink(&second, &link).unwrap();
    assert_eq!(watched.later("alice").await, Err(Reason::Unknown));
}

#[tokio::test]
async fn a_file_that_vanishes_leaves_the_users_and_says_so() {
    let folder = Folder::new("vanishes");
    let path = folder.write("users", &line("alice"));
    let watched = Watched::open(&path);
    fs::remove_file(&path).unwrap();
    assert_eq!(watched.later("alice").await.as_deref(), Ok("alice"));
    assert!(watched.passwords.look_up().problem().unwrap().to_string().contains("users: "));

    folder.write("users", &line("bob"));
    assert_eq!(watched.later("bob").await.as_deref(), Ok("bob"));
    assert!(watched.passwords.look_up().problem().is_none());
}

#[tokio::test]
async fn a_half_written_file_leaves_the_users_until_it_is_whole() {
    let folder = Folder::new("half");
    let watched = Watched::open(&folder.write("users", &line("alice")));
    folder.write("users", &line("bob")[..20]);
    assert_eq!(watched.later("alice").await.as_deref(), Ok("alice"));
    let problem = watched.passwords.look_up().problem().unwrap();
    assert_eq!(problem.problems(), [(1, LineProblem::Hash(HashError::Malformed))]);
    folder.write("users", &line("bob"));
    assert_eq!(watched.later("bob").await.as_deref(), Ok("bob"));
    assert_eq!(watched.later("alice").await, Err(Reason::Unknown));
}

#[tokio::test]
async fn a_file_that_is_just_being_written_is_waited_for() {
    let folder = Folder::new("just-now");
    let path = folder.write("users", &line("alice"));
    let watched = Watched::open(&path);
    assert_eq!(watched.later("alice").await.as_deref(), Ok("alice"));
    // htpasswd empties the file, and fills it again.
    let file = fs::File::create(&path).unwrap();
    file.set_modified(SystemTime::now() + Duration::from_secs(4)).unwrap();
    assert_eq!(watched.later("alice").await.as_deref(), Ok("alice"));
    // So it stays.
    assert_eq!(watched.later("alice").await, Err(Reason::Unknown));
    assert!(watched.passwords.look_up().is_empty());
}

#[tokio::test]
async fn within_a_second_the_file_is_not_asked_for_again() {
    let folder = Folder::new("second");
    let watched = Watched::open(&folder.write("users", &line("alice")));
    assert_eq!(watched.later("alice").await.as_deref(), Ok("alice"));
    folder.write("users", &line("bob"));
    watched.hand.advance(Duration::from_millis(999));
    assert_eq!(sign_in(&watched.passwords, "alice", PASSWORD).await.as_deref(), Ok("alice"));
    assert_eq!(watched.later("alice").await, Err(Reason::Unknown));
}

#[tokio::test]
async fn what_is_remembered_goes_with_the_hash() {
    let folder = Folder::new("remembered");
    let path = folder.write("users", &line("alice"));
    let (clock, hand) = Clock::manual(SystemTime::now());
    let file = Htpasswd::new(&path).clock(clock.clone()).open().unwrap();
    let passwords = Passwords::new(file).cached_by(Remember::default(), clock).unwrap();
    for _ in 0..2 {
        assert_eq!(sign_in(&passwords, "alice", PASSWORD).await.as_deref(), Ok("alice"));
    }
    assert_eq!(passwords.hasher().stats().hashes, 1);
    folder.write("users", "alice:$apr1$iTSPgALq$Zovw8nasqHAWBHg168/s9/\n");
    hand.advance(Duration::from_secs(2));
    assert_eq!(sign_in(&passwords, "alice", PASSWORD).await, Err(Reason::WrongPassword));
    assert_eq!(sign_in(&passwords, "alice", "").await.as_deref(), Ok("alice"));
}

#[test]
fn all_problems_of_a_file_are_reported_with_their_lines_and_nothing_of_them() {
    let folder = Folder::new("problems");
    let text = format!("{}bob:hunter2\ncarol:r6kIs3xcc.r2U\n{}", line("alice"), line("alice"));
    let error = Passwords::from_file(folder.write("users", &text)).unwrap_err();
    let text = error.to_string();
    assert_eq!(error.problems().iter().map(|(line, _)| *line).collect::<Vec<_>>(), [2, 3, 4]);
    for part in [
        "line 2: it looks like a password in plain text",
        "line 3: it looks like DES crypt",
        "line 4: the user has line 1 already",
    ] {
        assert!(text.contains(part), "{text}");
    }
    assert!(!text.contains("hunter2") && !format!("{error:?}").contains("hunter2"));
}

fn make_fifo(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

#[test]
fn only_regular_files_are_opened() {
    let folder = Folder::new("regular");
    let (fifo, socket, link) = (folder.path("fifo"), folder.path("socket"), folder.path("link"));
    make_fifo(&fifo);
    let _listener = UnixListener::bind(&socket).unwrap();
    symlink(&fifo, &link).unwrap();
    for (path, kind) in [
        (fifo.as_path(), "a FIFO"),
        (&link, "a FIFO"),
        (&socket, "a socket"),
        (Path::new("/dev/zero"), "a device"),
        (folder.root(), "a directory"),
    ] {
        let error = Passwords::from_file(path).unwrap_err();
        assert!(error.is_not_regular_file() && error.problems().is_empty(), "{error:?}");
        assert_eq!(error.to_string(), format!("{}: it is {kind}, not a regular file", path.display()));
    }
    let missing = Passwords::from_file(folder.path("missing")).unwrap_err();
    assert!(!missing.is_not_regular_file(), "{missing}");
}

#[test]
fn a_fifo_is_not_even_opened() {
    let folder = Folder::new("unopened");
    let fifo = folder.path("fifo");
    make_fifo(&fifo);
    // It waits until somebody opens the other end.
    let writer = std::thread::spawn({
        let fifo = fifo.clone();
        move || fs::File::options().write(true).open(fifo).unwrap()
    });
    for _ in 0..100 {
        assert!(Passwords::from_file(&fifo).unwrap_err().is_not_regular_file());
        std::thread::sleep(Duration::from_millis(1));
    }
    assert!(!writer.is_finished());
    let _reader = fs::File::open(&fifo).unwrap();
    writer.join().unwrap();
}

#[tokio::test]
async fn a_file_that_becomes_a_fifo_leaves_the_users_and_says_so() {
    let folder = Folder::new("becomes");
    let path = folder.write("users", &line("alice"));
    let watched = Watched::open(&path);
    fs::remove_file(&path).unwrap();
    make_fifo(&path);
    for _ in 0..3 {
        assert_eq!(watched.later("alice").await.as_deref(), Ok("alice"));
        assert!(watched.passwords.look_up().problem().unwrap().is_not_regular_file());
    }

    fs::remove_file(&path).unwrap();
    folder.write("users", &line("bob"));
    assert_eq!(watched.later("bob").await.as_deref(), Ok("bob"));
    assert!(watched.passwords.look_up().problem().is_none());
}

const LARGEST: u64 = 64 * 1024 * 1024;

#[tokio::test]
async fn a_file_of_64_mib_is_read_and_one_of_a_byte_more_is_not() {
    let folder = Folder::new("large");
    let path = folder.write("users", &line("alice"));
    let watched = Watched::open(&path);
    let file = fs::File::options().write(true).open(&path).unwrap();

    // The rest is NULs: a second line, without a colon.
    file.set_len(LARGEST).unwrap();
    let error = Passwords::from_file(&path).unwrap_err();
    assert_eq!(error.problems(), [(2, LineProblem::NoColon)]);

    file.set_len(LARGEST + 1).unwrap();
    let error = Passwords::from_file(&path).unwrap_err();
    assert_eq!(error.to_string(), format!("{}: the file is larger than 64 MiB", path.display()));
    // The first look may find it too young.
    for _ in 0..2 {
        assert_eq!(watched.later("alice").await.as_deref(), Ok("alice"));
    }
    let problem = watched.passwords.look_up().problem().unwrap();
    assert_eq!(problem.to_string(), error.to_string());
}

#[tokio::test]
async fn every_switch_of_htpasswd_is_read_or_refused_by_its_line() {
    let folder = Folder::new("switches");
    let path = folder.path("users");
    for password in ["", "a", PASSWORD, "exactly sixteen!", &"long ".repeat(14)] {
        if !htpasswd::write(&path, password, &htpasswd::GOOD) {
            return;
        }
        let passwords = Passwords::from_file(&path).unwrap();
        for (index, switches) in htpasswd::GOOD.iter().enumerate() {
            let user = format!("user{index}");
            assert_eq!(sign_in(&passwords, &user, password).await, Ok(user.clone()), "{switches:?}");
            let wrong = sign_in(&passwords, &user, &format!("{password}!")).await;
            assert_eq!(wrong, Err(Reason::WrongPassword), "{switches:?}");
        }
    }

    let bad: [&[&str]; 4] = [&["-B", "-C", "4"], &["-s"], &["-d"], &["-p"]];
    htpasswd::write(&path, "secret", &bad);
    let error = Passwords::from_file(&path).unwrap_err();
    let expected = [(2, HashError::Unsalted), (3, HashError::DesCrypt), (4, HashError::PlainText)];
    assert_eq!(error.problems(), expected.map(|(line, error)| (line, LineProblem::Hash(error))));

    htpasswd::write(&path, "secret", &bad[..2]);
    let passwords = Passwords::new(Htpasswd::new(&path).allow_unsalted().open().unwrap());
    assert_eq!(sign_in(&passwords, "user1", "secret").await.as_deref(), Ok("user1"));
}
