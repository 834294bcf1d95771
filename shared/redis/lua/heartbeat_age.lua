-- KEYS  heartbeats
-- Gives the ages of the oldest and of the newest heartbeat in milliseconds, and how many there are;
-- nothing without any.
local all = redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')
if #all == 0 then return {} end
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
return {now - tonumber(all[2]), now - tonumber(all[#all]), #all / 2}
