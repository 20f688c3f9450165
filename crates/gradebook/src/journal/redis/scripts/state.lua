-- Returns the journal's key, the id of its last entry, its terms, and the snapshot's position.
return {
  redis.call('HGET', meta, 'key'),
  tail(),
  redis.call('XRANGE', terms, '-', '+'),
  redis.call('HGET', meta, 'snapshot'),
}
