--[[
  Stores one segment unless it overlaps a stored one.
  KEYS[1] index   sorted set of from-to-events by from
  KEYS[2] content hash of the segments' bytes by from
  KEYS[3] bytes   sum of their sizes
  ARGV[1] from, ARGV[2] to, ARGV[3] events
  ARGV[4] sum of sizes that must not be passed
  ARGV[5] the segment
  Returns 'stored', 'overlap' or 'full'; the last two changed nothing.
  Stored ranges do not overlap, so only the neighbours of `from` can meet the new range.
]]
local from, to = tonumber(ARGV[1]), tonumber(ARGV[2])

local below = redis.call('ZREVRANGEBYSCORE', KEYS[1], ARGV[1], '-inf', 'LIMIT', 0, 1)[1]
if below and tonumber(string.match(below, '^%d+%-(%d+)%-')) > from then
  return 'overlap'
end
local above = redis.call('ZRANGEBYSCORE', KEYS[1], ARGV[1], '+inf', 'LIMIT', 0, 1)[1]
if above and tonumber(string.match(above, '^(%d+)%-')) < to then
  return 'overlap'
end
local bytes = tonumber(redis.call('GET', KEYS[3]) or '0')
if bytes + #ARGV[5] > tonumber(ARGV[4]) then
  return 'full'
end

redis.call('HSET', KEYS[2], ARGV[1], ARGV[5])
redis.call('ZADD', KEYS[1], ARGV[1], ARGV[1] .. '-' .. ARGV[2] .. '-' .. ARGV[3])
redis.call('INCRBY', KEYS[3], #ARGV[5])
return 'stored'
