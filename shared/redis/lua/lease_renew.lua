-- Renews the lease of a shard. KEYS lease, standby; ARGV owner, TTL in ms, '1' if it must exist.
-- Gives {result, seconds, microseconds}: the time of Redis, and as result
-- 0: another process has it, -1: it is missing, 1: renewed, 2: renewed, and a process stands by.
local owner = redis.call('GET', KEYS[1])
local time = redis.call('TIME')
if owner and owner ~= ARGV[1] then return {0, time[1], time[2]} end
if not owner and ARGV[3] == '1' then return {-1, time[1], time[2]} end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return {redis.call('EXISTS', KEYS[2]) == 1 and 2 or 1, time[1], time[2]}
