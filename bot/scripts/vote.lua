-- One person's label for a message; their last one counts.
-- KEYS: vote, votes, votes of the channel, votes of the voter, votes of the author, the queue's message key
-- ARGV: now_ms, ttl of the vote, ttl of the lists, message, voter, label, text ('': keep none), field, value, ...
-- Returns 1; 0 where the message was deleted.
if redis.call('HGET', KEYS[6], 'state') == 'cancelled' then
  return 0
end
local facts = {}
for index = 8, #ARGV do
  facts[#facts + 1] = ARGV[index]
end
redis.call('HSET', KEYS[1], 'by:' .. ARGV[5], ARGV[6], 'at', ARGV[1], unpack(facts))
if ARGV[7] == '' then
  redis.call('HDEL', KEYS[1], 'text')
else
  redis.call('HSET', KEYS[1], 'text', ARGV[7])
end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
for index = 2, 5 do
  -- By the time they end: what is over falls off the front.
  for _, over in ipairs(redis.call('ZRANGE', KEYS[index], '-inf', ARGV[1], 'BYSCORE', 'LIMIT', 0, 20)) do
    redis.call('ZREM', KEYS[index], over)
  end
  redis.call('ZADD', KEYS[index], ARGV[1] + ARGV[2], ARGV[4])
  redis.call('PEXPIRE', KEYS[index], ARGV[3])
end
return 1
