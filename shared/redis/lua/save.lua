-- Brings users to their newest state: the guilds they joined and left, and what they show now. Most
-- changes need less, and have update.lua, which has the same rules.
-- Hash, guild set and channel of a user change together, so that no reader sees one without the
-- other. Several users share a call because that is a quarter of the work: in a cluster, whose
-- slots differ, each has a call of their own.
--
-- KEYS  of each user: presence:{user}  guilds:{user}  profile:{user}  fence:{user}
-- ARGV  fence, and then of each user: when Discord reported it (µs, 0: unknown), the number of
--       guilds that the writer took into account (-1: any), the version that it merged its reports
--       with (0: none), whether Redis is certain to have had the user (0 or 1), number joined, number
--       left, the joined guilds, the left guilds, and the six fields profile (empty: unchanged), presence (empty: no state is written), discord,
--       reports (empty: none), hidden (a JSON list; empty: nothing is hidden), history (empty: none
--       is kept)
-- Gives, with spaces between, for each user the new version; 0 unchanged; -1 removed; -2 not
-- monitored, no state written; -3 there is no profile (no JSON object) to leave unchanged, no state
-- written; -5 the writer does not know what another process has written, no state written; -6 Redis
-- has lost a key of the user, no state written; anything less: the write is stale, nothing is
-- written, and that is the later fence, negative.
local call, pcall_redis, find, sub = redis.call, redis.pcall, string.find, string.sub
local new_fence = ARGV[1]
local new_fence_number = tonumber(new_fence)

-- A master of a cluster publishes to its own subscribers only, where it can: since Redis 7. The
-- subscriber decides by the same version (shared/redis/subscriber.py). `of_cluster` is set by
-- shared/redis/store.py.
local sharded = of_cluster and (redis.REDIS_VERSION_NUM or 0) >= 0x070000
local publish = sharded and 'SPUBLISH' or 'PUBLISH'

-- Microseconds are greater than any counter, so a version grows even over a flushed Redis.
local time = call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local now_text = string.format('%.0f', now)

-- A number as this script writes it; 0 for anything else that other software may have written.
local function number_of(text)
  local number = text and find(text, '^%d+$') and tonumber(text) or 0
  return number < 9007199254740991 and number or 0
end

local function version_after(old)
  if old < now then return now_text end
  return string.format('%.0f', old + 1)
end

-- A key of another type was written by other software, and would make every save fail.
local function holds_only(key, kind)
  local found = call('TYPE', key).ok
  if found ~= kind and found ~= 'none' then call('DEL', key) end
end

-- Watchers merge what they get into what they have. So a `last_seen`, which is the last key of a
-- presence, does not go away when the user keeps no history any more: it is null from then on.
local function has_last_seen(json) return find(sub(json, -40), '"last_seen":', 1, true) end

