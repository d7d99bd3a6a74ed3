-- Counts of a candidate that labels beside the version served. They are its own: of another one nothing is added.
-- KEYS: shadow
-- ARGV: operation, sha256, gen, then
--       begin: version, now_ms    add: field, number, ...    note: field, text    end: nothing
-- Returns 1 where it did something, else 0.
local shadow, operation, sha256, gen = KEYS[1], ARGV[1], ARGV[2], ARGV[3]

local function clear()
  local fields = redis.call('HGETALL', shadow)
  for place = 1, #fields, 2 do
    redis.call('HDEL', shadow, fields[place])
  end
end

if operation == 'begin' then
  clear()
  redis.call('HSET', shadow, 'sha256', sha256, 'gen', gen, 'version', ARGV[4], 'since_ms', ARGV[5])
  return 1
end
if redis.call('HGET', shadow, 'sha256') ~= sha256 or redis.call('HGET', shadow, 'gen') ~= gen then
  return 0
end
if operation == 'end' then
  clear()
elseif operation == 'note' then
  redis.call('HSET', shadow, ARGV[4], ARGV[5])
else
  for place = 4, #ARGV, 2 do
    local before = tonumber(redis.call('HGET', shadow, ARGV[place]) or '0')
    redis.call('HSET', shadow, ARGV[place], before + tonumber(ARGV[place + 1]))
  end
end
return 1
