-- Change one field of a hash if it still is what its reader saw, and let those know who watch a state.
-- KEYS: hash, state if somebody watches one; ARGV: field, expected value ('': none), new value ('': none)
-- Returns 1: changed; 2: it was so already; 0: somebody else changed it meanwhile.
local now = redis.call('HGET', KEYS[1], ARGV[1]) or ''
if now == ARGV[3] then
  return 2
end
if now ~= ARGV[2] then
  return 0
end
if ARGV[3] == '' then
  redis.call('HDEL', KEYS[1], ARGV[1])
else
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
end
if KEYS[2] then
  redis.call('HINCRBY', KEYS[2], 'rev', 1)
end
return 1
