-- Gives the time of the Redis server: seconds since 1970, and microseconds.
return redis.call('TIME')
