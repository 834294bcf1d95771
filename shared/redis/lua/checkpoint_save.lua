-- Saves a checkpoint of the current generation.
-- KEYS lease, session; ARGV owner, generation, TTL in ms, checkpoint (empty: keep the saved one).
-- Gives 1; 0: another process has the lease, -1: the generation is gone.
-- A server with another run id was restarted, and may hold outdated data.
local server = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)') or ''
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
local found = redis.call('HMGET', KEYS[2], 'generation', 'server')
if found[1] ~= ARGV[2] or found[2] ~= server then return -1 end
if ARGV[4] ~= '' then redis.call('HSET', KEYS[2], 'checkpoint', ARGV[4]) end
redis.call('PEXPIRE', KEYS[2], ARGV[3])
return 1
