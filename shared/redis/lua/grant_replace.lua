-- Replaces the tokens of a grant, if they still are those that were refreshed.
--
-- KEYS  durable:{user}:grant
-- ARGV  the tokens as they were; the new ones; when they expire (ms)
--
-- Returns 1: replaced; 0: there are other tokens by now; -1: there is no grant any more.

local current = redis.call('HGET', KEYS[1], 'tokens')
if not current then
  return -1
end
if current ~= ARGV[1] then
  return 0
end
redis.call('HSET', KEYS[1], 'tokens', ARGV[2], 'expires_at', ARGV[3])
return 1
