-- Stores that the profile source failed, unless an older answer is still there. The claim is kept
-- for as long as the failure, so that no process asks again before.
--
-- KEYS  profile:{user}  profile-lock:{user}  guilds:{user}
-- ARGV  the claim's name, the entry, its TTL in ms
if redis.call('EXISTS', KEYS[3]) == 1 then
  redis.call('SET', KEYS[1], ARGV[2], 'NX', 'PX', ARGV[3])
end
if redis.call('GET', KEYS[2]) == ARGV[1] then redis.call('PEXPIRE', KEYS[2], ARGV[3]) end
