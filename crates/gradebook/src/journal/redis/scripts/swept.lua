-- KEYS: …, erasing. ARGV: pseudonym, position of the erasure whose entries are deleted.
-- A later erasure of the same student stays on the list.
if redis.call('HGET', KEYS[4], ARGV[1]) == ARGV[2] then redis.call('HDEL', KEYS[4], ARGV[1]) end
return 1
