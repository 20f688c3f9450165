-- Returns the journal's key, the id of its last entry, and its terms.
return {
  redis.call('HGET', meta, 'key'),
  tail(),
  redis.call('XRANGE', terms, '-', '+'),
}
