-- Erase a vote and every list that names it. KEYS: vote, lists ...; ARGV: message. Returns 1 where there was one.
local had = redis.call('DEL', KEYS[1])
for index = 2, #KEYS do
  redis.call('ZREM', KEYS[index], ARGV[1])
end
return had
