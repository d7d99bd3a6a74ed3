-- Record that a reply is about to be sent, and say whether it may be, must be looked up first, or is not needed.
-- KEYS: results, job key, message key
-- ARGV: group, consumer, entry, edit_ts (0: no edit), ttl_ms, form of the reply, looked (1: no earlier one arrived)
-- Returns {post | reconcile | done | fenced, posting_ms of an earlier begin or '', the form begun earlier or ''}.
local results, job, message = KEYS[1], KEYS[2], KEYS[3]
local group, consumer, entry, edit_ts, ttl = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local form, looked = ARGV[6], ARGV[7] == '1'

local function retire()
  redis.call('XACK', results, group, entry)
  redis.call('XDEL', results, entry)
  return { 'done', '', '' }
end

if redis.call('HGET', message, 'state') == 'cancelled' then
  return retire()
end
if #redis.call('XPENDING', results, group, entry, entry, 1, consumer) == 0 then
  return { 'fenced', '', '' }
end
-- XCLAIM is the first write: allowed with memory full, so a full broker still drains.
redis.call('XCLAIM', results, group, consumer, 0, entry, 'JUSTID')
local state, origin = redis.call('HGET', job, 'state'), redis.call('HGET', job, 'origin')
local known = redis.call('HGET', message, 'state')
local begun = redis.call('HGET', message, 'begun')
if state == 'posted' or (begun and begun > edit_ts) then
  return retire()
end
local posting_ms = redis.call('HGET', job, 'posting_ms') or ''
local earlier = redis.call('HGET', job, 'form') or ''
local answer = 'reconcile'
if state == 'labelled' and origin == 'live' and known and not begun then
  local now = redis.call('TIME')
  answer = 'post'
  posting_ms = ''
  redis.call('HSET', job, 'posting_ms', now[1] .. string.format('%03d', math.floor(tonumber(now[2]) / 1000)))
end
-- The place to look in stays the same until somebody has looked.
if answer == 'post' or looked or earlier == '' then
  redis.call('HSET', job, 'form', form)
end
redis.call('HSET', job, 'state', 'posting')
redis.call('HSET', message, 'begun', edit_ts)
redis.call('PEXPIRE', job, ttl)
redis.call('PEXPIRE', message, ttl)
return { answer, posting_ms, earlier }
