-- Holds a guess under one or two counters, or under none. Nothing is written unless it is held, and
-- holding it again renews it, so that a call may be repeated.
--
-- KEYS  for each counter: its failures (a key that lives as long as the debt), its holds (a sorted set
--       of guesses by the time when they were held)
-- ARGV  guess, lease, remembered, then for each counter: every, tolerance (all times in milliseconds)
local guess, lease, remembered = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local counters = #KEYS / 2
local function whole(number) return string.format('%.0f', number) end

local wait, busy = 0, 0
for counter = 1, counters do
  local failures, holds = KEYS[2 * counter - 1], KEYS[2 * counter]
  local every, tolerance = tonumber(ARGV[2 * counter + 2]), tonumber(ARGV[2 * counter + 3])
  local debt = math.max(redis.call('PTTL', failures), 0)
  local held = redis.call('ZCOUNT', holds, '(' .. whole(now - lease), '+inf')
  local since = tonumber(redis.call('ZSCORE', holds, guess) or nil)
  if since and since > now - lease then held = held - 1 end
  wait = math.max(wait, debt - tolerance)
  if busy == 0 and debt + held * every > tolerance then busy = counter end
end
if wait > 0 then return {'refused', wait} end
if busy > 0 then return {'busy', busy} end

for counter = 1, counters do
  local holds = KEYS[2 * counter]
  -- This comes first: where Redis is full, it is the command that Redis refuses. It refuses none after
  -- a first write.
  redis.call('ZADD', holds, whole(now), guess)
  redis.call('ZREMRANGEBYSCORE', holds, '-inf', whole(now - remembered))
  redis.call('PEXPIRE', holds, whole(remembered))
end
return {'held', 0}
