use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use ::redis::{Script, ScriptInvocation, aio::ConnectionLike};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Serialize, de::DeserializeOwned};

use super::{LazyScript, RedisStore, milliseconds};
use crate::{
    Reason, Rejection,
    store::{SessionRecord, SessionStore, Stored, Times},
    validator::{
        digest,
        session::{Limits, SessionInfo, SessionKey},
    },
};

// A session is a hash: c created, s seen (milliseconds since 1970), u subject, x its index, i identity, v version of the credentials,
// r usable until, since it was replaced, n the key of the one that took its place, b the one whose place it took. Of one that ended only e is left: why. A subject's index is a sorted set of keys by
// their creation.
const COMMON: &str = "
local now, idle, absolute = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local touch, grace, remember, most = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local prefix = ARGV[8]
local function whole(number) return string.format('%.0f', number) end
local function is_young(created, seen)
  created, seen = tonumber(created or nil), tonumber(seen or nil)
  return created and seen and now - created < absolute and now - seen < idle
end
local function lives_for(created) return whole(math.min(idle, absolute - math.max(now - created, 0)) + remember) end
-- Never sooner than before: a session with longer limits may be in it.
local function keep_index(index, lasts)
  if redis.call('PTTL', index) < lasts then redis.call('PEXPIRE', index, whole(lasts)) end
