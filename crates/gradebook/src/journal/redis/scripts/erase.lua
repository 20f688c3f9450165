-- KEYS: …, erasing. ARGV: the id of the entry to append after or *, the writer, the journal's key,
-- pseudonym, suppress.
-- Returns 1, the position of the erasure, and its term; or 0 and the last position.
if redis.call('HGET', meta, 'key') ~= ARGV[3] then
  return redis.error_reply('LOST the journal is another one')
end
local last = tail()
local at = position(last)
if ARGV[1] ~= '*' and ARGV[1] ~= last then return { 0, at } end
local term = begin_term(ARGV[2], last)
at = at + 1
redis.call('XADD', journal, at .. '-' .. term, 'erased', ARGV[4], 'suppress', ARGV[5])
redis.call('HSET', KEYS[4], ARGV[4], at)
return { 1, at, term }
