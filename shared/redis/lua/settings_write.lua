-- Replaces a user's settings, unless they were changed since they were read, and tells the gateways.
--
-- What the new settings do not keep of the user's history is erased with them, and so is what they
-- hide of it: the rule is `is_shown` of shared/model/history.py.
--
-- KEYS  durable:{user}:settings  durable:{user}:history  durable:{user}:history-recent
-- ARGV  the revision that was read (0: there was none), the new settings as JSON (empty: erase),
--       the channel, the user's id, what is kept of the history: off, last_seen or recent
-- Gives 1, or 0 if the settings have another revision.
local old = redis.pcall('HGET', KEYS[1], 'revision')
if type(old) == 'table' then  -- not a hash: written by other software
  redis.call('DEL', KEYS[1])
  old = nil
end
if not old or not string.find(old, '^%d+$') then old = '0' end
if old ~= ARGV[1] then return 0 end
if ARGV[2] == '' then
  redis.call('DEL', KEYS[1])
else
  -- Microseconds are greater than any counter, so no revision comes back after an erasure.
  local time = redis.call('TIME')
  local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
  local revision = string.format('%.0f', math.max(tonumber(old) + 1, now))
  redis.call('HSET', KEYS[1], 'revision', revision, 'settings', ARGV[2])
end

local function set_of(list)
  local set = {}
  for _, one in ipairs(list or {}) do set[one] = true end
  return set
end

local function erase_hidden(chosen)
  local hide, applications = set_of(chosen.hide), set_of(chosen.hide_applications)
  if not next(hide) and not next(applications) then return end
  local function is_hidden(session)
    return applications[session.application_id or '']
      or session.kind == 'listening' and hide.listening
      or hide[session.is_spotify and 'spotify' or 'activities']
  end
  for _, entry in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', '+inf')) do
    local is_read, session = pcall(cjson.decode, entry)
    if not is_read or is_hidden(session) then redis.call('ZREM', KEYS[3], entry) end
  end

  local revision = redis.call('HGET', KEYS[2], 'revision')
  if not revision then return end
  local open = redis.call('HGET', KEYS[2], 'open')
  if open then
    local sessions, kept = cjson.decode(open), {}
    for _, session in ipairs(sessions) do
      if not is_hidden(session) then kept[#kept + 1] = session end
    end
    if #kept < #sessions then
      local text = cjson.encode(kept)
      -- Numbers of more than 14 digits would not come back: then these are recorded anew.
      if #kept > 0 and not string.find(text, '%de%+') then
        redis.call('HSET', KEYS[2], 'open', text)
      else
        redis.call('HDEL', KEYS[2], 'open')
      end
    end
  end
  if hide.status then
    local seen = cjson.decode(redis.call('HGET', KEYS[2], 'seen'))
    seen.last_seen = nil
    redis.call('HSET', KEYS[2], 'seen', cjson.encode(seen))
  end
  -- A write that is on its way was made of what is erased: it has to read again.
  redis.call('HSET', KEYS[2], 'revision', string.format('%.0f', tonumber(revision) + 1))
end

if ARGV[5] == 'off' then
  redis.call('DEL', KEYS[2], KEYS[3])
elseif ARGV[5] == 'last_seen' then
  redis.call('DEL', KEYS[3])
  redis.pcall('HDEL', KEYS[2], 'open')
end
if ARGV[5] ~= 'off' and not pcall(erase_hidden, cjson.decode(ARGV[2])) then
  redis.call('DEL', KEYS[2], KEYS[3])  -- other software has written there
end
redis.call('PUBLISH', ARGV[3], ARGV[4])
return 1
