-- Deletes a text, unless it is another one by now: a lock that has expired belongs to another process.
--
-- KEYS  the text, such as a lock
-- ARGV  what it was, such as the lock's owner

if redis.call('GET', KEYS[1]) == ARGV[1] then
  return redis.call('DEL', KEYS[1])
end
return 0
