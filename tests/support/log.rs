//! A subscriber that keeps everything it is told.

use std::{
    fmt::{Debug, Write as _},
    fs::File,
    path::Path,
    sync::{Arc, Mutex, Once},
};

use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    span,
};

/// A level and fields.
pub type Line = (Level, String);

#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<(&'static str, Line)>>>);

impl Log {
    /// Returns the events of this crate.
    fn of_this_crate(&self) -> Vec<Line> {
        let lines = self.0.lock().unwrap();
        lines.iter().filter(|(target, _)| *target == "tower_authn").map(|(_, line)| line.clone()).collect()
    }

    fn keep(&self, metadata: &'static Metadata<'static>, record: impl FnOnce(&mut Fields)) {
        let mut fields = Fields(String::new());
        record(&mut fields);
        self.0.lock().unwrap().push((metadata.target(), (*metadata.level(), fields.0)));
    }
}

struct Fields(String);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, "{field}={value:?} ").unwrap();
    }
}

impl Subscriber for Log {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn event(&self, event: &Event<'_>) {
        self.keep(event.metadata(), |fields| event.record(fields));
    }

    fn new_span(&self, span: &span::Attributes<'_>) -> span::Id {
        self.keep(span.metadata(), |fields| span.record(fields));
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

fn run<F: Future>(future: F) -> Log {
    let log = Log::default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tracing::subscriber::with_default(log.clone(), || {
        runtime.block_on(future);
    });
    log
}

/// Writes what any crate logs, down to trace, to a file of this process in `TRACE_DIR`, if that is set; see `.ci/run`.
pub fn to_file() {
    static BEGUN: Once = Once::new();
    BEGUN.call_once(|| {
        let Some(folder) = std::env::var_os("TRACE_DIR") else { return };
        let file = File::create(Path::new(&folder).join(format!("{}.log", std::process::id()))).unwrap();
        let log = tracing_subscriber::fmt().with_max_level(Level::TRACE).with_writer(Mutex::new(file));
        tracing::subscriber::set_global_default(log.finish()).unwrap();
    });
}

/// Runs it on this thread, and returns all that this crate logged.
pub fn all_logged<F: Future>(future: F) -> Vec<Line> {
    run(future).of_this_crate()
}

/// Runs it on this thread, and returns what this crate logged above debug: nothing of requests that are let in.
pub fn logged<F: Future>(future: F) -> Vec<Line> {
    all_logged(future).into_iter().filter(|(level, _)| *level <= Level::INFO).collect()
}

/// Runs it on this thread, and returns what any crate logged, down to trace, spans included.
pub fn traced<F: Future>(future: F) -> String {
    let log = run(future);
    let lines = log.0.lock().unwrap();
    lines.iter().map(|(target, (level, line))| format!("{level} {target} {line}\n")).collect()
}
