-- KEYS: …, lease. ARGV: writer, for how many milliseconds, the journal's key.
-- Returns 1 when the writer leads, or nothing.
if redis.call('HGET', meta, 'key') ~= ARGV[3] then
  return redis.error_reply('LOST the journal is another one')
end
local leader = redis.call('GET', KEYS[4])
if leader and leader ~= ARGV[1] then return false end
redis.call('SET', KEYS[4], ARGV[1], 'PX', ARGV[2])
return 1
