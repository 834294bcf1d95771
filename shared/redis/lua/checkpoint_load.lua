-- Loads a checkpoint. KEYS session. Gives {generation, checkpoint}; nil if there is none, or if it
-- was saved before this server was started.
local server = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)') or ''
local found = redis.call('HMGET', KEYS[1], 'server', 'generation', 'checkpoint')
return found[1] == server and found[3] and {found[2], found[3]}
