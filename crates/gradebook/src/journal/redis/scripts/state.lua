-- Returns the journal's key, the id of its last entry, its terms, and what of it is packed.
return {
  redis.call('HGET', meta, 'key'),
  tail(),
  redis.call('XRANGE', terms, '-', '+'),
  redis.call('HMGET', meta, 'packed', 'span', 'repacked'),
}
