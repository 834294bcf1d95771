-- Marks a shard complete, if its data generation is still the current one. Removes the shards of
-- another shard count.
--
-- KEYS  completeness
-- ARGV  shard, shards, token, server runs
-- Gives 1, or 0 when the generation has ended.
local shard = ARGV[1] .. '/' .. ARGV[2]
if string.match(redis.call('HGET', KEYS[1], shard) or '', '%w*') ~= ARGV[3] then return 0 end
redis.call('HSET', KEYS[1], shard, ARGV[3] .. ' ' .. ARGV[4])
for _, other in ipairs(redis.call('HKEYS', KEYS[1])) do
  if string.match(other, '/(.*)') ~= ARGV[2] then redis.call('HDEL', KEYS[1], other) end
end
return 1
