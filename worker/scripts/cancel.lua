-- The message was deleted: take back whatever is on its way, and leave a tombstone for what comes late.
-- KEYS: jobs, results, dead, message key, keys of its known edits ...
-- ARGV: ttl_ms, group of jobs, group of results, group of dead
-- Returns {state found, reply_ts}, both '' when the message was unknown.
local place = { queued = 1, labelled = 2, posting = 2, dead = 3 }
local found, reply_ts = '', ''
for index = 4, #KEYS do
  local key = KEYS[index]
  local state = redis.call('HGET', key, 'state')
  local entry = redis.call('HGET', key, 'entry')
  local where = place[state]
  if where and entry and entry ~= '' then
    redis.call('XACK', KEYS[where], ARGV[1 + where], entry)
    redis.call('XDEL', KEYS[where], entry)
  end
  -- "posting" of any edit outweighs the rest: then a reply may be on its way to Slack.
  if state and (found == '' or state == 'posting') then
    found = state
  end
  reply_ts = redis.call('HGET', key, 'reply_ts') or reply_ts
end
for index = 4, #KEYS do
  redis.call('HSET', KEYS[index], 'state', 'cancelled')
  redis.call('PEXPIRE', KEYS[index], ARGV[1])
end
return { found, reply_ts }
