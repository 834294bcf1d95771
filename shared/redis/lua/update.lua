-- Brings users whom Redis knows to what they show now: the save that nearly every change needs, with
-- half of the commands and arguments of save.lua. What is unusual is left as it is, for save.lua.
--
-- KEYS  of each user: presence:{user}
-- ARGV  fence, and then of each user: when Discord reported it (µs, 0: unknown), the number of
--       guilds that the writer took into account (-1: any), and the fields profile (empty:
--       unchanged), presence, discord
-- Gives, with spaces between, for each user the new version, or -7: save.lua is needed.
local KEYS, ARGV, tonumber, byte = KEYS, ARGV, tonumber, string.byte  -- globals are slow
local call, pcall_redis, find = redis.call, redis.pcall, string.find
local new_fence = ARGV[1]
local new_fence_number = tonumber(new_fence)

-- `of_cluster`: see save.lua.
local sharded = of_cluster and (redis.REDIS_VERSION_NUM or 0) >= 0x070000
local publish = sharded and 'SPUBLISH' or 'PUBLISH'

local time = call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local now_text = string.format('%.0f', now)

local function update(presence, argument)
  local considered, profile = ARGV[argument + 1], ARGV[argument + 2]
  local shown, discord = ARGV[argument + 3], ARGV[argument + 4]
  local old = pcall_redis('HMGET', presence, 'version', 'fence', 'guilds', 'profile', 'presence')
  if old.err then return '-7' end
  -- `guilds` is there only where nothing needs save.lua.
  local guilds, old_profile, old_presence = old[3], old[4], old[5]
  if not guilds or considered ~= guilds and considered ~= '-1' then return '-7' end
  if not old_profile or byte(old_profile) ~= 123 or not old_presence then return '-7' end
  if find(shown, '"last_seen":', -40, true) then return '-7' end
  local version_number, fence_number = tonumber(old[1] or nil), tonumber(old[2] or nil)
  if not version_number or version_number >= 9007199254740991 then return '-7' end
  if not fence_number or fence_number > new_fence_number then return '-7' end

  if profile == old_profile then profile = '' end
  if profile == '' and shown == old_presence then return '-7' end
  local version = now_text
  if version_number >= now then version = string.format('%.0f', version_number + 1) end
  local told = ''
  if ARGV[argument] ~= '0' then told = ',"received":' .. ARGV[argument] end
  -- In one step: each would copy a kilobyte.
  if profile == '' then
    told = '{"version":' .. version .. told .. ',"presence":' .. shown .. '}'
    call('HSET', presence, 'version', version, 'fence', new_fence, 'presence', shown,
      'discord', discord)
  else
    local rest = shown == old_presence and '}' or ',"presence":' .. shown .. '}'
    told = '{"version":' .. version .. told .. ',"profile":' .. profile .. rest
    call('HSET', presence, 'version', version, 'fence', new_fence, 'presence', shown,
      'discord', discord, 'profile', profile)
  end
  call(publish, presence, told)
  return version
end

local results = {}
for user = 1, #KEYS do results[user] = update(KEYS[user], 5 * user - 3) end
return table.concat(results, ' ')  -- a reply of several parts takes Redis several writes
