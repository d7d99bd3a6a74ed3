-- Take back what was noted about a message: its tag, its count, its place among the strongest.
-- KEYS: tag, tags of its channel, day, people, salt, strong; ARGV: message, channel, user ('': unknown)
-- Returns 1 where there was a tag.
local tag, tags, day, people, salt, strong = unpack(KEYS)
local old = redis.call('HMGET', tag, 'label', 'sure', 'ts')

local function less(key, field, number)
  if redis.call('HINCRBY', key, field, -number) <= 0 then
    redis.call('HDEL', key, field)
  end
end

if not old[1] then
  return 0
end
redis.call('DEL', tag)
redis.call('ZREM', tags, ARGV[1])
redis.call('ZREM', strong, old[3] .. ' ' .. old[1])
if redis.call('EXISTS', day) == 1 then
  less(day, 'all', 1)
  less(day, 'label:' .. old[1], 1)
  less(day, 'sure', tonumber(old[2]))
end
-- For two days; later nobody can say whose count it was.
local key = redis.call('HGET', salt, 'key')
if key and ARGV[3] ~= '' then
  local person = string.sub(redis.sha1hex(key .. ARGV[2] .. ':' .. ARGV[3]), 1, 16)
  if redis.call('HGET', people, person) then
    less(people, person, 1)
  end
end
return 1
