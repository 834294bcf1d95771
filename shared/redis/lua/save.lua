-- Brings one user to their newest state: the guilds they joined and left, and what they show now.
-- Hash, guild set and channel change together, so that no reader sees one without the other.
--
-- KEYS  presence:{user}  guilds:{user}  profile:{user}  fence:{user}
-- ARGV  fence, when Discord reported it (µs, 0: unknown), number joined, number left, the joined
--       guilds, the left guilds, the number of guilds that the writer took into account (-1: any),
--       the version that it merged its reports with (0: none), then nothing, or the six fields
--       profile (empty: unchanged), presence, discord, reports (empty: none), hidden (a JSON list;
--       empty: nothing is hidden), history (empty: none is kept)
-- Gives the new version; 0 unchanged; -1 removed; -2 not monitored, no state written;
-- -3 there is no profile (no JSON object) to leave unchanged, no state written; -5 the writer does
-- not know what another process has written, no state written; anything less: the write is stale,
-- nothing is written, and that is the later fence, negative.
local presence, guilds, profile, fence = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local joined, left = tonumber(ARGV[3]), tonumber(ARGV[4])
local last_guild = 4 + joined + left
local considered, base, fields = ARGV[last_guild + 1], ARGV[last_guild + 2], last_guild + 2

-- A master of a cluster publishes to its own subscribers only, where it can: since Redis 7. The
-- subscriber decides by the same version (shared/redis/subscriber.py). `of_cluster` is set by
-- shared/redis/store.py.
local sharded = of_cluster and (redis.REDIS_VERSION_NUM or 0) >= 0x070000
local publish = sharded and 'SPUBLISH' or 'PUBLISH'

-- A number as this script writes it; 0 for anything else that other software may have written.
local function number_of(text)
  local number = text and string.find(text, '^%d+$') and tonumber(text) or 0
  return number < 9007199254740991 and number or 0
end

-- In a key of its own: it outlives a user who is removed, and api, which is told of every write to
-- presence:{user}, is not told of it. A write that is older than its hour is not on its way any more.
local before = redis.pcall('SET', fence, ARGV[1], 'EX', 3600, 'GET')
if type(before) == 'table' then  -- not a string: written by other software
  redis.call('SET', fence, ARGV[1], 'EX', 3600)
elseif number_of(before) > tonumber(ARGV[1]) then
  redis.call('SET', fence, before, 'EX', 3600)
  return -tonumber(before)
end

-- A key of another type was written by other software, and would make every save fail.
local function holds_only(key, kind)
  local found = redis.call('TYPE', key).ok
  if found ~= kind and found ~= 'none' then redis.call('DEL', key) end
end
if joined + left > 0 then holds_only(guilds, 'set') end

for i = 5, 4 + joined do redis.call('SADD', guilds, ARGV[i]) end
for i = 5 + joined, last_guild do redis.call('SREM', guilds, ARGV[i]) end

-- Microseconds are greater than any counter, so a version grows even over a flushed Redis.
local function version_after(old)
  local time = redis.call('TIME')
  local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
  return string.format('%.0f', math.max(number_of(old) + 1, now))
end

local monitored_in = redis.pcall('SCARD', guilds)
if type(monitored_in) == 'table' then
  if not string.find(monitored_in.err, 'WRONGTYPE') then return monitored_in end
  monitored_in = tonumber(considered)
end
if monitored_in == 0 then
  if redis.call('EXISTS', presence) == 0 then return -2 end
  holds_only(presence, 'hash')
  local old = redis.call('HGET', presence, 'version')
  redis.call('DEL', presence, profile)
  redis.call(publish, presence, '{"version":' .. version_after(old) .. ',"removed":true}')
  return -1
end

if #ARGV == fields and considered == '-1' then return 0 end

local old = redis.pcall('HMGET', presence, 'version', 'profile', 'presence', 'discord', 'reports',
  'hidden', 'history')
if old.err then
  redis.call('DEL', presence)
  old = {}
end
-- Guilds of shards in other processes count too: their reports are part of the merged state.
local is_known = considered == '-1' or tonumber(considered) == monitored_in
if not is_known or (base ~= '0' and base ~= (old[1] or '')) then return -5 end
if #ARGV == fields then return 0 end
local profile_now, message = ARGV[fields + 1], ''
if profile_now == '' then
  if not old[2] or string.byte(old[2]) ~= 123 then return -3 end
  profile_now = old[2]
elseif old[2] ~= profile_now then
  message = ',"profile":' .. profile_now
end
-- Watchers merge what they get into what they have. So a `last_seen`, which is the last key of a
-- presence, does not go away when the user keeps no history any more: it is null from then on.
local shown = ARGV[fields + 2]
local function has_last_seen(json) return string.find(string.sub(json, -40), '"last_seen":', 1, true) end
if old[3] and has_last_seen(old[3]) and not has_last_seen(shown) then
  shown = string.sub(shown, 1, -2) .. ',"last_seen":null}'
end
if old[3] ~= shown then message = message .. ',"presence":' .. shown end
local reports, hidden, history = ARGV[fields + 4], ARGV[fields + 5], ARGV[fields + 6]
if (old[6] or '') ~= hidden then
  message = message .. ',"hidden":' .. (hidden ~= '' and hidden or '[]')
  redis.call('DEL', profile)  -- it lacks what was hidden, or has what is: another one is asked for
end
local same_discord = old[4] == ARGV[fields + 3] and number_of(old[1]) > 0
local same_rest = (old[5] or '') == reports and (old[7] or '') == history
if message == '' and same_discord and same_rest then return 0 end

local version = version_after(old[1])
redis.call('HSET', presence, 'version', version, 'profile', profile_now,
  'presence', shown, 'discord', ARGV[fields + 3])
if reports ~= '' then
  redis.call('HSET', presence, 'reports', reports)
elseif old[5] then
  redis.call('HDEL', presence, 'reports')
end
if hidden ~= '' then
  redis.call('HSET', presence, 'hidden', hidden)
elseif old[6] then
  redis.call('HDEL', presence, 'hidden')
end
if history ~= '' then
  redis.call('HSET', presence, 'history', history)
elseif old[7] then
  redis.call('HDEL', presence, 'history')
end
if message == '' and same_discord then return tonumber(version) end  -- nothing that watchers show
-- Only Lanyard's dialect shows all of `discord`. Its readers load it after any message, so that
-- messages stay small for the others.
if message == '' then message = ',"discord":true' end
if ARGV[2] ~= '0' then message = ',"received":' .. ARGV[2] .. message end
redis.call(publish, presence, '{"version":' .. version .. message .. '}')
return tonumber(version)
