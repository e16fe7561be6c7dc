//! A body in memory that counts what is done to it, and the client that sends it.

use std::{
    cell::{Cell, RefCell},
    marker::{PhantomData, PhantomPinned},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// The sending end of a body.
pub struct Client {
    sender: RefCell<Option<UnboundedSender<Sent>>>,
    seen: Arc<Seen>,
}

type Sent = Result<Frame<Bytes>, &'static str>;

#[derive(Default)]
struct Seen {
    polls: AtomicUsize,
    frames: AtomicUsize,
    drops: AtomicUsize,
}

pin_project! {
    /// A body that is neither `Unpin` nor `Sync`.
    pub struct Upload {
        receiver: UnboundedReceiver<Sent>,
        left: Option<u64>,
        script: Script,
        seen: CountsDrops,
        #[pin]
        neither: (PhantomPinned, PhantomData<Cell<()>>),
    }
}

/// What the body does beside what is sent.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Script {
    Plain,
    Panics,
    Repeats(usize),
}

struct CountsDrops(Arc<Seen>);

impl Client {
    /// A body of unknown length.
    pub fn new() -> (Self, Upload) {
        Self::pair(None, Script::Plain)
    }

    /// A body that knows how many bytes are left.
    pub fn of_length(bytes: u64) -> (Self, Upload) {
        Self::pair(Some(bytes), Script::Plain)
    }

    /// A body that panics when it is read.
    pub fn panicking() -> (Self, Upload) {
        Self::pair(None, Script::Panics)
    }

    /// A body that never ends, and never waits: one frame of so many bytes after the other.
    pub fn endless(bytes: usize) -> (Self, Upload) {
        Self::pair(None, Script::Repeats(bytes))
    }

    fn pair(left: Option<u64>, script: Script) -> (Self, Upload) {
        let (sender, receiver) = unbounded_channel();
        let seen = Arc::<Seen>::default();
        let client = Self { sender: RefCell::new(Some(sender)), seen: Arc::clone(&seen) };
        let neither = (PhantomPinned, PhantomData);
        (client, Upload { receiver, left, script, seen: CountsDrops(seen), neither })
    }

    pub fn sends(&self, bytes: usize) {
        self.send(Ok(data(bytes)));
    }

    pub fn sends_trailers(&self, trailers: HeaderMap) {
        self.send(Ok(Frame::trailers(trailers)));
    }

    pub fn fails(&self) {
        self.send(Err("the network is down"));
    }

    pub fn ends(&self) {
        drop(self.sender.borrow_mut().take());
    }

    fn send(&self, sent: Sent) {
        let _ = self.sender.borrow().as_ref().unwrap().send(sent);
    }

    /// How often the body was polled.
    pub fn polls(&self) -> usize {
        self.seen.polls.load(SeqCst)
    }

    /// How many frames were read.
    pub fn frames(&self) -> usize {
        self.seen.frames.load(SeqCst)
    }

    pub fn is_dropped(&self) -> bool {
        self.seen.drops.load(SeqCst) == 1
    }
}

fn data(bytes: usize) -> Frame<Bytes> {
    Frame::data(Bytes::from(vec![b'x'; bytes]))
}

impl Body for Upload {
    type Data = Bytes;
    type Error = &'static str;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Sent>> {
        let this = self.project();
        this.seen.0.polls.fetch_add(1, SeqCst);
        let frame = match *this.script {
            Script::Plain => this.receiver.poll_recv(cx),
            Script::Panics => panic!("a body that panics"),
            Script::Repeats(bytes) => Poll::Ready(Some(Ok(data(bytes)))),
        };
        if let Poll::Ready(Some(Ok(frame))) = &frame {
            this.seen.0.frames.fetch_add(1, SeqCst);
            if let (Some(left), Some(data)) = (this.left, frame.data_ref()) {
                *left -= data.len() as u64;
            }
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.left == Some(0)
    }

    fn size_hint(&self) -> SizeHint {
        self.left.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

impl Drop for CountsDrops {
    fn drop(&mut self) {
        self.0.drops.fetch_add(1, SeqCst);
    }
}
