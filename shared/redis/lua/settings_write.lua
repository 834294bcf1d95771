-- Replaces a user's settings, unless they were changed since they were read, and tells the gateways.
--
-- What the new settings do not keep of the user's history is erased with them.
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
if ARGV[5] == 'off' then
  redis.call('DEL', KEYS[2], KEYS[3])
elseif ARGV[5] == 'last_seen' then
  redis.call('DEL', KEYS[3])
  redis.pcall('HDEL', KEYS[2], 'open')
end
redis.call('PUBLISH', ARGV[3], ARGV[4])
return 1
