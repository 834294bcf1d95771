-- Writes what has changed of a user's history, unless it was changed since it was read.
--
-- KEYS  durable:{user}:settings  durable:{user}:history  durable:{user}:history-recent
-- ARGV  the revision that was read (0: there was none), `seen` (JSON), `open` (JSON; empty: none),
--       the TTL in s, activities that ended before this (ms) are dropped, how many may be kept,
--       the number of entries that are removed, these entries, then the end and the JSON of each
--       entry that is added
-- Gives 1; 0 if the history has another revision; -1 if the user wants none, and then there is none.
local settings = redis.pcall('HGET', KEYS[1], 'settings')
local is_read, chosen = pcall(cjson.decode, type(settings) == 'string' and settings or '{}')
local level = is_read and type(chosen) == 'table' and chosen.history or 'off'
if level ~= 'recent' and level ~= 'last_seen' then
  redis.call('DEL', KEYS[2], KEYS[3])
  return -1
end

local old = redis.pcall('HGET', KEYS[2], 'revision')
if type(old) == 'table' then  -- not a hash: written by other software
  redis.call('DEL', KEYS[2])
  old = nil
end
if not old or not string.find(old, '^%d+$') then old = '0' end
if old ~= ARGV[1] then return 0 end

-- Microseconds are greater than any counter, so no revision comes back after an erasure.
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local revision = string.format('%.0f', math.max(tonumber(old) + 1, now))
redis.call('HSET', KEYS[2], 'revision', revision, 'seen', ARGV[2])
if level == 'recent' and ARGV[3] ~= '' then
  redis.call('HSET', KEYS[2], 'open', ARGV[3])
else
  redis.call('HDEL', KEYS[2], 'open')
end
redis.call('EXPIRE', KEYS[2], ARGV[4])

local kind = redis.call('TYPE', KEYS[3]).ok
if level ~= 'recent' or (kind ~= 'zset' and kind ~= 'none') then redis.call('DEL', KEYS[3]) end
if level ~= 'recent' then return 1 end
local removed = tonumber(ARGV[7])
for i = 8, 7 + removed do redis.call('ZREM', KEYS[3], ARGV[i]) end
for i = 8 + removed, #ARGV, 2 do redis.call('ZADD', KEYS[3], ARGV[i], ARGV[i + 1]) end
for _, entry in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', '(' .. ARGV[5])) do
  redis.call('ZREM', KEYS[3], entry)
end
for _, entry in ipairs(redis.call('ZRANGE', KEYS[3], 0, -1 - tonumber(ARGV[6]))) do
  redis.call('ZREM', KEYS[3], entry)
end
redis.call('EXPIRE', KEYS[3], ARGV[4])
return 1
