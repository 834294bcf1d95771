-- Ends a grant. Its tokens, as they are now, may be kept to be revoked at Discord.
--
-- KEYS  durable:{user}:grant; durable:{user}:revocation; the lock of the grant
-- ARGV  1: keep them
--
-- Returns 1: there are tokens to be revoked; 0: there are none.

local tokens = redis.call('HGET', KEYS[1], 'tokens')
redis.call('DEL', KEYS[1], KEYS[3])
if tokens and ARGV[1] == '1' then
  redis.call('SET', KEYS[2], tokens)
  return 1
end
return 0
