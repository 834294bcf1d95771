-- Releases the lease of a shard. KEYS lease; ARGV owner, TTL in ms.
-- It becomes empty instead of missing: a missing one may be one that Redis has lost.
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('SET', KEYS[1], '', 'PX', ARGV[2]) end
