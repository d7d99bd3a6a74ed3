-- Every change of what the fleet shall serve: compare-and-set on the number of the last commit.
-- KEYS: model
-- ARGV: operation, expected gen, by (who asks), then
--       propose: version, sha256, ttl_ms    commit, abort: nothing    rollback: why    adopt: gen, version, sha256
-- Returns {ok | conflict, gen after the call}.
local model, operation, expected, by = KEYS[1], ARGV[1], tonumber(ARGV[2]), ARGV[3]
local now = redis.call('TIME')
local now_ms = now[1] * 1000 + math.floor(now[2] / 1000)
local gen = tonumber(redis.call('HGET', model, 'gen') or '0')
local next_by = redis.call('HGET', model, 'next_by')
local live = next_by and tonumber(redis.call('HGET', model, 'next_until')) > now_ms

local function conflict()
  return { 'conflict', gen }
end

local function serve(number, version, sha256)
  -- `by` lets a caller whose answer got lost recognise its own commit.
  redis.call('HSET', model, 'gen', number, 'version', version, 'sha256', sha256, 'by', by)
  return { 'ok', number }
end

local function forget_candidate()
  redis.call('HDEL', model, 'next_gen', 'next_version', 'next_sha256', 'next_by', 'next_until')
end

local function keep_previous()
  redis.call('HSET', model, 'prev_version', redis.call('HGET', model, 'version'),
    'prev_sha256', redis.call('HGET', model, 'sha256'))
end

if gen ~= expected or (live and next_by ~= by) then
  return conflict()
end
if operation == 'propose' then
  redis.call('HSET', model, 'next_gen', gen + 1, 'next_version', ARGV[4], 'next_sha256', ARGV[5],
    'next_by', by, 'next_until', now_ms + tonumber(ARGV[6]))
  return { 'ok', gen }
elseif operation == 'commit' then
  if not live then
    return conflict()
  end
  local version, sha256 = redis.call('HGET', model, 'next_version'), redis.call('HGET', model, 'next_sha256')
  if gen > 0 then
    keep_previous()
  end
  forget_candidate()
  return serve(gen + 1, version, sha256)
elseif operation == 'abort' then
  forget_candidate()
  return { 'ok', gen }
elseif operation == 'rollback' then
  local version, sha256 = redis.call('HGET', model, 'prev_version'), redis.call('HGET', model, 'prev_sha256')
  if not version then
    return conflict()
  end
  -- Noted first, so that nobody watches this commit and rolls it back in turn.
  redis.call('HSET', model, 'rolled_back_gen', gen + 1, 'rolled_back_from', redis.call('HGET', model, 'version'),
    'rolled_back_why', ARGV[4])
  keep_previous()
  forget_candidate()
  return serve(gen + 1, version, sha256)
elseif operation == 'adopt' then
  -- Only where nothing was ever committed: a first start, or a broker that lost its data.
  if gen ~= 0 then
    return conflict()
  end
  return serve(tonumber(ARGV[4]), ARGV[5], ARGV[6])
end
return redis.error_reply('ERR unknown operation ' .. operation)
