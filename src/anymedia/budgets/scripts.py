"""Accounts in Redis: one script for each step.

An account is a hash: `spent`, `held`, and a mark for everything that was told. An attempt is a hash
of what it has reserved, by account. Amounts are added with HINCRBY, which is exact; they are
compared as doubles, which is exact to nine million dollars and within a nano-dollar or two beyond.
All keys carry one hash tag, so that on a cluster they are on one shard, as one step over several
accounts needs. `settle` and `found` find keys in what they read or are told, and do not have them
declared.
"""

from __future__ import annotations

COMMON = """
local function text(number) return string.format('%.0f', number) end
local function amount(key, field) return tonumber(redis.call('HGET', key, field) or '0') end
"""

RESERVE = (
    COMMON
    + """
-- KEYS: attempt, open ones, then account by account. ARGV: id, time, verb, the attempt's life,
-- amount, whether it has a price; then of each account limit, whether it blocks, whether it takes
-- what has no price, life. `record` reserves without asking. Answers what is committed of each.
local id, verb, asked, priced = ARGV[1], ARGV[3], tonumber(ARGV[5]), ARGV[6] == '1'
local known = redis.call('EXISTS', KEYS[1]) == 1
local missing, committed, short = {'missing'}, {}, false
for i = 3, #KEYS do
  local at = 6 + (i - 3) * 4
  if redis.call('HEXISTS', KEYS[i], 'spent') == 0 then missing[#missing + 1] = i - 2 end
  local so_far = amount(KEYS[i], 'spent') + amount(KEYS[i], 'held')
  committed[#committed + 1] = text(so_far)
  local limit, blocks, takes = tonumber(ARGV[at + 1]), ARGV[at + 2] == '1', ARGV[at + 3] == '1'
  local lacks = asked > 0 and so_far + asked > limit
  if not priced then lacks = not takes or so_far >= limit end
  short = short or (blocks and lacks)
end
if known then return {'reserved', 0, unpack(committed)} end
if #missing > 1 then return missing end
if short and verb ~= 'record' then return {'reached', 0, unpack(committed)} end
for i = 3, #KEYS do
  redis.call('HINCRBY', KEYS[i], 'held', ARGV[5])
  redis.call('HSET', KEYS[1], KEYS[i], ARGV[5])
  local life = ARGV[6 + (i - 3) * 4 + 4]
  if life ~= '' then redis.call('PEXPIRE', KEYS[i], life) end
end
redis.call('PEXPIRE', KEYS[1], ARGV[4])
redis.call('ZADD', KEYS[2], ARGV[2], id)
return {'reserved', 1, unpack(committed)}
"""
)

FOUND = (
    COMMON
    + """
-- KEYS: account, its subjects, open ones. ARGV: time, life, the attempts' life, subject, spent;
-- then id, key and amount of each attempt that has something reserved.
if redis.call('HEXISTS', KEYS[1], 'spent') == 1 then return 0 end
redis.call('HSET', KEYS[1], 'spent', ARGV[5], 'held', '0')
redis.call('SADD', KEYS[2], ARGV[4])
for i = 6, #ARGV, 3 do
  local id, key = ARGV[i], ARGV[i + 1]
  redis.call('HSET', key, KEYS[1], ARGV[i + 2])
  redis.call('HINCRBY', KEYS[1], 'held', ARGV[i + 2])
  redis.call('PEXPIRE', key, ARGV[3])
  redis.call('ZADD', KEYS[3], 'NX', ARGV[1], id)
end
if ARGV[2] ~= '' then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
  redis.call('PEXPIRE', KEYS[2], ARGV[2])
end
return 1
"""
)

SETTLE = (
    COMMON
    + """
-- KEYS: attempt, open ones. ARGV: id, amount. Answers account, spent and held of each.
local answer = {'settled'}
local reserved = redis.call('HGETALL', KEYS[1])
for i = 1, #reserved, 2 do
  local key = reserved[i]
  if redis.call('HEXISTS', key, 'spent') == 1 then
    if reserved[i + 1] ~= '0' then
      redis.call('HINCRBY', key, 'held', '-' .. reserved[i + 1])
    end
    redis.call('HINCRBY', key, 'spent', ARGV[2])
    answer[#answer + 1] = key
    answer[#answer + 1] = redis.call('HGET', key, 'spent')
    answer[#answer + 1] = redis.call('HGET', key, 'held')
  end
end
redis.call('DEL', KEYS[1])
redis.call('ZREM', KEYS[2], ARGV[1])
return answer
"""
)

CORRECT = """
-- KEYS: the correction, then accounts. ARGV: its life, difference. Those that are not there yet are
-- passed over: they will begin with it.
for i = 2, #KEYS do
  if redis.call('HEXISTS', KEYS[i], 'spent') == 1
      and redis.call('HSETNX', KEYS[1], KEYS[i], '1') == 1 then
    redis.call('HINCRBY', KEYS[i], 'spent', ARGV[2])
  end
end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return 1
"""

LOOK = """
-- KEYS: accounts. Answers spent and held of each, nothing where there is no account.
local answer = {}
for i, key in ipairs(KEYS) do answer[i] = redis.call('HMGET', key, 'spent', 'held') end
return answer
"""
