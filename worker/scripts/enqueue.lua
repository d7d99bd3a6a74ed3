-- Put a job into the queue once; a message deleted before is refused.
-- KEYS: jobs, results, job key, message key, marks
-- ARGV: limit, schema, data, ttl_ms, origin, mark field, ts, advance (1 or 0)
-- Returns ok, dup or full.
if redis.call('EXISTS', KEYS[3]) == 1 or redis.call('HGET', KEYS[4], 'state') == 'cancelled' then
  return 'dup'
end
if redis.call('XLEN', KEYS[1]) + redis.call('XLEN', KEYS[2]) >= tonumber(ARGV[1]) then
  return 'full'
end
-- XADD first: with memory full it is the write that is refused, and nothing has happened yet.
local entry = redis.call('XADD', KEYS[1], '*', 'v', ARGV[2], 'data', ARGV[3])
redis.call('HSET', KEYS[3], 'state', 'queued', 'origin', ARGV[5], 'entry', entry)
redis.call('PEXPIRE', KEYS[3], ARGV[4])
if ARGV[8] == '1' then
  local mark = redis.call('HGET', KEYS[5], ARGV[6])
  if not mark or ARGV[7] > mark then
    redis.call('HSET', KEYS[5], ARGV[6], ARGV[7])
  end
end
return 'ok'
