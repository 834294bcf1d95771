-- Removes a user as if they had left every server, and tells watchers. For a time without a gateway:
-- one that writes later knows better.
--
-- KEYS  presence:{user}  guilds:{user}  profile:{user}
-- `of_cluster`: see save.lua.
local sharded = of_cluster and (redis.REDIS_VERSION_NUM or 0) >= 0x070000
local publish = sharded and 'SPUBLISH' or 'PUBLISH'

local old = redis.pcall('HMGET', KEYS[1], 'version')
local version = not old.err and tonumber(old[1] or nil) or 0
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
for _, name in ipairs(KEYS) do redis.call('DEL', name) end
version = string.format('%.0f', math.max(version + 1, now))
redis.call(publish, KEYS[1], '{"version":' .. version .. ',"removed":true}')
