-- KEYS: …, lease. ARGV: writer, the journal's key, for how many milliseconds to lead (0: without).
-- Returns the new term and the id of the last entry; nothing when another leads.
if redis.call('HGET', meta, 'key') ~= ARGV[2] then
  return redis.error_reply('LOST the journal is another one')
end
if ARGV[3] ~= '0' then
  local leader = redis.call('GET', KEYS[4])
  if leader and leader ~= ARGV[1] then return false end
  redis.call('SET', KEYS[4], ARGV[1], 'PX', ARGV[3])
end
local last = tail()
return { begin_term(ARGV[1], last), last }
