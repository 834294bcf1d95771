-- Adds to a set and takes out of it, unless something later has been said of the guild.
--
-- KEYS  the set, order:{the set}
-- ARGV  guild, order, number added, the added, the removed
-- Gives 0, or the greater order that stands against it: then nothing is done.
local set, orders, guild = KEYS[1], KEYS[2], ARGV[1]

-- Whatever else was put under these names is not ours, and would stop every change.
local function holds_only(key, kind)
  local found = redis.call('TYPE', key).ok
  if found ~= kind and found ~= 'none' then redis.call('DEL', key) end
end
holds_only(set, 'set')
holds_only(orders, 'hash')

local text = redis.call('HGET', orders, guild)
local before = text and string.find(text, '^%d+$') and tonumber(text) or 0
if before < 9007199254740991 and before > tonumber(ARGV[2]) then return before end
redis.call('HSET', orders, guild, ARGV[2])
redis.call('EXPIRE', orders, 3600)

local added = 3 + tonumber(ARGV[3])
local function each(command, first, last)
  for from = first, last, 1000 do  -- Lua's stack holds some thousands
    redis.call(command, set, unpack(ARGV, from, math.min(from + 999, last)))
  end
end
each('SADD', 4, added)
each('SREM', added + 1, #ARGV)
return 0
