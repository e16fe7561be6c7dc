-- Turns the hold of a guess into what came of it. A counter under which it is not held stays as it is,
-- so that a call may be repeated. A Redis that is full lets all of this pass.
--
-- KEYS  as in hold.lua
-- ARGV  guess, settlement, then for each counter: every, most (in milliseconds)
local guess, settlement = ARGV[1], ARGV[2]
for counter = 1, #KEYS / 2 do
  local failures, holds = KEYS[2 * counter - 1], KEYS[2 * counter]
  local every, most = tonumber(ARGV[2 * counter + 1]), tonumber(ARGV[2 * counter + 2])
  if redis.call('ZREM', holds, guess) == 1 then
    if settlement == 'failed' and every > 0 then
      local debt = math.min(math.max(redis.call('PTTL', failures), 0) + every, most)
      redis.call('SET', failures, '', 'PX', string.format('%.0f', debt))
    elseif settlement == 'succeeded' and counter == 2 then
      redis.call('DEL', failures)
    end
  end
end
return 0
