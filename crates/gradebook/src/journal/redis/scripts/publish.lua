-- KEYS: …, lease, feeds. ARGV: writer, how its feeds are, for how many milliseconds that is to stand.
-- Returns 1 when the writer leads, or nothing: what another tells is newer.
if redis.call('GET', KEYS[4]) ~= ARGV[1] then return false end
redis.call('SET', KEYS[5], ARGV[2], 'PX', ARGV[3])
return 1
