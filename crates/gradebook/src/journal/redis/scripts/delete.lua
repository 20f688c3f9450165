-- ARGV: ids of entries of the stream.
-- Returns how many of them were deleted.
-- A copy that is being made would bring them back, and so would whoever packs them: what they have
-- read is of no use any more.
redis.call('HINCRBY', meta, 'deletions', 1)
redis.call('HINCRBY', meta, 'edits', 1)
local deleted = redis.call('XDEL', journal, unpack(ARGV))
count_removed(deleted)
return deleted
