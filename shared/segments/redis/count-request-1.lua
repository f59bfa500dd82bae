--[[
  Counts one request of a caller. A window opens with the first request and ends by itself.
  KEYS[1] requests  how many the open window has
  ARGV[1] milliseconds of a window
  Returns how many it has with this one, and how many milliseconds it is still open.
]]
local requests = redis.call('INCR', KEYS[1])
local left = redis.call('PTTL', KEYS[1])
if left < 0 then
  left = tonumber(ARGV[1])
  redis.call('PEXPIRE', KEYS[1], left)
end
return { requests, left }
