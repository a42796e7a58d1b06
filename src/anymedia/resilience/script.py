"""What Redis does when a process shares its circuits: one script, one round trip.

Keys: the standings of all circuits (a hash), their latest version, then for each circuit that is
spoken of the counts of every process (a hash) and the lease to probe.

Arguments: who asks, the latest version it knows, how long counts and leases last, how long a
standing is remembered (both in milliseconds), then seven for each circuit: its id; `open`, `closed`
or `still` (open, told before) or nothing; the version that this is based on; milliseconds left of
the pause; the whole pause; why; and its counts, a stroke, and `yes`, `done` or `no` for the lease.

Returns the latest version; for each circuit the sum of the others' five counts and the lease (-1
ours, 0 nobody's, else the milliseconds for which it is another's); and every standing that is
newer than the version known.
"""

from __future__ import annotations

from typing import Final

SCRIPT: Final = """
local standings, versions = KEYS[1], KEYS[2]
local me, since = ARGV[1], tonumber(ARGV[2])
local lapse, remembered = tonumber(ARGV[3]), tonumber(ARGV[4])
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)

-- Begins with the time, so that versions go on rising after Redis has been emptied.
redis.call('SET', versions, string.format('%.0f', now), 'NX')

local function number(value) return string.format('%.0f', value) end

local function read(value)
  local version, state, ends, pause, why = string.match(value, '^(%d+)|(%a+)|(%d+)|(%d+)|(.*)$')
  return tonumber(version), state, tonumber(ends), tonumber(pause), why
end

local function write(id, state, ends, pause, why)
  local version = redis.call('INCR', versions)
  local words = {number(version), state, number(ends), number(pause), why}
  redis.call('HSET', standings, id, table.concat(words, '|'))
end

local answers = {}
for at = 5, #ARGV, 7 do
  local id, tell, based = ARGV[at], ARGV[at + 1], tonumber(ARGV[at + 2])
  local left, pause, why = tonumber(ARGV[at + 3]), tonumber(ARGV[at + 4]), ARGV[at + 5]
  local counts, wants = string.match(ARGV[at + 6], '^([%d ]*)/(%a+)$')
  local nth = 3 + 2 * (at - 5) / 7
  local counted, lease = KEYS[nth], KEYS[nth + 1]

  local found = redis.call('HGET', standings, id)
  local version, state, ends, held = 0, 'closed', 0, 0
  if found then version, state, ends, held = read(found) end
  if tell == 'open' or (tell == 'still' and not found) then
    if state == 'closed' or ends < now + left or held < pause then
      local later = now + left
      if state == 'open' then later, pause = math.max(ends, later), math.max(held, pause) end
      write(id, 'open', later, pause, why)
    end
  elseif tell == 'closed' and state == 'open' and based == version then
    write(id, 'closed', now, held, '')
  end

  if counts == '' then
    redis.call('HDEL', counted, me)
  else
    redis.call('HSET', counted, me, number(now + lapse) .. ' ' .. counts)
    redis.call('PEXPIRE', counted, lapse)
  end
  local sum = {0, 0, 0, 0, 0}
  local rows = redis.call('HGETALL', counted)
  for row = 1, #rows, 2 do
    local fields = {}
    for field in string.gmatch(rows[row + 1], '%d+') do fields[#fields + 1] = tonumber(field) end
    if fields[1] < now then
      redis.call('HDEL', counted, rows[row])
    elseif rows[row] ~= me then
      for field = 1, 5 do sum[field] = sum[field] + fields[field + 1] end
    end
  end

  local probing = 0
  local holder = redis.call('GET', lease)
  if wants == 'yes' and (not holder or holder == me) then
    redis.call('SET', lease, me, 'PX', lapse)
    probing = -1
  elseif wants == 'done' and holder == me then
    redis.call('DEL', lease)
  elseif holder and holder ~= me then
    probing = math.max(1, redis.call('PTTL', lease))
  end
  answers[#answers + 1] = {sum[1], sum[2], sum[3], sum[4], sum[5], probing}
end

local news = {}
local rows = redis.call('HGETALL', standings)
for row = 1, #rows, 2 do
  local version, state, ends, pause, why = read(rows[row + 1])
  if ends + remembered < now then
    redis.call('HDEL', standings, rows[row])
  elseif version > since then
    news[#news + 1] = {rows[row], version, state, math.max(0, ends - now), pause, why}
  end
end
return {tonumber(redis.call('GET', versions)), answers, news}
"""
