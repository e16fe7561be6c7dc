use std::{fmt::Display, time::Duration};

use ::redis::{Script, ScriptInvocation, aio::ConnectionLike};
use tokio::{
    runtime::Handle,
    time::{Instant, sleep},
};

use super::{LazyScript, RedisStore, milliseconds};
use crate::{
    Clock, Reason, Rejection, RejectionKind,
    observe::{Observers, Occurrence, Severity},
    throttle::{FailureStore, Guess, Hold, LEASE, Quota, Settlement},
};

// What is counted against somebody is how long the key of the failures lives: Redis itself pays it off,
// and forgets it.
static ASK: LazyScript = LazyScript::new(|| {
    Script::new(
        "local debts = {}
         for counter, failures in ipairs(KEYS) do debts[counter] = redis.call('PTTL', failures) end
         return debts",
    )
});

static HOLD: LazyScript = LazyScript::new(|| Script::new(include_str!("hold.lua")));

static SETTLE: LazyScript = LazyScript::new(|| Script::new(include_str!("settle.lua")));

/// How long a hold is remembered that nobody settled, so that it still counts if somebody does.
const REMEMBERED: Duration = Duration::from_secs(600);

/// How long to wait before a failure is written down again; twice as long each time.
const FIRST_PAUSE: Duration = Duration::from_millis(250);

impl<C: ConnectionLike + Clone + Send + Sync + 'static> FailureStore for RedisStore<C> {
    async fn ask(&self, guess: &Guess) -> Result<Option<Duration>, Rejection> {
        let mut call = ASK.prepare_invoke();
        for [failures, _] in self.counters(guess) {
            call.key(failures);
        }
        let debts: Vec<i64> = self.run_again(&call).await?;
        let wait = |(debt, (_, quota)): (i64, (_, Quota))| {
            // -2: there is no such key.
            quota.wait(Duration::from_millis(u64::try_from(debt).unwrap_or(0)))
        };
        Ok(debts.into_iter().zip(guess.counters()).filter_map(wait).max())
    }

    async fn hold(&self, guess: &Guess) -> Result<Hold, Rejection> {
        let mut call = self.guess(&HOLD, guess);
        call.arg(milliseconds(LEASE)).arg(milliseconds(REMEMBERED));
        for (_, quota) in guess.counters() {
            call.arg(every(quota)).arg(tolerance(quota));
        }
        match self.run_again::<(String, u64)>(&call).await {
            Ok((answer, number)) => match (&*answer, number) {
                ("held", _) => Ok(Hold::Held),
                ("busy", 2) => Ok(Hold::Busy(guess.user().unwrap_or(guess.address()).0)),
                ("busy", _) => Ok(Hold::Busy(guess.address().0)),
                (_, wait) => Ok(Hold::Refused(Duration::from_millis(wait))),
            },
            Err(rejection) => {
                // It may yet be held: Redis answers what was asked when it thaws.
                if rejection.reason() == Reason::TimedOut {
                    self.in_background(self.settlement(guess, Settlement::Undecided));
                }
                Err(rejection)
            }
        }
    }

    fn settle(&self, guess: Guess, settlement: Settlement) {
        // Without a runtime, the hold stands until its lease ends.
        let Ok(runtime) = Handle::try_current() else { return };
        let store = self.clone();
        runtime.spawn(async move {
            let call = store.settlement(&guess, settlement);
            match settlement {
                Settlement::Failed => store.until_written(&call).await,
                // What cannot be given back goes with its lease.
                Settlement::Succeeded | Settlement::Undecided => drop(store.run_again::<i64>(&call).await),
            }
            drop(guess); // wakes whoever waits for it
        });
    }
}

impl<C: ConnectionLike + Clone + Send + Sync + 'static> RedisStore<C> {
    /// Tries again until the lease is over. The quota bounds how many do this.
    async fn until_written(&self, call: &ScriptInvocation<'_>) {
        let (held, mut pause) = (Instant::now(), FIRST_PAUSE);
        while let Err(rejection) = self.run_again::<i64>(call).await {
            let is_hopeless = rejection.kind() == RejectionKind::Misconfigured; // there are no timers
            if is_hopeless || held.elapsed() + pause >= LEASE {
                if let Some(left_out) = self.connection.lost.line(Clock::default().monotonic()) {
                    let text = format!("a failed sign-in was not counted: {rejection}");
                    let lost = Occurrence::new("failure_lost", Severity::Warning, &text);
                    let fields: &[(_, &dyn Display)] = &[("left_out", &left_out)];
                    let fields = if left_out == 0 { &[] } else { fields };
                    Observers::standard().tell_of(&lost.with(fields));
                }
                return;
            }
            sleep(pause).await;
            pause *= 2;
        }
    }

    fn in_background(&self, call: ScriptInvocation<'static>) {
        let Ok(runtime) = Handle::try_current() else { return };
        let store = self.clone();
        runtime.spawn(async move { drop(store.run::<i64>(&call).await) });
    }
}

impl<C> RedisStore<C> {
    fn settlement(&self, guess: &Guess, settlement: Settlement) -> ScriptInvocation<'static> {
        let mut call = self.guess(&SETTLE, guess);
        call.arg(match settlement {
            Settlement::Failed => "failed",
            Settlement::Succeeded => "succeeded",
            Settlement::Undecided => "undecided",
        });
        for (_, quota) in guess.counters() {
            let most = milliseconds(quota.fail(Duration::MAX));
            call.arg(every(quota)).arg(most.max(tolerance(quota)));
        }
        call
    }

    /// Begins a call, with the keys that it is about.
    fn guess(&self, script: &'static Script, guess: &Guess) -> ScriptInvocation<'static> {
        let mut call = script.arg(format!("{:032x}", guess.id()));
        for [failures, holds] in self.counters(guess) {
            call.key(failures).key(holds);
        }
        call
    }

    /// The keys of failures and of holds, for each counter. All have the address in braces: they are in
    /// one hash slot, so that a call is atomic in a cluster too.
    fn counters(&self, guess: &Guess) -> impl Iterator<Item = [String; 2]> {
        let address = guess.address().0;
        let tag = hex(address.as_bytes());
        guess.counters().map(move |(key, _)| {
            let whose = if key == address { "address".to_owned() } else { hex(key.as_bytes()) };
            ["failures", "holds"].map(|what| format!("{}:{{{tag}}}:{what}:{whose}", self.prefix))
        })
    }
}

fn hex(digest: &[u8; 16]) -> String {
    format!("{:032x}", u128::from_be_bytes(*digest))
}

/// Whole milliseconds, rounded up: an interval that is not zero counts.
fn every(quota: Quota) -> u64 {
    milliseconds(quota.every().saturating_add(Duration::from_nanos(999_999)))
}

/// As much as so many of the rounded intervals are.
fn tolerance(quota: Quota) -> u64 {
    every(quota).saturating_mul(u64::from(quota.at_once() - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_is_rounded_up_and_the_tolerance_with_it() {
        for (micros, millis) in [(0, 0), (1, 1), (1_000, 1), (1_500, 2), (30_000_000, 30_000)] {
            let quota = Quota::new(10, Duration::from_micros(micros));
            assert_eq!((every(quota), tolerance(quota)), (millis, 9 * millis));
        }
    }
}
