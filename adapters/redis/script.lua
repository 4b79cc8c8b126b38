-- Applies operations to one partition, all or none.
-- KEYS: records (hash), index (sorted set).
-- ARGV: five for each operation:
--   condition: "a" any, "n" no record, "m"VERSION that version
--   field of the record
--   beginning of the index member
--   record, "" to delete
--   inlined content, "" for none
-- Answers 0, or the number of the first operation whose condition fails.
-- Everything is judged before anything is written, because what a script has
-- written stays when it fails. The first write of a put is ZADD, which Redis
-- refuses at its memory limit; after a write it refuses no more.
local hash, index = KEYS[1], KEYS[2]
local n = #ARGV
local olds = {}
for i = 1, n, 5 do
  local old = redis.call('HGET', hash, ARGV[i + 1])
  local cond = ARGV[i]
  local kind = string.byte(cond)
  if kind == 110 then
    if old then return (i + 4) / 5 end
  elseif kind == 109 then
    if not old or string.sub(old, 4, 15) ~= string.sub(cond, 2) then return (i + 4) / 5 end
  end
  olds[i] = old
end
for i = 1, n, 5 do
  local field, begins, record, body, old = ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], ARGV[i + 4], olds[i]
  local member, had
  if old then
    local flags, high, low = string.byte(old, 1, 3)
    member = begins .. string.sub(old, 4, 15 + high * 256 + low)
    had = flags % 2 == 1
  end
  if record ~= '' then
    local _, high, low = string.byte(record, 1, 3)
    redis.call('ZADD', index, 0, begins .. string.sub(record, 4, 15 + high * 256 + low))
    if member then redis.call('ZREM', index, member) end
    if body ~= '' then
      redis.call('HSET', hash, field, record, 'b' .. string.sub(field, 2), body)
    else
      redis.call('HSET', hash, field, record)
      if had then redis.call('HDEL', hash, 'b' .. string.sub(field, 2)) end
    end
  elseif old then
    redis.call('ZREM', index, member)
    redis.call('HDEL', hash, field, 'b' .. string.sub(field, 2))
  end
end
return 0
