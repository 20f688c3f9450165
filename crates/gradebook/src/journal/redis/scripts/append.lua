-- KEYS: …, checkpoints. ARGV: the id of the entry to append after, the term, the writer, the number
-- of checkpoints, feed and last event id of each, and then each entry as student, exam, score,
-- received; of an erasure as '', pseudonym, suppress, ''.
-- Returns 1 and the last position; or 0 and the last position when somebody else has written.
local last = tail()
local term, writer = newest_term()
local at = position(last)
if last ~= ARGV[1] or term ~= tonumber(ARGV[2]) or writer ~= ARGV[3] then
  return { 0, at }
end
local argv, call, suffix = ARGV, redis.call, '-' .. ARGV[2]
local first = 5 + 2 * tonumber(argv[4])
for i = first, #argv, 4 do
  at = at + 1
  if argv[i] ~= '' then
    call('XADD', journal, at .. suffix, 'student', argv[i], 'exam', argv[i + 1],
      'score', argv[i + 2], 'received', argv[i + 3])
  else
    call('XADD', journal, at .. suffix, 'erased', argv[i + 1], 'suppress', argv[i + 2])
  end
end
for i = 5, first - 1, 2 do
  call('HSET', KEYS[4], argv[i], argv[i + 1])
end
return { 1, at }
