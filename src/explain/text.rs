use std::{error::Error, fmt, net::IpAddr, str::FromStr};

use http::{HeaderName, HeaderValue, Method, Request, Uri, request::Parts};

use crate::scheme::PeerAddr;

/// The head of a captured request: what `curl -v` prints, or the raw text, of up to 64 KiB.
///
/// Of `curl -v` the lines that begin with `>` count; of several requests, the last. Line ends may be LF or CRLF.
///
/// ```
/// use tower_authn::explain::RequestHead;
///
/// let head: RequestHead = "* Connected\n> GET /a?b=c HTTP/2\n> X-Api-Key: k-123\n>\n< HTTP/2 401".parse()?;
/// let head = head.from_peer([192, 0, 2, 7].into()).into_parts();
/// assert_eq!((head.uri.path(), head.headers.len()), ("/a", 1));
/// # Ok::<(), tower_authn::explain::RequestHeadError>(())
/// ```
#[derive(Clone)]
pub struct RequestHead(Parts);

/// The longest text that is read, in bytes.
const LONGEST: usize = 64 * 1024;
/// The most headers.
const MOST: usize = 200;

impl RequestHead {
    /// Says which peer it came from, for stacks that look at addresses.
    #[must_use]
    pub fn from_peer(mut self, address: IpAddr) -> Self {
        self.0.extensions.insert(PeerAddr(address));
        self
    }

    /// Returns the head.
    pub fn into_parts(self) -> Parts {
        self.0
    }
}

impl FromStr for RequestHead {
    type Err = RequestHeadError;

    fn from_str(text: &str) -> Result<Self, RequestHeadError> {
        if text.len() > LONGEST {
            return Err(RequestHeadError::TooLong);
        }
        let lines = text.lines().enumerate().map(|(index, line)| (index + 1, line.trim_end()));
        let is_of_curl = text.lines().any(|line| line.starts_with('>'));
        let all: Vec<_> = if is_of_curl {
            lines.filter_map(|(number, line)| Some((number, line.strip_prefix('>')?.trim_start()))).collect()
        } else {
            lines.collect()
        };
        let mut requests = all.split(|(_, line)| line.is_empty()).filter(|request| !request.is_empty());
        // A raw text may go on with a body, of curl's only heads are seen.
        let request = if is_of_curl { requests.next_back() } else { requests.next() };
        let ((number, first), headers) =
            request.and_then(|lines| lines.split_first()).ok_or(RequestHeadError::Empty)?;
        let mut head = request_line(first).ok_or(RequestHeadError::RequestLine { line: *number })?;
        if headers.len() > MOST {
            return Err(RequestHeadError::TooManyHeaders);
        }
        for (line, text) in headers {
            let (name, value) = header(text).ok_or(RequestHeadError::Header { line: *line })?;
            head.headers.append(name, value);
        }
        Ok(Self(head))
    }
}

/// `GET /path HTTP/1.1`.
fn request_line(line: &str) -> Option<Parts> {
    let mut words = line.split_ascii_whitespace();
    let (method, target, version) = (words.next()?, words.next()?, words.next()?);
    let is_request = version.starts_with("HTTP/") && words.next().is_none();
    let mut request = Request::new(());
    *request.method_mut() = Method::from_bytes(method.as_bytes()).ok().filter(|_| is_request)?;
    *request.uri_mut() = target.parse::<Uri>().ok()?;
    Some(request.into_parts().0)
}

fn header(line: &str) -> Option<(HeaderName, HeaderValue)> {
    let (name, value) = line.split_once(':')?;
    Some((name.parse().ok()?, HeaderValue::from_bytes(value.trim().as_bytes()).ok()?))
}

/// Shows how many headers, and none of them.
impl fmt::Debug for RequestHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RequestHead({} headers)", self.0.headers.len())
    }
}

/// Why a text is no head of a request. It repeats nothing of the text.
///
/// ```
/// use tower_authn::explain::{RequestHead, RequestHeadError};
///
/// let error = "GET / HTTP/1.1\nno header".parse::<RequestHead>().unwrap_err();
/// assert_eq!(error, RequestHeadError::Header { line: 2 });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RequestHeadError {
    /// More than 64 KiB.
    TooLong,
    /// No line in it.
    Empty,
    /// A first line that is no request line.
    RequestLine {
        /// The number of the line, from 1.
        line: usize,
    },
    /// A line that is no header.
    Header {
        /// The number of the line, from 1.
        line: usize,
    },
    /// More than 200 headers.
    TooManyHeaders,
}

impl fmt::Display for RequestHeadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => write!(f, "the text is longer than {LONGEST} bytes: paste the head alone"),
            Self::Empty => f.write_str("there is no request: paste its head, or what `curl -v` prints"),
            Self::RequestLine { line } => {
                write!(f, "line {line} is no request line: begin with one such as `GET /path HTTP/1.1`")
            }
            Self::Header { line } => write!(f, "line {line} is no header: write `Name: value`"),
            Self::TooManyHeaders => write!(f, "more than {MOST} headers"),
        }
    }
}

impl Error for RequestHeadError {}
