-- Write a hash that ends by itself, in one step, so that a kill leaves none that stays for ever.
-- KEYS: hash; ARGV: ttl_ms, field, value, field, value, ...
local values = {}
for index = 2, #ARGV do
  values[#values + 1] = ARGV[index]
end
redis.call('HSET', KEYS[1], unpack(values))
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return 1
