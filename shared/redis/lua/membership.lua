-- Adds to a set and removes from it, unless a later change of the guild was made before.
--
-- KEYS  the set, fence:{the set}
-- ARGV  guild, fence, number added, the added, the removed
-- Gives 0, or the later fence: then nothing is done.
local set, fences, guild = KEYS[1], KEYS[2], ARGV[1]

-- A key of another type was written by other software, and would make every change fail.
local function holds_only(key, kind)
  local found = redis.call('TYPE', key).ok
  if found ~= kind and found ~= 'none' then redis.call('DEL', key) end
end
holds_only(set, 'set')
holds_only(fences, 'hash')

local text = redis.call('HGET', fences, guild)
local before = text and string.find(text, '^%d+$') and tonumber(text) or 0
if before < 9007199254740991 and before > tonumber(ARGV[2]) then return before end
redis.call('HSET', fences, guild, ARGV[2])
redis.call('EXPIRE', fences, 3600)

local added = 3 + tonumber(ARGV[3])
local function each(command, first, last)
  for from = first, last, 1000 do  -- Lua's stack holds some thousands
    redis.call(command, set, unpack(ARGV, from, math.min(from + 999, last)))
  end
end
each('SADD', 4, added)
each('SREM', added + 1, #ARGV)
return 0
