-- Let others take an entry of ours: at once, or later by setting how long it has been idle.
-- KEYS: stream; ARGV: group, consumer, entry, idle_ms, delivery count to leave behind
-- Returns ok or fenced.
if #redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[3], ARGV[3], 1, ARGV[2]) == 0 then
  return 'fenced'
end
-- The count is absolute, so that sending this twice changes nothing.
redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, ARGV[3], 'IDLE', ARGV[4], 'RETRYCOUNT', ARGV[5], 'JUSTID')
return 'ok'
