-- Stores the profile source's answer and releases the claim. Stores nothing of a user who is not
-- monitored any more: save.lua has deleted the entry. Stores nothing either when the user hides
-- something else than the caller has left out, and keeps the claim.
--
-- KEYS  profile:{user}  profile-lock:{user}  guilds:{user}  presence:{user}
-- ARGV  the claim's name, the entry, its TTL in ms, what the caller has left out: the field `hidden`
--       of the presence, empty for nothing
-- Gives 0 when something else is hidden now, else 1.
if redis.call('EXISTS', KEYS[3]) == 1 then
  local hidden = redis.pcall('HMGET', KEYS[4], 'hidden')[1] or ''
  if hidden ~= ARGV[4] then return 0 end
  redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
end
if redis.call('GET', KEYS[2]) == ARGV[1] then redis.call('DEL', KEYS[2]) end
return 1
