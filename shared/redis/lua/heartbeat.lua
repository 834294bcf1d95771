-- Records that shards are connected to Discord, by Redis' own clock. Removes the heartbeats of
-- another shard count.
--
-- KEYS  heartbeats
-- ARGV  shard count, the connected shards
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
for _, member in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  if not string.find(member, '/' .. ARGV[1] .. '$') then redis.call('ZREM', KEYS[1], member) end
end
for i = 2, #ARGV do redis.call('ZADD', KEYS[1], now, ARGV[i] .. '/' .. ARGV[1]) end
