-- KEYS: …, erasing. ARGV: the id of the entry to append after or *, the writer, the journal's key,
-- pseudonym, suppress; and perhaps the student, the first position that was not seen, and how many
-- entries are looked through at most: then nothing is appended if one of them is a score of theirs.
-- Returns 1, the position of the erasure, and its term; or 0 and the last position.
if redis.call('HGET', meta, 'key') ~= ARGV[3] then
  return redis.error_reply('LOST the journal is another one')
end
local last = tail()
local at = position(last)
if ARGV[1] ~= '*' and ARGV[1] ~= last then return { 0, at } end
if ARGV[6] then
  -- What is packed already is not looked through.
  if tonumber(redis.call('HGET', meta, 'packed') or '0') >= tonumber(ARGV[7]) then
    return { 0, at }
  end
  if at - tonumber(ARGV[7]) >= tonumber(ARGV[8]) then return { 0, at } end
  for _, entry in ipairs(redis.call('XRANGE', journal, ARGV[7], '+')) do
    if entry[2][1] == 'student' and entry[2][2] == ARGV[6] then return { 0, at } end
  end
end
local term = begin_term(ARGV[2], last)
at = at + 1
redis.call('XADD', journal, at .. '-' .. term, 'erased', ARGV[4], 'suppress', ARGV[5])
redis.call('HSET', KEYS[4], ARGV[4], at)
return { 1, at, term }
