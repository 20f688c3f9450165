-- KEYS: …, segments. ARGV: the journal's key, the last position packed so far, the last position
-- that is packed now, the span of a segment, how often the stream was edited, the newest term as it
-- is known (its number, the position after which it began, whose it is), the segment's number, the
-- segment, how many entries it holds.
-- Moves the oldest entries out of the stream into a segment: both in one step, or neither.
-- Returns 1, the last position packed and how often the stream has been edited; 0 and the same when
-- somebody else has packed or deleted meanwhile; nothing when what was packed may have been replaced
-- by a failover.
if redis.call('HGET', meta, 'key') ~= ARGV[1] then
  return redis.error_reply('LOST the journal is another one')
end
local packed = redis.call('HGET', meta, 'packed') or '0'
local edits = redis.call('HGET', meta, 'edits') or '0'
if packed ~= ARGV[2] or edits ~= ARGV[5] then return { 0, packed, edits } end
if (redis.call('HGET', meta, 'span') or ARGV[4]) ~= ARGV[4] then
  return redis.error_reply('SPAN another compaction has begun with another span')
end
-- The entries are those that were read if the term in which they were read is still there, and none
-- has begun before their end.
local last = tonumber(ARGV[3])
local known = redis.call('XRANGE', terms, ARGV[6] .. '-0', ARGV[6] .. '-0')[1]
if not known or known[2][2] ~= ARGV[7] or known[2][4] ~= ARGV[8] then return false end
for _, newer in ipairs(redis.call('XRANGE', terms, '(' .. ARGV[6] .. '-0', '+')) do
  if tonumber(newer[2][2]) < last then return false end
end
-- The last entry stays in the stream: it says how far the journal reaches.
if position(tail()) <= last then return false end
redis.call('HSET', KEYS[4], ARGV[9], ARGV[10])
-- Programs that know of no segments must not take what is left for everything.
redis.call('HSET', meta, 'format', 2, 'packed', ARGV[3], 'span', ARGV[4])
local trimmed = redis.call('XTRIM', journal, 'MINID', '=', string.format('%.0f-0', last + 1))
count_removed(trimmed - tonumber(ARGV[11]))
-- Where the stream begins now, entries were cut out of a node that stays.
redis.call('HINCRBY', meta, 'deletions', 1)
return { 1, ARGV[3], redis.call('HINCRBY', meta, 'edits', 1) }
