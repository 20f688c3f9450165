-- Every script begins with this. KEYS: journal, terms, meta, then what the script needs.
local journal, terms, meta = KEYS[1], KEYS[2], KEYS[3]

-- The id of the last entry, whether or not it has been deleted since.
local function tail()
  if redis.call('EXISTS', journal) == 0 then return '0-0' end
  local info = redis.call('XINFO', 'STREAM', journal)
  for i = 1, #info, 2 do
    if info[i] == 'last-generated-id' then return info[i + 1] end
  end
end

local function position(id)
  return tonumber(string.match(id, '^%d+'))
end

-- The term at present, and whose it is.
local function newest_term()
  local newest = redis.call('XREVRANGE', terms, '+', '-', 'COUNT', 1)[1]
  if not newest then return 0, '' end
  return position(newest[1]), newest[2][4]
end

-- From now on `writer` appends, after the entry `last`. Who wrote before learns of it when it tries.
local function begin_term(writer, last)
  local term = newest_term() + 1
  redis.call('XADD', terms, term .. '-0', 'after', position(last), 'writer', writer)
  redis.call('XTRIM', terms, 'MAXLEN', 1000)
  return term
end

-- Positions without an entry are counted, so that others that are missing show. Journals of a time
-- when nobody counted have no such field.
local function count_removed(entries)
  if redis.call('HEXISTS', meta, 'removed') == 1 then
    redis.call('HINCRBY', meta, 'removed', entries)
  end
end

