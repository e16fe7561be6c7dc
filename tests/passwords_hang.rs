//! A password file on a file system that hangs, or is wrong about its length: what it costs, and
//! that it is over when the file system answers again.
//!
//! It has a process of its own, since it counts threads.
#![cfg(all(feature = "passwords", feature = "testing", target_os = "linux"))]

use std::{
    fs,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering::SeqCst},
        mpsc,
    },
    time::{Duration, SystemTime},
};

use support::{folder::Folder, hung::Hung};
use tokio::runtime::{Builder, Runtime};
use tower_authn::{
    Clock, Reason, RejectionKind, Validator as _, Visit,
    scheme::UserPassword,
    validator::passwords::{Htpasswd, LookUp, Passwords},
};

mod support;

const PASSWORD: &str = "pass:w\u{f6}rd";
/// More than the 512 threads that a runtime has for what blocks.
const REQUESTS: usize = 640;

fn line(user: &str) -> String {
    format!("{user}:$apr1$KWhKELiR$gRjlV1IBYo4z2MXqb9H1G/\n")
}

/// A runtime on one thread, and how many others it started for what blocks.
fn runtime() -> (Runtime, Arc<AtomicUsize>) {
    let threads = Arc::<AtomicUsize>::default();
    let counted = Arc::clone(&threads);
    let started = move || {
        counted.fetch_add(1, SeqCst);
    };
    (Builder::new_current_thread().enable_all().on_thread_start(started).build().unwrap(), threads)
}

/// How many threads look at a password file.
fn looking() -> usize {
    let threads = fs::read_dir("/proc/self/task").unwrap();
    let names =
        threads.map(|thread| fs::read_to_string(thread.unwrap().path().join("comm")).unwrap_or_default());
    names.filter(|name| name.trim() == "htpasswd").count()
}

async fn sign_in<L: LookUp<Identity = String>>(
    passwords: &Passwords<L>,
    user: &str,
) -> Result<String, (RejectionKind, Reason)> {
    let found = passwords.validate(UserPassword::new(user, PASSWORD), &mut Visit::outside()).await;
    let unknown = (RejectionKind::Invalid, Reason::Unknown);
    found.map_err(|rejection| (rejection.kind(), rejection.reason()))?.ok_or(unknown)
}

/// The tests count threads of their process, so that they run one after the other.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

#[test]
fn a_file_that_hangs_takes_one_thread_and_is_503_until_it_answers() {
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = Folder::new("hangs");
    let (source, target) = (folder.write("source", &line("alice")), folder.write("users", ""));
    let Some(mut hung) = Hung::mount(&source, &target) else { return };
    let (clock, hand) = Clock::manual(SystemTime::now());
    let file = Htpasswd::new(&target).clock(clock).open().unwrap();
    let file = Arc::new(file);
    let passwords = Passwords::new(Arc::clone(&file)).look_up_within(Duration::from_secs(60));
    let hurried = Passwords::new(file).look_up_within(Duration::from_millis(200));
    let later = || hand.advance(Duration::from_secs(2));

    for (hangs, before, after) in [("hang stat", "alice", "bob"), ("hang read", "bob", "carol")] {
        let (runtime, blocking) = runtime();
        later();
        assert_eq!(runtime.block_on(sign_in(&passwords, before)).as_deref(), Ok(before));
        let hashing = blocking.load(SeqCst);

        fs::write(&source, line(after)).unwrap();
        later();
        later();
        assert_eq!(hung.tell(hangs), 0);
        let mut counted = Vec::new();
        for requests in [REQUESTS, 10] {
            runtime.block_on(async {
                let sign_ins = (0..requests).map(|_| {
                    let hurried = hurried.clone();
                    tokio::spawn(async move { sign_in(&hurried, "nobody").await })
                });
                for sign_in in sign_ins.collect::<Vec<_>>() {
                    let timed_out = (RejectionKind::Unavailable, Reason::TimedOut);
                    assert_eq!(sign_in.await.unwrap(), Err(timed_out), "{hangs}");
                }
            });
            hung.wait();
            counted.push((looking(), hung.tell("held"), blocking.load(SeqCst) - hashing));
            // Also later, when it would be time for another look.
            later();
        }
        // A server that is told to stop does not wait for it.
        let (ended, end) = mpsc::channel();
        std::thread::spawn(move || {
            drop(runtime);
            ended.send(())
        });
        end.recv_timeout(Duration::from_secs(60)).expect("the runtime ends");
        assert_eq!(counted, [(1, 1, 0); 2], "{hangs}");

        assert_eq!(hung.tell("go on"), 0);
        let (runtime, _) = self::runtime();
        runtime.block_on(async {
            assert_eq!(sign_in(&passwords, after).await.as_deref(), Ok(after), "{hangs}");
            assert_eq!(sign_in(&passwords, before).await, Err((RejectionKind::Invalid, Reason::Unknown)));
        });
    }
}

#[test]
fn a_user_who_was_removed_while_a_look_hung_is_refused_by_another_look() {
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = Folder::new("removed");
    let (source, target) = (folder.write("source", &line("alice")), folder.write("users", ""));
    let Some(mut hung) = Hung::mount(&source, &target) else { return };
    let (clock, hand) = Clock::manual(SystemTime::now());
    let file = Htpasswd::new(&target).clock(clock).open().unwrap();
    let passwords = Passwords::new(file).look_up_within(Duration::from_secs(60));
    let (runtime, _) = runtime();
    runtime.block_on(async {
        let sign_in = || {
            let passwords = passwords.clone();
            tokio::spawn(async move { sign_in(&passwords, "alice").await })
        };
        hand.advance(Duration::from_secs(10));
        hung.tell("hang end");
        let before = sign_in();
        tokio::task::yield_now().await;
        hung.wait();

        fs::write(&source, line("bob")).unwrap();
        hand.advance(Duration::from_secs(10));
        let after = sign_in();
        tokio::task::yield_now().await;
        hung.tell("go on");
        assert_eq!(before.await.unwrap().as_deref(), Ok("alice"));
        assert_eq!(after.await.unwrap(), Err((RejectionKind::Invalid, Reason::Unknown)));
    });
}

#[test]
fn a_file_that_does_not_know_its_length_is_read_up_to_64_mib() {
    const LARGEST: usize = 64 * 1024 * 1024;
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = Folder::new("length");
    let (source, target) = (folder.write("source", &line("alice")), folder.write("users", ""));
    let Some(mut hung) = Hung::mount(&source, &target) else { return };
    fs::File::options().write(true).open(&source).unwrap().set_len(2 * LARGEST as u64).unwrap();
    let text = format!("{}: the file is larger than 64 MiB", target.display());
    assert_eq!(Passwords::from_file(&target).unwrap_err().to_string(), text);
    assert_eq!(hung.tell("handed"), 0);

    hung.tell("claim nothing");
    assert_eq!(fs::metadata(&target).unwrap().len(), 0);
    assert_eq!(Passwords::from_file(&target).unwrap_err().to_string(), text);
    assert_eq!(hung.tell("handed"), LARGEST + 1);

    fs::write(&source, line("alice")).unwrap();
    assert_eq!(Passwords::from_file(&target).unwrap().look_up().len(), 1);
}