-- `key`, `argument`: where those of the user begin. `fields`: where their fields begin. `old`: the
-- fields of the hash as it is, or an error.
local function write(key, argument, joined, left, fields, old)
  local presence, guilds, profile = KEYS[key], KEYS[key + 1], KEYS[key + 2]
  local received, considered, base = ARGV[argument], ARGV[argument + 1], ARGV[argument + 2]

  local added, removed = {}, {}
  if joined + left > 0 then
    holds_only(guilds, 'set')
    local first = argument + 6
    for i = first, first + joined - 1 do
      if call('SADD', guilds, ARGV[i]) == 1 then added[#added + 1] = ARGV[i] end
    end
    for i = first + joined, fields - 1 do
      if call('SREM', guilds, ARGV[i]) == 1 then removed[#removed + 1] = ARGV[i] end
    end
  end

  local monitored_in = pcall_redis('SCARD', guilds)
  if type(monitored_in) == 'table' then
    if not find(monitored_in.err, 'WRONGTYPE') then call('SCARD', guilds) end  -- raises it
    monitored_in = tonumber(considered)
  end
  if monitored_in == 0 then
    if tonumber(considered) > 0 then return '-6' end
    if call('EXISTS', presence) == 0 then return '-2' end
    holds_only(presence, 'hash')
    local version = version_after(number_of(call('HGET', presence, 'version')))
    call('DEL', presence, profile)
    call(publish, presence, '{"version":' .. version .. ',"removed":true}')
    return '-1'
  end

  local new_profile, shown, discord = ARGV[fields], ARGV[fields + 1], ARGV[fields + 2]
  local reports, hidden, history = ARGV[fields + 3], ARGV[fields + 4], ARGV[fields + 5]
  if shown == '' and considered == '-1' then return '0' end

  if old.err then
    call('DEL', presence)
    old = {}
  end
  local old_version, old_profile, old_presence = old[1], old[2], old[3]
  local old_reports, old_hidden, old_history = old[4] or '', old[5] or '', old[6] or ''
  -- Guilds of shards in other processes count too: their reports are part of the merged state.
  local is_known = considered == '-1' or tonumber(considered) == monitored_in
  if not is_known or (base ~= '0' and base ~= (old_version or '')) then
    if old[8] then call('HDEL', presence, 'guilds') end
    -- The set names the guilds that the state was made of: the process that merges has to know them.
    for _, guild in ipairs(added) do call('SREM', guilds, guild) end
    for _, guild in ipairs(removed) do call('SADD', guilds, guild) end
    return '-5'
  end
  if shown == '' then return '0' end
  -- What is published. Put together once, at the end: each step would copy a kilobyte.
  local profile_key, profile_told, presence_key, presence_told, rest = '', '', '', '', ''
  if new_profile == '' then
    if not old_profile or string.byte(old_profile) ~= 123 then return '-3' end
  elseif old_profile ~= new_profile then
    profile_key, profile_told = ',"profile":', new_profile
  end
  if old_presence and has_last_seen(old_presence) and not has_last_seen(shown) then
    shown = sub(shown, 1, -2) .. ',"last_seen":null}'
  end
  if old_presence ~= shown then presence_key, presence_told = ',"presence":', shown end
  if old_hidden ~= hidden then
    rest = ',"hidden":' .. (hidden ~= '' and hidden or '[]')
    call('DEL', profile)  -- it lacks what was hidden, or has what is: another one is asked for
  end
  local old_number, is_told = number_of(old_version), true
  if profile_key == '' and presence_key == '' and rest == '' then
    is_told = old_number == 0 or call('HGET', presence, 'discord') ~= discord
    if not is_told and old_reports == reports and old_history == history then
      -- An earlier version of Grux may have changed the rest since `guilds` was written.
      local is_usual = reports .. hidden .. history == '' and not has_last_seen(shown)
      local counted = is_usual and string.format('%.0f', monitored_in)
      if counted and old[8] ~= counted then
        call('HSET', presence, 'guilds', counted)
      elseif old[8] and not counted then
        call('HDEL', presence, 'guilds')
      end
      return '0'
    end
    -- Only Lanyard's dialect shows all of `discord`. Its readers load it after any message, so that
    -- messages stay small for the others.
    rest = ',"discord":true'
  end

  local version = version_after(old_number)
  if profile_key == '' then
    call('HSET', presence, 'version', version, 'fence', new_fence, 'guilds', monitored_in,
      'presence', shown, 'discord', discord)
  else
    call('HSET', presence, 'version', version, 'fence', new_fence, 'guilds', monitored_in,
      'presence', shown, 'discord', discord, 'profile', new_profile)
  end
  if reports .. hidden .. history ~= '' or has_last_seen(shown) then
    call('HDEL', presence, 'guilds')  -- update.lua knows nothing of these
  end
  if reports ~= '' then
    call('HSET', presence, 'reports', reports)
  elseif old_reports ~= '' then
    call('HDEL', presence, 'reports')
  end
  if hidden ~= '' then
    call('HSET', presence, 'hidden', hidden)
  elseif old_hidden ~= '' then
    call('HDEL', presence, 'hidden')
  end
  if history ~= '' then
    call('HSET', presence, 'history', history)
  elseif old_history ~= '' then
    call('HDEL', presence, 'history')
  end
  if is_told then
    local since = received ~= '0' and ',"received":' .. received or ''
    call(publish, presence, '{"version":' .. version .. since .. profile_key .. profile_told
      .. presence_key .. presence_told .. rest .. '}')
  end
  return version
end

-- Whether a key is gone that Redis has had: as when Redis evicts keys. `guilds` is looked at where it is
-- about to be written. Where it is only counted, `write` sees it.
local function has_lost(key, joined, left, is_known, old)
  if not is_known and not old.err and call('EXISTS', KEYS[key]) == 0 then return true end
  return joined + left > 0 and call('EXISTS', KEYS[key + 1]) == 0
end

-- The fence is in the hash, where update.lua gets it with the rest. It outlives a user who is removed,
-- in a key of its own. A write that is older than its hour is not on its way any more.
local function save(key, argument, joined, left, fields)
  local presence, fence = KEYS[key], KEYS[key + 3]
  local old = pcall_redis('HMGET', presence, 'version', 'profile', 'presence', 'reports', 'hidden',
    'history', 'fence', 'guilds')
  local kept = pcall_redis('GET', fence)
  if type(kept) == 'table' then kept = nil end  -- written by other software
  local last = math.max(number_of(old[7]), number_of(kept))
  if last > new_fence_number then return string.format('-%.0f', last) end

  local is_known = old[1] or old[2] or old[3]
  if ARGV[argument + 3] == '1' and has_lost(key, joined, left, is_known, old) then return '-6' end
  if is_known then
    call('HSET', presence, 'fence', new_fence)
    if joined + left > 0 and old[8] then
      call('HDEL', presence, 'guilds')
      old[8] = false
    end
  end
  local result = write(key, argument, joined, left, fields, old)
  if result == '-1' or not is_known and tonumber(result) <= 0 then
    call('SET', fence, new_fence, 'EX', 3600)
  end
  return result
end

local results, argument = {}, 2
for key = 1, #KEYS, 4 do
  local joined, left = tonumber(ARGV[argument + 4]), tonumber(ARGV[argument + 5])
  local fields = argument + 6 + joined + left
  results[#results + 1] = save(key, argument, joined, left, fields)
  argument = fields + 6
end
return table.concat(results, ' ')  -- a reply of several parts takes Redis several writes
