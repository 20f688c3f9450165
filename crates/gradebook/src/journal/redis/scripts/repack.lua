-- KEYS: …, segments. ARGV: the segment's number, the checksum of the segment that it replaces, the
-- segment, how many entries fewer it holds.
-- Returns 1; or 0 when the segment is another one already.
local found = redis.call('HGET', KEYS[4], ARGV[1])
if not found or string.sub(found, 9, 24) ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[4], ARGV[1], ARGV[3])
redis.call('HINCRBY', meta, 'repacked', 1)
count_removed(tonumber(ARGV[4]))
return 1
