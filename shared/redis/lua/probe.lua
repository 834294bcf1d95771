-- Changes nothing: shows whether scripts are allowed, and whether this one may write to its key.
--
-- KEYS  none, or one that does not exist
return KEYS[1] and redis.call('DEL', KEYS[1])
