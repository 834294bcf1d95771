-- Begins the list of approved guilds, unless there is one.
--
-- KEYS  approved-guilds
-- ARGV  guilds
-- Gives 1 if the list was begun, else 0.
local kind = redis.call('TYPE', KEYS[1]).ok
if kind == 'set' then return 0 end
if kind ~= 'none' then redis.call('DEL', KEYS[1]) end  -- written by other software
for from = 1, #ARGV, 1000 do  -- Lua's stack holds some thousands
  redis.call('SADD', KEYS[1], unpack(ARGV, from, math.min(from + 999, #ARGV)))
end
return #ARGV > 0 and 1 or 0
