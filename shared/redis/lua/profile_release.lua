-- Releases a claim without an answer.
--
-- KEYS  profile:{user}  profile-lock:{user}  guilds:{user}
-- ARGV  the claim's name
if redis.call('GET', KEYS[2]) == ARGV[1] then redis.call('DEL', KEYS[2]) end
