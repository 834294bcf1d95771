-- Begins a generation of checkpoints, without a checkpoint yet.
-- KEYS lease, session; ARGV owner, generation, TTL in ms. Gives 1; 0: another process has the lease.
local server = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)') or ''
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[2])
redis.call('HSET', KEYS[2], 'generation', ARGV[2], 'server', server)
redis.call('PEXPIRE', KEYS[2], ARGV[3])
return 1
