-- Moves one user to their newest state: the guilds they joined and left, and what they show now.
-- Hash, guild set and channel change together, so that no reader sees one without the other.
--
-- KEYS  presence:{user}  guilds:{user}  profile:{user}
-- ARGV  number joined, number left, the joined guilds, the left guilds,
--       then nothing, or the three fields profile, presence, discord
-- Gives the new version; 0 unchanged; -1 removed; -2 not monitored, nothing written.
local presence, guilds, profile = KEYS[1], KEYS[2], KEYS[3]
local joined, left = tonumber(ARGV[1]), tonumber(ARGV[2])
local fields = 2 + joined + left

for i = 3, 2 + joined do redis.call('SADD', guilds, ARGV[i]) end
for i = 3 + joined, fields do redis.call('SREM', guilds, ARGV[i]) end

-- Microseconds outgrow every counter, so a version grows even over a wiped Redis.
local function version_after(old)
  local time = redis.call('TIME')
  local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
  return string.format('%.0f', math.max((tonumber(old) or 0) + 1, now))
end

if redis.call('EXISTS', guilds) == 0 then
  local old = redis.call('HGET', presence, 'version')
  if not old then return -2 end
  redis.call('DEL', presence, profile)
  redis.call('PUBLISH', presence, '{"version":' .. version_after(old) .. ',"removed":true}')
  return -1
end

if #ARGV == fields then return 0 end

local old = redis.call('HMGET', presence, 'version', 'profile', 'presence', 'discord')
local message = ''
if old[2] ~= ARGV[fields + 1] then message = message .. ',"profile":' .. ARGV[fields + 1] end
if old[3] ~= ARGV[fields + 2] then message = message .. ',"presence":' .. ARGV[fields + 2] end
if message == '' and old[4] == ARGV[fields + 3] then return 0 end

local version = version_after(old[1])
redis.call('HSET', presence, 'version', version, 'profile', ARGV[fields + 1],
  'presence', ARGV[fields + 2], 'discord', ARGV[fields + 3])
if message ~= '' then
  redis.call('PUBLISH', presence, '{"version":' .. version .. message .. '}')
end
return tonumber(version)
