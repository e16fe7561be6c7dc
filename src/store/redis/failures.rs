use std::time::Duration;

use ::redis::{Script, aio::ConnectionLike};
use tokio::runtime::Handle;

use super::{LazyScript, RedisStore, milliseconds};
use crate::{
    Rejection,
    throttle::{FailureKey, FailureStore, Quota},
};

/// What is held against somebody is how long the key lives: Redis itself pays it off, and forgets it.
static WAIT: LazyScript = LazyScript::new(|| Script::new("return redis.call('PTTL', KEYS[1])"));

static FAIL: LazyScript = LazyScript::new(|| {
    Script::new(
        "local debt = math.max(redis.call('PTTL', KEYS[1]), 0)
         debt = math.min(debt + tonumber(ARGV[1]), tonumber(ARGV[2]))
         redis.call('SET', KEYS[1], '', 'PX', string.format('%.0f', debt))
         return 0",
    )
});

static CLEAR: LazyScript = LazyScript::new(|| Script::new("return redis.call('DEL', KEYS[1])"));

impl<C: ConnectionLike + Clone + Send + Sync + 'static> FailureStore for RedisStore<C> {
    async fn wait(&self, key: &FailureKey, quota: Quota) -> Result<Option<Duration>, Rejection> {
        let debt: i64 = self.run_again(&WAIT.key(self.failures(key))).await?;
        // -2: there is no such key.
        Ok(quota.wait(Duration::from_millis(u64::try_from(debt).unwrap_or(0))))
    }

    fn fail(&self, key: &FailureKey, quota: Quota) {
        let (one_more, most) = (milliseconds(quota.every()).max(1), milliseconds(quota.fail(Duration::MAX)));
        self.in_background(&FAIL, self.failures(key), [one_more, most.max(1)]);
    }

    fn clear(&self, key: &FailureKey) {
        self.in_background(&CLEAR, self.failures(key), []);
    }
}

impl<C: ConnectionLike + Clone + Send + Sync + 'static> RedisStore<C> {
    /// Not in the hash slot of the sessions: these keys have nothing to do with each other.
    fn failures(&self, key: &FailureKey) -> String {
        format!("{}:failures:{:032x}", self.prefix, u128::from_be_bytes(*key.as_bytes()))
    }

    /// Who is turned away does not wait for it; without Redis, nothing is counted.
    fn in_background<const N: usize>(&self, script: &'static Script, key: String, arguments: [u64; N]) {
        let Ok(runtime) = Handle::try_current() else { return };
        let store = self.clone();
        runtime.spawn(async move {
            let mut call = script.key(key);
            for argument in arguments {
                call.arg(argument);
            }
            let _: Result<i64, Rejection> = store.run(&call).await;
        });
    }
}
