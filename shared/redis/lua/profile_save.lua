-- Stores the profile source's answer and releases the claim. Stores nothing of a user who is not
-- monitored any more: save.lua has deleted the entry.
--
-- KEYS  profile:{user}  profile-lock:{user}  guilds:{user}
-- ARGV  the claim's name, the entry, its TTL in ms
if redis.call('EXISTS', KEYS[3]) == 1 then redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) end
if redis.call('GET', KEYS[2]) == ARGV[1] then redis.call('DEL', KEYS[2]) end
