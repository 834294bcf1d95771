-- Removes a note that a user's copy is due, unless a newer one has taken its place.
--
-- KEYS  durable:kv-recent
-- ARGV  the user, the time in ms of the note
local at = redis.call('ZSCORE', KEYS[1], ARGV[1])
if at and tonumber(at) <= tonumber(ARGV[2]) then return redis.call('ZREM', KEYS[1], ARGV[1]) end
return 0
