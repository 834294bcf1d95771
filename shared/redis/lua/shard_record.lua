-- Reads and changes the record of one shard: the process that runs it, the process that waits to,
-- the generation of Redis' data, whether every user is written in it, and the session's checkpoint.
--
-- KEYS  shard:{shard/shards}
-- ARGV  the servers' run ids (empty: this server's), the TTL of the record in s, a command:
--       'acquire'   process, TTL of a claim in ms, '1' to stand by, the states that it may take,
--                   TTL of a checkpoint in ms
--       'hold'      process, TTL of a claim in ms, '1' if stopped, '1' if data may be lost, a new
--                   generation, the known generation, checkpoint ('' keeps it, 'none' removes it)
--       'release'   process, the known generation, checkpoint ('' keeps it, 'none' removes it)
--       'complete'  generation
--       'load'
local record, command, process = KEYS[1], ARGV[3], ARGV[4]
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)

local servers = ARGV[1]
if servers == '' then  -- stays empty where INFO is not allowed: a restart is not noticed there
  local info = redis.pcall('INFO', 'server')
  servers = type(info) == 'string' and string.match(info, 'run_id:(%w+)') or ''
end

local found = redis.pcall('HMGET', record, 'holder', 'expires', 'generation', 'servers', 'standby')
if found.err then  -- not a hash: written by other software
  redis.call('DEL', record)
  found = {}
end
local holder = found[1]
local generation = found[3] and string.match(found[3], '^%w+$')  -- else other software wrote it
-- Redis was emptied, or was restarted and may hold older data: what is recorded proves nothing.
local is_lost = not holder or not generation or found[4] ~= servers
local left = (tonumber(found[2]) or 0) - now  -- an hour and more: the clock was set back
local is_claimed = holder and holder ~= '' and left > 0 and left <= 3600000

local function set(...)
  redis.call('HSET', record, ...)
  redis.call('EXPIRE', record, ARGV[2])
end

local function save(known, checkpoint)
  if checkpoint == 'none' then
    redis.call('HDEL', record, 'checkpoint')
  elseif checkpoint ~= '' and known == generation then
    set('checkpoint', checkpoint)
  end
end

if command == 'acquire' then  -- gives the state that was found, and 1 if the shard was taken
  local state = 'expired'
  if is_lost then
    state = is_claimed and 'doubtful' or 'missing'
  elseif is_claimed then
    state = 'held'
  elseif holder == '' then
    state = 'released'
  end
  if string.find(ARGV[7], state, 1, true) then
    set('holder', process, 'expires', now + ARGV[5])
    redis.call('HDEL', record, 'standby')
    if -left > tonumber(ARGV[8]) then
      redis.call('HDEL', record, 'checkpoint')  -- no process has run the shard for so long
    end
    return {state, 1}
  end
  if ARGV[6] == '1' then set('standby', now + ARGV[5]) end
  return {state, 0}
end

if command == 'hold' then  -- gives the result, seconds, µs, the generation, 1 if it is new,
  -- and 1 if a process stands by; the result: 'held', 'taken' by another process, or 'missing'
  if holder ~= process and (is_claimed or not is_lost) then return {'taken', time[1], time[2]} end
  if is_lost and ARGV[6] == '1' then return {'missing', time[1], time[2]} end
  local is_new = is_lost or ARGV[7] == '1'
  if is_new then
    generation = ARGV[8]
    redis.call('HDEL', record, 'checkpoint', 'complete')
  end
  save(ARGV[9], ARGV[10])
  set('holder', process, 'expires', now + ARGV[5], 'generation', generation, 'servers', servers)
  local has_standby = (tonumber(found[5]) or 0) > now
  return {'held', time[1], time[2], generation, is_new and 1 or 0, has_standby and 1 or 0}
end

if command == 'release' and holder == process and not is_lost then
  save(ARGV[5], ARGV[6])
  set('holder', '')
end

if command == 'complete' then  -- gives 0 when that generation has ended
  if is_lost or generation ~= ARGV[4] then return 0 end
  set('complete', generation)
  return 1
end

if command == 'load' then return not is_lost and redis.call('HGET', record, 'checkpoint') end
