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
    store::{Lifetime, SessionRecord, SessionStore, Stored, Times},
    validator::{
        digest,
        session::{Limits, SessionInfo, SessionKey},
    },
};

// A session is a hash: c created, s seen (milliseconds since 1970), u subject, x its index, i identity, v version of the credentials,
// l its lifetime, unless that is ordinary, r usable until, since it was replaced, n the key of the one that took its place, b the one
// whose place it took. Of one that ended only e is left: why. A subject's index is a sorted set of keys by their creation.
const COMMON: &str = "
local now, touch, grace = tonumber(ARGV[1]), tonumber(ARGV[5]), tonumber(ARGV[6])
local remember, most = tonumber(ARGV[7]), tonumber(ARGV[8])
local prefix = ARGV[9]
local function whole(number) return string.format('%.0f', number) end
-- How long it may go unused, and how long it lives at most.
local function limits(lifetime)
  if lifetime == 'stay' then return tonumber(ARGV[4]), tonumber(ARGV[4]) end
  return tonumber(ARGV[2]), tonumber(ARGV[3])
end
local function is_young(created, seen, lifetime)
  local idle, absolute = limits(lifetime)
  created, seen = tonumber(created or nil), tonumber(seen or nil)
  return created and seen and now - created < absolute and now - seen < idle
end
local function lives_for(created, lifetime)
  local idle, absolute = limits(lifetime)
  return whole(math.min(idle, absolute - math.max(now - created, 0)) + remember)
end
-- Never sooner than before: a session with longer limits may be in it.
local function keep_index(index, lasts)
  if redis.call('PTTL', index) < lasts then redis.call('PEXPIRE', index, whole(lasts)) end
end
local function finish(key, why)
  local s = redis.call('HMGET', key, 'c', 's', 'r', 'x', 'l')
  if not s[1] then return false end
  if s[4] then redis.call('ZREM', s[4], string.sub(key, #prefix + 1)) end
  redis.call('DEL', key)
  redis.call('HSET', key, 'e', why)
  redis.call('PEXPIRE', key, whole(math.max(remember, 1)))
  if s[3] then return now < tonumber(s[3]) end
  return is_young(s[1], s[2], s[5])
end
local function make_room(index, new)
  local live, ended = {}, {}
  for _, member in ipairs(redis.call('ZRANGE', index, 0, -1)) do
    local s = redis.call('HMGET', prefix .. member, 'c', 's', 'r', 'l')
    if not s[1] then
      redis.call('ZREM', index, member)
    elseif s[3] and now >= tonumber(s[3]) then
      finish(prefix .. member, 'replaced')
    elseif not s[3] and member ~= new and is_young(s[1], s[2], s[4]) then
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
local function add(key, index, member, created, seen, lifetime, subject, identity, version)
  redis.call('HSET', key, 'c', created, 's', seen, 'u', subject, 'x', index, 'i', identity)
  if version ~= '' then redis.call('HSET', key, 'v', version) end
  if lifetime ~= '' then redis.call('HSET', key, 'l', lifetime) end
  redis.call('PEXPIRE', key, lives_for(tonumber(created), lifetime))
  -- One comes, and of any two those go that Redis removed, so that there are never many of these. Not of the first two: who stays
  -- signed in may be in front of others for weeks.
  for _, old in ipairs(redis.call('ZRANDMEMBER', index, 2)) do
    if redis.call('EXISTS', prefix .. old) == 0 then redis.call('ZREM', index, old) end
  end
  redis.call('ZADD', index, created, member)
  local _, absolute = limits(lifetime)
  keep_index(index, absolute + remember)
  return redis.call('ZCARD', index) > most and make_room(index, member) or {}
end
";

/// The lifetime of who stays signed in, as `limits` above knows it.
const STAY: &str = "stay";

fn script(own: &str) -> Script {
    Script::new(&format!("{COMMON}{own}"))
}

static CREATE: LazyScript = LazyScript::new(|| {
    script(
        "if redis.call('EXISTS', KEYS[1]) == 1 then return false end
         return add(KEYS[1], KEYS[2], unpack(ARGV, 10))",
    )
});

static LOAD: LazyScript = LazyScript::new(|| {
    script(
        "local s = redis.call('HMGET', KEYS[1], 'c', 's', 'u', 'i', 'v', 'e', 'r', 'l')
         if not s[6] and not s[7] and is_young(s[1], s[2], s[8]) and now - tonumber(s[2]) >= touch then
           -- A Redis that is full does not take it down: the session then ends sooner, and nobody is signed out at once.
           if type(redis.pcall('HSET', KEYS[1], 's', ARGV[1])) == 'number' then
             local lasts = lives_for(tonumber(s[1]), s[8])
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
        "local s = redis.call('HMGET', KEYS[3], 'c', 's', 'r', 'l')
         if s[3] or not is_young(s[1], s[2], s[4]) or redis.call('EXISTS', KEYS[1]) == 1 then return false end
         redis.call('HSET', KEYS[3], 'r', whole(now + grace), 'n', ARGV[10])
         redis.call('PEXPIRE', KEYS[3], whole(math.max(grace + remember, 1)))
         redis.call('HSET', KEYS[1], 'b', string.sub(KEYS[3], #prefix + 1))
         return add(KEYS[1], KEYS[2], unpack(ARGV, 10))",
    )
});

static END: LazyScript = LazyScript::new(|| {
    script(
        "local why = ARGV[10]
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
           local s = redis.call('HMGET', prefix .. member, 'c', 's', 'r', 'l')
           if not s[3] and is_young(s[1], s[2], s[4]) then table.insert(list, {member, s[1], s[2], s[4]}) end
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
        let sessions: Vec<(String, u64, u64, Option<Vec<u8>>)> = self.run_again(&call).await?;
        let info = |(member, created, seen, lifetime): (String, u64, u64, Option<Vec<u8>>)| {
            let lifetime = lifetime_of(lifetime.as_deref()).unwrap_or_default();
            let times = Times { created: time(created), seen: time(seen), lifetime };
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
        let Limits { idle, absolute, stay, touch, grace, remember, .. } = limits;
        for duration in [idle, absolute, stay, touch, grace, remember] {
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
            .arg(if record.times.lifetime == Lifetime::StaySignedIn { STAY } else { "" })
            .arg(&*record.subject)
            .arg(identity)
            .arg(record.version.map(|version| version.to_string()).unwrap_or_default());
        Ok(())
    }
}

/// Reads what [`LOAD`] returns.
fn read<I: DeserializeOwned>(fields: Vec<Option<Vec<u8>>>, limits: Limits) -> Option<Stored<I>> {
    let fields: [Option<Vec<u8>>; 8] = fields.try_into().ok()?;
    let [created, seen, subject, identity, version, ended, replaced, lifetime] = fields;
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
        let lifetime = lifetime_of(lifetime.as_deref())?;
        let times = Times { created: time(number(&created)?), seen: time(number(&seen?)?), lifetime };
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

/// Reads a session's lifetime; one that was kept before there were others has none.
fn lifetime_of(text: Option<&[u8]>) -> Option<Lifetime> {
    match text {
        None => Some(Lifetime::Ordinary),
        Some(text) => (text == STAY.as_bytes()).then_some(Lifetime::StaySignedIn),
    }
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
