--[[
  Deletes the segments that start in a range, straddling its end or not.
  KEYS[1] index   sorted set of from-to-events-recordHash by from
  KEYS[2] content hash of the segments' bytes by from
  KEYS[3] bytes   sum of their sizes
  ARGV[1] first start, ARGV[2] the start behind the last
  Returns how many were deleted.
]]
local members = redis.call('ZRANGEBYSCORE', KEYS[1], ARGV[1], '(' .. ARGV[2])
if #members == 0 then
  return 0
end
local freed = 0
for _, member in ipairs(members) do
  freed = freed + redis.call('HSTRLEN', KEYS[2], string.match(member, '^%d+'))
end

for _, member in ipairs(members) do
  redis.call('HDEL', KEYS[2], string.match(member, '^%d+'))
end
redis.call('ZREMRANGEBYSCORE', KEYS[1], ARGV[1], '(' .. ARGV[2])
-- An empty index is an empty partition, whatever was lost on the way here.
if redis.call('EXISTS', KEYS[1]) == 0 then
  redis.call('DEL', KEYS[2], KEYS[3])
else
  redis.call('DECRBY', KEYS[3], freed)
end
return #members
