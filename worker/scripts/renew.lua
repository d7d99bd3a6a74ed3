-- Prolong the leases that are still ours.
-- KEYS: stream; ARGV: group, consumer, entry, entry, ...
-- Returns the entries we lost.
local lost = {}
for index = 3, #ARGV do
  local entry = ARGV[index]
  if #redis.call('XPENDING', KEYS[1], ARGV[1], entry, entry, 1, ARGV[2]) > 0 then
    -- JUSTID leaves the delivery counter alone.
    redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, entry, 'JUSTID')
  else
    lost[#lost + 1] = entry
  end
end
return lost
