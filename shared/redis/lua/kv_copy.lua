-- Copies a user's key-value store from the durable Redis to where readers find it, and publishes it.
--
-- KEYS  presence:{user}  kv-revision:{user}
-- ARGV  the revision, the store as JSON
-- Gives 1 if it was written, 0 if it was there already, if a newer one was, or if the user is not
-- monitored. `of_cluster`: see save.lua.
local presence, newest = KEYS[1], KEYS[2]
local sharded = of_cluster and (redis.REDIS_VERSION_NUM or 0) >= 0x070000
local publish = sharded and 'SPUBLISH' or 'PUBLISH'

-- In a key of its own: it outlives a user who is removed. A copy that is older than its hour is not
-- on its way any more.
local known = redis.pcall('GET', newest)
if type(known) == 'string' and (tonumber(known) or 0) > tonumber(ARGV[1]) then return 0 end
redis.call('SET', newest, ARGV[1], 'EX', 3600)

local old = redis.pcall('HMGET', presence, 'version', 'kv')
if old.err or not old[1] or old[2] == ARGV[2] then return 0 end
if not old[2] and ARGV[2] == '{}' then  -- shown as empty already: not a change
  return redis.call('HSET', presence, 'kv', ARGV[2])
end
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local version = string.format('%.0f', math.max((tonumber(old[1]) or 0) + 1, now))
redis.call('HSET', presence, 'version', version, 'kv', ARGV[2])
redis.call(publish, presence, '{"version":' .. version .. ',"kv":' .. ARGV[2] .. '}')
return 1
