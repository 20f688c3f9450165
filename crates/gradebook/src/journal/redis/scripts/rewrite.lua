-- KEYS: …, the copy. ARGV: the id of the last entry of the copy (0-0: begin anew), how many entries
-- to copy, how many deletions there were when the copy was begun, who copies.
-- Copies entries, which leaves the bytes of deleted ones behind. At the end the copy takes the place
-- of the journal. Returns the id of the last entry copied, or 'done', or nothing when somebody else
-- copies or the copy is of no use any more.
local copy, from = KEYS[4], ARGV[1]
if (redis.call('HGET', meta, 'deletions') or '0') ~= ARGV[3] then return false end
-- Whoever has not gone on for ten seconds does not copy any more.
local now = tonumber(redis.call('TIME')[1])
local who, at = string.match(redis.call('HGET', meta, 'copying') or '', '^(%S+) (%d+)$')
if who and who ~= ARGV[4] and now - tonumber(at) < 10 then return false end
redis.call('HSET', meta, 'copying', ARGV[4] .. ' ' .. now)
if from == '0-0' then
  redis.call('UNLINK', copy)
elseif redis.call('EXISTS', copy) == 0
  or redis.call('XREVRANGE', copy, '+', '-', 'COUNT', 1)[1][1] ~= from then
  return false
end
local entries = redis.call('XRANGE', journal, '(' .. from, '+', 'COUNT', ARGV[2])
for _, entry in ipairs(entries) do
  redis.call('XADD', copy, entry[1], unpack(entry[2]))
  from = entry[1]
end
if #entries == tonumber(ARGV[2]) then return from end
if redis.call('EXISTS', copy) == 1 then
  redis.call('XSETID', copy, tail())
  redis.call('UNLINK', journal)
  redis.call('RENAME', copy, journal)
end
redis.call('HDEL', meta, 'deletions', 'copying')
return 'done'
