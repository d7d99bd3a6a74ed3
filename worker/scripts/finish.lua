-- Retire entries and hand each on to the next stream, in one step.
-- KEYS: source, next, then a job key and a message key for each entry
-- ARGV: group, consumer, cap of next (0: none), ttl_ms, then for each entry:
--       entry, state, reply_ts, number of field values, field, value, field, value, ...
-- Returns for each entry ok, fenced or done (its message was deleted meanwhile).
local source, target, group, consumer = KEYS[1], KEYS[2], ARGV[1], ARGV[2]
local cap, ttl = tonumber(ARGV[3]), ARGV[4]
local answers, at, key = {}, 5, 3

local function retire(entry)
  redis.call('XACK', source, group, entry)
  -- XDEL alone would leave the pending row, which is what ownership is read from.
  redis.call('XDEL', source, entry)
end

while at <= #ARGV do
  local entry, state, reply_ts, count = ARGV[at], ARGV[at + 1], ARGV[at + 2], tonumber(ARGV[at + 3])
  local job, message = KEYS[key], KEYS[key + 1]
  local first = at + 4
  at, key = first + count, key + 2
  if redis.call('HGET', message, 'state') == 'cancelled' then
    retire(entry)
    answers[#answers + 1] = 'done'
  elseif #redis.call('XPENDING', source, group, entry, entry, 1, consumer) == 0 then
    answers[#answers + 1] = 'fenced'
  else
    retire(entry)
    local added = ''
    if count > 0 then
      local add = { 'XADD', target }
      if cap > 0 then
        add[#add + 1] = 'MAXLEN'
        add[#add + 1] = '~'
        add[#add + 1] = cap
      end
      add[#add + 1] = '*'
      for index = first, first + count - 1 do
        add[#add + 1] = ARGV[index]
      end
      added = redis.call(unpack(add))
    end
    if state ~= '' then
      redis.call('HSET', job, 'state', state, 'entry', added)
      if reply_ts ~= '' then
        redis.call('HSET', job, 'reply_ts', reply_ts)
        -- The message key too: whoever deletes the message looks there for the reply.
        redis.call('HSET', message, 'reply_ts', reply_ts)
        redis.call('PEXPIRE', message, ttl)
      end
      redis.call('PEXPIRE', job, ttl)
    end
    answers[#answers + 1] = 'ok'
  end
end
return answers