end
local function finish(key, why)
  local s = redis.call('HMGET', key, 'c', 's', 'r', 'x')
  if not s[1] then return false end
  if s[4] then redis.call('ZREM', s[4], string.sub(key, #prefix + 1)) end
  redis.call('DEL', key)
  redis.call('HSET', key, 'e', why)
  redis.call('PEXPIRE', key, whole(math.max(remember, 1)))
  if s[3] then return now < tonumber(s[3]) end
  return is_young(s[1], s[2])
end
local function make_room(index, new)
  local live, ended = {}, {}
  for _, member in ipairs(redis.call('ZRANGE', index, 0, -1)) do
    local s = redis.call('HMGET', prefix .. member, 'c', 's', 'r')
    if not s[1] then
      redis.call('ZREM', index, member)
    elseif s[3] and now >= tonumber(s[3]) then
      finish(prefix .. member, 'replaced')
    elseif not s[3] and member ~= new and is_young(s[1], s[2]) then
      table.insert(live, member)
    end
  end
  for oldest = 1, #live + 1 - most do
    finish(prefix .. live[oldest], 'revoked')
    table.insert(ended, live[oldest])
  end
  return ended
end
-- Returns what had to make room.
local function add(key, index, member, created, seen, subject, identity, version)
  redis.call('HSET', key, 'c', created, 's', seen, 'u', subject, 'x', index, 'i', identity)
  if version ~= '' then redis.call('HSET', key, 'v', version) end
  redis.call('PEXPIRE', key, lives_for(tonumber(created)))
  -- One comes, and two that Redis removed go, so that there are never many of these.
  for _, old in ipairs(redis.call('ZRANGE', index, 0, 1)) do
    if redis.call('EXISTS', prefix .. old) == 0 then redis.call('ZREM', index, old) end
  end
  redis.call('ZADD', index, created, member)
  keep_index(index, absolute + remember)
  return redis.call('ZCARD', index) > most and make_room(index, member) or {}
end
";

fn script(own: &str) -> Script {
    Script::new(&format!("{COMMON}{own}"))
}

static CREATE: LazyScript = LazyScript::new(|| {
    script(
        "if redis.call('EXISTS', KEYS[1]) == 1 then return false end
         return add(KEYS[1], KEYS[2], ARGV[9], ARGV[10], ARGV[11], ARGV[12], ARGV[13], ARGV[14])",
    )
});

static LOAD: LazyScript = LazyScript::new(|| {
    script(
        "local s = redis.call('HMGET', KEYS[1], 'c', 's', 'u', 'i', 'v', 'e', 'r')
         if not s[6] and not s[7] and is_young(s[1], s[2]) and now - tonumber(s[2]) >= touch then
           -- A Redis that is full does not take it down: the session then ends sooner, and nobody is signed out at once.
           if type(redis.pcall('HSET', KEYS[1], 's', ARGV[1])) == 'number' then
             local lasts = lives_for(tonumber(s[1]))
             redis.call('PEXPIRE', KEYS[1], lasts)
             local index = redis.call('HGET', KEYS[1], 'x')
             if index then
               redis.pcall('ZADD', index, s[1], string.sub(KEYS[1], #prefix + 1)) -- if Redis evicted it
               keep_index(index, tonumber(lasts))
             end
           end
         end
         return s",
    )
});

static REPLACE: LazyScript = LazyScript::new(|| {
    script(
        "local s = redis.call('HMGET', KEYS[3], 'c', 's', 'r')
         if s[3] or not is_young(s[1], s[2]) or redis.call('EXISTS', KEYS[1]) == 1 then return false end
         redis.call('HSET', KEYS[3], 'r', whole(now + grace), 'n', ARGV[9])
         redis.call('PEXPIRE', KEYS[3], whole(math.max(grace + remember, 1)))
         redis.call('HSET', KEYS[1], 'b', string.sub(KEYS[3], #prefix + 1))
         return add(KEYS[1], KEYS[2], ARGV[9], ARGV[10], ARGV[11], ARGV[12], ARGV[13], ARGV[14])",
    )
});

static END: LazyScript = LazyScript::new(|| {
    script(
        "local why = ARGV[9]
         local ended = {string.sub(KEYS[1], #prefix + 1)}
         local function walk(member, link)
           while member do
             local key = prefix .. member
             local linked = redis.call('HGET', key, link)
             if not finish(key, why) then return end
             table.insert(ended, member)
             member = linked
           end
         end
         local links = redis.call('HMGET', KEYS[1], 'b', 'n')
         if not finish(KEYS[1], why) then return {} end
         if why ~= 'credentials_changed' then
           walk(links[1], 'b')
           walk(links[2], 'n')
         end
         return ended",
    )
});

static END_ALL: LazyScript = LazyScript::new(|| {
    script(
        "local ended = {}
         for _, member in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
           if finish(prefix .. member, 'revoked') then table.insert(ended, member) end
         end
         redis.call('DEL', KEYS[1])
         return ended",
    )
});

static LIST: LazyScript = LazyScript::new(|| {
    script(
        "local list = {}
         for _, member in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
           local s = redis.call('HMGET', prefix .. member, 'c', 's', 'r')
           if not s[3] and is_young(s[1], s[2]) then table.insert(list, {member, s[1], s[2]}) end
         end
         return list",
    )
});

impl<I, C> SessionStore<I> for RedisStore<C>
where
    I: Serialize + DeserializeOwned + Send + Sync + 'static,
    C: ConnectionLike + Clone + Send + Sync + 'static,
{
    async fn create(
        &self,
        key: SessionKey,
        record: SessionRecord<I>,
        limits: Limits,
    ) -> Result<Option<Vec<SessionKey>>, Rejection> {
        let mut call = self.call(&CREATE, limits);
        self.add(&mut call, &key, &record)?;
        Ok(self.run::<Option<_>>(&call).await?.map(keys))
    }

    async fn load(&self, key: &SessionKey, limits: Limits) -> Result<Option<Stored<I>>, Rejection> {
        let mut call = self.call(&LOAD, limits);
        call.key(self.session(key));
        let fields: Vec<Option<Vec<u8>>> = self.run_again(&call).await?;
        Ok(read(fields, limits))
    }

    async fn replace(
        &self,
        old: &SessionKey,
        key: SessionKey,
        record: SessionRecord<I>,
        limits: Limits,
    ) -> Result<Option<Vec<SessionKey>>, Rejection> {
        let mut call = self.call(&REPLACE, limits);
        self.add(&mut call, &key, &record)?;
        call.key(self.session(old));
        Ok(self.run::<Option<_>>(&call).await?.map(keys))
    }

    async fn end(
        &self,
        key: &SessionKey,
        reason: Reason,
        limits: Limits,
    ) -> Result<Vec<SessionKey>, Rejection> {
        let mut call = self.call(&END, limits);
        call.key(self.session(key)).arg(reason.as_str());
        self.run(&call).await.map(keys)
    }

    async fn end_all(&self, subject: &str, limits: Limits) -> Result<Vec<SessionKey>, Rejection> {
        let mut call = self.call(&END_ALL, limits);
        call.key(self.index(subject));
        self.run(&call).await.map(keys)
    }

    async fn list(&self, subject: &str, limits: Limits) -> Result<Vec<SessionInfo>, Rejection> {
        let mut call = self.call(&LIST, limits);
        call.key(self.index(subject));
        let sessions: Vec<(String, u64, u64)> = self.run_again(&call).await?;
        let info = |(member, created, seen): (String, u64, u64)| {
            let times = Times { created: time(created), seen: time(seen) };
            Some(SessionInfo { key: member.parse().ok()?, times })
        };
        Ok(sessions.into_iter().filter_map(info).collect())
    }
}

impl<C> RedisStore<C> {
    fn session(&self, key: &SessionKey) -> String {
        format!("{{{}}}:session:{key}", self.prefix)
    }

    /// Whose it is stands in no key, lest it stand in Redis's own logs.
    fn index(&self, subject: &str) -> String {
        format!("{{{}}}:subject:{}", self.prefix, URL_SAFE_NO_PAD.encode(digest::of(subject)))
    }

    /// Begins a call, with what all scripts take.
    fn call(&self, script: &'static Script, limits: Limits) -> ScriptInvocation<'static> {
        let mut call = script.arg(since_1970(limits.now));
        for duration in [limits.idle, limits.absolute, limits.touch, limits.grace, limits.remember] {
            call.arg(milliseconds(duration));
        }
        call.arg(limits.per_subject).arg(format!("{{{}}}:session:", self.prefix));
        call
    }

    fn add<I: Serialize>(
        &self,
        call: &mut ScriptInvocation<'_>,
        key: &SessionKey,
        record: &SessionRecord<I>,
    ) -> Result<(), Rejection> {
        let identity = serde_json::to_vec(&*record.identity).map_err(|error| {
            Rejection::misconfigured(format!("the identity of a session cannot be written: {error}"))
        })?;
        call.key(self.session(key)).key(self.index(&record.subject));
        call.arg(key.to_string())
            .arg(since_1970(record.times.created))
            .arg(since_1970(record.times.seen))
            .arg(&*record.subject)
            .arg(identity)
            .arg(record.version.map(|version| version.to_string()).unwrap_or_default());
        Ok(())
    }
}

/// Reads what [`LOAD`] returns.
fn read<I: DeserializeOwned>(fields: Vec<Option<Vec<u8>>>, limits: Limits) -> Option<Stored<I>> {
    let fields: [Option<Vec<u8>>; 7] = fields.try_into().ok()?;
    let [created, seen, subject, identity, version, ended, replaced] = fields;
    if let Some(reason) = ended {
        return Some(Stored::Ended(reason_of(&reason)));
    }
    // Without a trace of it there is no such session.
    let created = created?;
    let is_replaced = replaced.map(|until| number(&until).is_none_or(|until| time(until) <= limits.now));
    if is_replaced == Some(true) {
        return Some(Stored::Ended(Reason::Replaced));
    }
    let record = || {
        let times = Times { created: time(number(&created)?), seen: time(number(&seen?)?) };
        let subject = Arc::from(String::from_utf8(subject?).ok()?);
        let identity = Arc::new(serde_json::from_slice(&identity?).ok()?);
        let version = match version {
            Some(version) => Some(number(&version)?),
            None => None,
        };
        Some(SessionRecord { identity, subject, times, version })
    };
    Some(record().map_or(Stored::Unreadable, Stored::Live))
}

/// Reads the keys of what a script ended.
fn keys(members: Vec<String>) -> Vec<SessionKey> {
    members.into_iter().filter_map(|member| member.parse().ok()).collect()
}

fn reason_of(code: &[u8]) -> Reason {
    let known = [Reason::Replaced, Reason::CredentialsChanged];
    known.into_iter().find(|reason| reason.as_str().as_bytes() == code).unwrap_or(Reason::Revoked)
}

fn number(text: &[u8]) -> Option<u64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

fn since_1970(time: SystemTime) -> u64 {
    milliseconds(time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default())
}

fn time(milliseconds: u64) -> SystemTime {
    let since_1970 = Duration::from_millis(milliseconds);
    SystemTime::UNIX_EPOCH.checked_add(since_1970).unwrap_or(SystemTime::UNIX_EPOCH)
}
