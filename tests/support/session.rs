//! Sessions under a clock that tests wind, and a layer that asks for one.

use std::time::{Duration, SystemTime};

use http::Request;
use tower::{Layer as _, service_fn};
use tower_authn::{
    AuthenticateLayer, Authenticated, Authenticator as _, Clock, ManualClock, Reason, Rejection, Scheme as _,
    scheme::{SessionCookie, SetCookie},
    store::{MemorySessions, SessionStore},
    validator::session::{Session, Sessions},
};

use super::{Answered, Body, send};

pub const MINUTE: Duration = Duration::from_secs(60);
pub const HOUR: Duration = Duration::from_secs(3600);
pub const DAY: Duration = Duration::from_secs(24 * 3600);
/// What expires the cookie by default.
pub const REMOVAL: &str = "__Host-session=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0";

pub type User = &'static str;

/// What a browser with one cookie sees of a site.
pub struct Site<S = MemorySessions<User>> {
    pub cookie: SessionCookie,
    pub sessions: Sessions<User, S>,
    pub hand: ManualClock,
    pub clock: Clock,
}

pub fn site() -> Site {
    let (clock, hand) = Clock::manual(SystemTime::UNIX_EPOCH + 1_000_000 * HOUR);
    let cookie = SessionCookie::new("web");
    let store = MemorySessions::default().clock(clock.clone());
    let sessions = Sessions::new(&cookie, store).clock(clock.clone());
    Site { cookie, sessions, hand, clock }
}

impl<S: SessionStore<User>> Site<S> {
    /// Keeps sessions in another way.
    pub fn with<T>(self, change: impl FnOnce(Sessions<User, S>) -> Sessions<User, T>) -> Site<T> {
        let Self { cookie, sessions, hand, clock } = self;
        Site { cookie, sessions: change(sessions), hand, clock }
    }

    /// Signs somebody in, and returns the cookie as the browser sends it.
    pub async fn signed_in(&self, user: User) -> String {
        sent_back(self.sessions.create(user).await.unwrap().1)
    }

    /// Asks with a `Cookie` line.
    pub async fn ask(&self, cookie: &str) -> Answered {
        self.ask_with(&[("cookie", cookie)]).await
    }

    pub async fn ask_with(&self, headers: &[(&str, &str)]) -> Answered {
        let by_session = self.cookie.clone().validated_by(self.sessions.clone()).map(|session| *session);
        super::ask(by_session, headers).await
    }

    /// The session that a cookie stands for.
    pub async fn session(&self, cookie: &str) -> Session<User> {
        let layer = AuthenticateLayer::new(self.cookie.clone().validated_by(self.sessions.clone()));
        let (sender, receiver) = std::sync::mpsc::channel();
        let service = service_fn(move |request: Request<Body>| {
            let found = Authenticated::<Session<User>>::of(request.extensions()).unwrap().unwrap();
            sender.send(found.into_inner()).unwrap();
            std::future::ready(Ok::<_, std::convert::Infallible>(http::Response::new(Body::default())))
        });
        send(layer.layer(service), super::request(&[("cookie", cookie)])).await;
        receiver.try_recv().expect("a live session")
    }

    /// Asserts that a cookie signs in.
    pub async fn lives(&self, cookie: &str) {
        let answer = self.ask(cookie).await;
        assert_eq!(answer.status, 200, "{:?}", reason(&answer));
        assert_eq!(answer.one("set-cookie"), None);
    }

    /// Asserts that a cookie signs nobody in, is expired in the answer, and why.
    pub async fn is_dead(&self, cookie: &str, why: Reason) {
        let answer = self.ask(cookie).await;
        assert_eq!((answer.status.as_u16(), reason(&answer)), (401, Some(why)));
        assert_eq!(answer.one("set-cookie"), Some(REMOVAL));
        assert_eq!(answer.challenges(), [r#"Session realm="web""#]);
    }
}

/// The cookie in a `Set-Cookie`, as the browser sends it.
pub fn sent_back(set_cookie: SetCookie) -> String {
    let header = set_cookie.into_header_value();
    header.to_str().unwrap().split(';').next().unwrap().to_owned()
}

/// Why a request was turned away.
pub fn reason(answer: &Answered) -> Option<Reason> {
    answer.extensions.get::<Rejection>().map(Rejection::reason)
}
