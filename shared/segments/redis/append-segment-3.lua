--[[
  Stores one segment in place of all stored ones that it overlaps, unless it is stored already.
  KEYS[1] index   sorted set of from-to-events-recordHash by from
  KEYS[2] content hash of the segments' bytes by from
  KEYS[3] bytes   sum of their sizes
  ARGV[1] from, ARGV[2] to, ARGV[3] events, ARGV[4] recordHash
  ARGV[5] sum of sizes that must not be passed
  ARGV[6] the segment
  Returns 'stored', 'replaced', 'redelivered' or 'full'; the last two changed nothing.
  Stored ranges do not overlap, so of those that start below `from` only the last can meet the new range.
]]
local member = table.concat({ ARGV[1], ARGV[2], ARGV[3], ARGV[4] }, '-')
if redis.call('ZSCORE', KEYS[1], member) then
  return 'redelivered'
end

local overlapped = redis.call('ZRANGEBYSCORE', KEYS[1], ARGV[1], '(' .. ARGV[2])
local below = redis.call('ZREVRANGEBYSCORE', KEYS[1], '(' .. ARGV[1], '-inf', 'LIMIT', 0, 1)[1]
if below and tonumber(string.match(below, '^%d+%-(%d+)%-')) > tonumber(ARGV[1]) then
  table.insert(overlapped, below)
end
local added = #ARGV[6]
for _, other in ipairs(overlapped) do
  added = added - redis.call('HSTRLEN', KEYS[2], string.match(other, '^%d+'))
end
local bytes = tonumber(redis.call('GET', KEYS[3]) or '0')
if bytes + added > tonumber(ARGV[5]) then
  return 'full'
end

for _, other in ipairs(overlapped) do
  redis.call('HDEL', KEYS[2], string.match(other, '^%d+'))
  redis.call('ZREM', KEYS[1], other)
end
redis.call('HSET', KEYS[2], ARGV[1], ARGV[6])
redis.call('ZADD', KEYS[1], ARGV[1], member)
redis.call('INCRBY', KEYS[3], added)
return #overlapped > 0 and 'replaced' or 'stored'
