-- Claims the right to ask the profile source about a user.
--
-- KEYS  profile:{user}  profile-lock:{user}  guilds:{user}
-- ARGV  the claim's name, its TTL in ms, the remaining TTL in ms above which an entry is fresh
-- Gives 0 when the entry is fresh or another process has the claim; 1: claimed; 2: not monitored.
if redis.call('PTTL', KEYS[1]) > tonumber(ARGV[3]) then return 0 end
if redis.call('EXISTS', KEYS[3]) == 0 then return 2 end
return redis.call('SET', KEYS[2], ARGV[1], 'NX', 'PX', ARGV[2]) and 1 or 0
