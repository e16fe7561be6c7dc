//! A way to a server that can fall silent, as a network does whose other end has vanished.

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

/// Forwards connections to a port of this machine.
pub struct Proxy {
    pub port: u16,
    /// Connections that are older than this are kept open, and carry nothing.
    silent_before: Arc<AtomicUsize>,
    accepted: Arc<AtomicUsize>,
}

impl Proxy {
    pub fn to(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (silent_before, accepted) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (silent, count) = (Arc::clone(&silent_before), Arc::clone(&accepted));
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let number = count.fetch_add(1, Ordering::SeqCst);
                let Ok(server) = TcpStream::connect(("127.0.0.1", server)) else { continue };
                for (from, to) in [(&client, &server), (&server, &client)] {
                    let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                    let silent = Arc::clone(&silent);
                    thread::spawn(move || carry(from, to, || number < silent.load(Ordering::SeqCst)));
                }
            }
        });
        Self { port, silent_before, accepted }
    }

    /// Lets all present connections carry nothing from now on, and closes none.
    pub fn fall_silent(&self) {
        self.silent_before.store(self.accepted.load(Ordering::SeqCst), Ordering::SeqCst);
    }
}

fn carry(mut from: TcpStream, mut to: TcpStream, is_silent: impl Fn() -> bool) {
    let mut buffer = [0; 4096];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        if !is_silent() && to.write_all(&buffer[..length]).is_err() {
            return;
        }
    }
}
