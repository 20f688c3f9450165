-- KEYS: …, lease, feeds. ARGV: writer.
if redis.call('GET', KEYS[4]) == ARGV[1] then redis.call('DEL', KEYS[4], KEYS[5]) end
return 1
