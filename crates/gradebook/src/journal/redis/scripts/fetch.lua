-- KEYS: …, segments. ARGV: a segment's number.
-- Returns the segment or nothing, the newest term, and what of the journal is packed.
return {
  redis.call('HGET', KEYS[4], ARGV[1]),
  redis.call('XREVRANGE', terms, '+', '-', 'COUNT', 1),
  redis.call('HMGET', meta, 'packed', 'span', 'repacked'),
}
