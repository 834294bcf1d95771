-- Replaces a user's key-value store, unless it was changed since it was read.
--
-- KEYS  durable:{user}:kv  durable:{user}:key
-- ARGV  the revision that was read (0: there was none), the new store as JSON, the digest of the
--       key that the writer used (empty: none is needed)
-- Gives the new revision, 0 if the store has another one, or -1 if the key is not the user's any more.
if ARGV[3] ~= '' and redis.pcall('HGET', KEYS[2], 'digest') ~= ARGV[3] then return -1 end
local old = redis.call('HGET', KEYS[1], 'revision')
if not old or not string.find(old, '^%d+$') then old = '0' end
if old ~= ARGV[1] then return 0 end
-- Microseconds are greater than any counter, so a revision grows even over a Redis that lost data.
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local revision = string.format('%.0f', math.max(tonumber(old) + 1, now))
redis.call('HSET', KEYS[1], 'revision', revision, 'kv', ARGV[2])
return tonumber(revision)
