-- Note labels that were given and count each message once: a newer edit moves its count to the new label.
-- KEYS: for each message its tag, tags of its channel, day, people, salt, strong, counted, the queue's message key
-- ARGV: now_ms, ttl of tags, ttl of days, ttl of the salt, a fresh salt, strongest kept of a label, then for each:
--       message, channel, ts, edit_ts, reply_ts, reaction, label, confidence, sure (1 or 0), version, day, user
-- Returns for each new, moved, known, or gone (the message was deleted).
local now, tag_ttl, day_ttl, salt_ttl, fresh, keep = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], tonumber(ARGV[6])
local answers = {}

local function add(key, field, number)
  if redis.call('HINCRBY', key, field, number) <= 0 then
    redis.call('HDEL', key, field)
  end
end

local function person(salt, channel, user)
  local key = redis.call('HGET', salt, 'key')
  if not key then
    key = fresh
    redis.call('HSET', salt, 'key', key)
    redis.call('PEXPIRE', salt, salt_ttl)
  end
  return string.sub(redis.sha1hex(key .. channel .. ':' .. user), 1, 16)
end

-- The strongest of each label: a day that is all praise must not hide its one complaint.
local function trim(strong, label)
  local rows, same = redis.call('ZRANGE', strong, 0, -1), {}
  for _, member in ipairs(rows) do
    if string.sub(member, string.find(member, ' ', 1, true) + 1) == label then
      same[#same + 1] = member
    end
  end
  for index = 1, #same - keep do
    redis.call('ZREM', strong, same[index])
  end
end

for at = 0, #KEYS / 8 - 1 do
  local tag, tags, day, people, salt, strong, counted, job = unpack(KEYS, at * 8 + 1, at * 8 + 8)
  local message, channel, ts, edit_ts, reply_ts, reaction, label, confidence, sure, version, date, user =
    unpack(ARGV, at * 12 + 7, at * 12 + 18)
  local old = redis.call('HMGET', tag, 'edit_ts', 'label', 'sure', 'version')
  local answer = 'new'
  if redis.call('HGET', job, 'state') == 'cancelled' then
    answer = 'gone'
  elseif old[1] and (old[1] > edit_ts or (old[1] == edit_ts and old[4] == version)) then
    answer = 'known'
  elseif old[1] then
    answer = 'moved'
  end
  if answer == 'new' or answer == 'moved' then
    redis.call('HSET', tag, 'channel', channel, 'ts', ts, 'edit_ts', edit_ts, 'label', label,
      'confidence', confidence, 'sure', sure, 'version', version, 'day', date)
    redis.call('PEXPIRE', tag, tag_ttl)
    redis.call('ZADD', tags, now, message)
    redis.call('PEXPIRE', tags, tag_ttl)
    for _, member in ipairs(redis.call('ZRANGE', tags, '-inf', now - tag_ttl, 'BYSCORE', 'LIMIT', 0, 20)) do
      redis.call('ZREM', tags, member)
    end
    if answer == 'moved' then
      add(day, 'label:' .. old[2], -1)
      add(day, 'sure', -tonumber(old[3]))
      redis.call('ZREM', strong, ts .. ' ' .. old[2])
    else
      add(day, 'all', 1)
      if user ~= '' then
        redis.call('HINCRBY', people, person(salt, channel, user), 1)
        redis.call('PEXPIRE', people, day_ttl)
      end
    end
    add(day, 'label:' .. label, 1)
    add(day, 'sure', tonumber(sure))
    redis.call('PEXPIRE', day, day_ttl)
    redis.call('ZADD', counted, now, channel)
    redis.call('ZADD', strong, confidence, ts .. ' ' .. label)
    redis.call('PEXPIRE', strong, tag_ttl)
    trim(strong, label)
  end
  if answer ~= 'gone' then
    -- What stands in Slack now. Told again without it, it is only not known; an edit without it took it away.
    if reply_ts ~= '' or answer == 'moved' then
      redis.call('HSET', tag, 'reply_ts', reply_ts)
    end
    if reaction ~= '' or answer == 'moved' then
      redis.call('HSET', tag, 'reaction', reaction)
    end
  end
  answers[#answers + 1] = answer
end
return answers
