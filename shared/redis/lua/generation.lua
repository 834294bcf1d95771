-- Gives the token of a shard's data generation, and begins a generation where there is none.
--
-- KEYS  completeness
-- ARGV  shard/shards, a new token
-- Gives the token that is there now, and 1 if it is the new one.
local found = redis.pcall('HGET', KEYS[1], ARGV[1])
if type(found) == 'table' then redis.call('DEL', KEYS[1]) end  -- not a hash: written by other software
local token = type(found) == 'string' and string.match(found, '^%w+')
if token then return {token, 0} end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
return {ARGV[2], 1}
