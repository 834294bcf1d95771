-- Takes the lease of a shard if it is free. KEYS lease; ARGV owner, TTL in ms. Gives 1 or 0.
-- An empty value is a lease that was released.
local owner = redis.call('GET', KEYS[1])
if owner and owner ~= '' then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
