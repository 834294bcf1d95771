-- KEYS  heartbeats
-- Gives the age of the oldest heartbeat in milliseconds; -1 when there is none.
local oldest = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
if not oldest[2] then return -1 end
local time = redis.call('TIME')
return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000) - tonumber(oldest[2])
