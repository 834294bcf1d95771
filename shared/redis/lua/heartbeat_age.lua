-- KEYS  heartbeats
-- Gives the ages of the oldest and of the newest heartbeat in milliseconds; nothing without any.
local oldest = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
local newest = redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')
if not oldest[2] then return {} end
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
return {now - tonumber(oldest[2]), now - tonumber(newest[2])}
