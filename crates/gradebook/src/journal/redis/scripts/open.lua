-- ARGV: a key for a new journal, 1 to make it when there is none, the time.
-- Returns the format and the key of the journal, and whether it is new; nothing when there is none.
local made = 0
if redis.call('EXISTS', meta) == 0 then
  if redis.call('EXISTS', journal) == 1 then
    return redis.error_reply('FOREIGN there is a stream but nothing that says what it is')
  end
  if ARGV[2] == '0' then return false end
  redis.call('HSET', meta, 'format', 1, 'key', ARGV[1], 'created', ARGV[3], 'removed', 0)
  made = 1
end
return { redis.call('HGET', meta, 'format'), redis.call('HGET', meta, 'key'), made }
