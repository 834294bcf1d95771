-- Replaces a user's connections, and tells the gateways if that changes anything.
--
-- KEYS  durable:{user}:connections
-- ARGV  the connections as JSON (empty: erase), the channel, the user's id
local old = redis.pcall('GET', KEYS[1])
if type(old) ~= 'table' and (old or '') == ARGV[1] then return end
if ARGV[1] == '' then
  redis.call('DEL', KEYS[1])
else
  redis.call('SET', KEYS[1], ARGV[1])
end
redis.call('PUBLISH', ARGV[2], ARGV[3])
