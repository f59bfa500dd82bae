--[[
  Binds a partition to a log, and deletes what is stored of another.
  KEYS[1] index   sorted set of from-to-events-recordHash by from
  KEYS[2] content hash of the segments' bytes by from
  KEYS[3] bytes   sum of their sizes
  KEYS[4] log     what the partition is bound to
  ARGV[1] the log
  Returns 1 where it was bound to another log or to none, else 0.
]]
if redis.call('GET', KEYS[4]) == ARGV[1] then
  return 0
end

redis.call('DEL', KEYS[1], KEYS[2], KEYS[3])
redis.call('SET', KEYS[4], ARGV[1])
return 1
