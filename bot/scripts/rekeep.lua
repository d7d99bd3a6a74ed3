-- Another retention time, or no texts any more, for a vote that exists.
-- KEYS: vote, lists ...; ARGV: message, end (ms), ttl_ms (0 or less: over), keep the text (1 or 0)
if redis.call('EXISTS', KEYS[1]) == 0 then
  return 0
end
if ARGV[4] == '0' then
  redis.call('HDEL', KEYS[1], 'text')
end
redis.call('PEXPIRE', KEYS[1], ARGV[3])
for index = 2, #KEYS do
  redis.call('ZADD', KEYS[index], ARGV[2], ARGV[1])
end
return 1
