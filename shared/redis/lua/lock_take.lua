-- Takes a lock that is free, or keeps one longer that its owner has already.
--
-- KEYS  the lock
-- ARGV  the owner, for how long (ms)
-- Gives 1 if the lock is the owner's now, else 0.

local owner = redis.call('GET', KEYS[1])
if owner and owner ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
