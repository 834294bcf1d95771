-- Releases a lock, unless it has expired and belongs to another process by now.
--
-- KEYS  the lock
-- ARGV  its owner

if redis.call('GET', KEYS[1]) == ARGV[1] then
  return redis.call('DEL', KEYS[1])
end
return 0
