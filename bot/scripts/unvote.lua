-- Take one person's label back. With the last one the whole vote goes, text included.
-- KEYS: vote, votes, votes of the channel, votes of the author, votes of the voter; ARGV: message, voter
-- Returns 1 where there was one.
local had = redis.call('HDEL', KEYS[1], 'by:' .. ARGV[2])
local left = false
for index, field in ipairs(redis.call('HGETALL', KEYS[1])) do
  left = left or (index % 2 == 1 and string.sub(field, 1, 3) == 'by:')
end
if not left then
  redis.call('DEL', KEYS[1])
  for index = 2, 4 do
    redis.call('ZREM', KEYS[index], ARGV[1])
  end
end
-- The author's list keeps what others said about their message.
if not left or KEYS[4] ~= KEYS[5] then
  redis.call('ZREM', KEYS[5], ARGV[1])
end
return had
