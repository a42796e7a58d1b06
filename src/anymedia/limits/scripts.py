"""The algorithm of `count` and `sliding` in Lua, one script for each verb of a limiter.

A script first reads and decides, then writes: what it cannot read (something else has got under
our key) it names, and nothing has been changed. Under each rule there are two keys: a packed
table of its windows and bucket, and a sorted set of slots, the ends of leases by claim. A claim
has a key of its own with what it was charged. All of them expire when they no longer count, and
all carry one hash tag, so that on a cluster they are on one shard, as one step over several rules
needs. `release` and the like find the rules' keys in the claim and do not have them declared.

The time is Redis' own. Should it go back, everything stored is moved back as far: ages stay what
they are, so nothing comes free early, and nothing waits for a future that was a mistake. `seen`
is the latest time that was seen; in the sorted set it is the score of the member without a name.
"""

from __future__ import annotations

from anymedia.limits.plan import WINDOWS

TABLE = ",".join(
    f"{name}={{{window.kind + 1},{window.span},{window.cell}}}" for name, window in WINDOWS.items()
)
"""The windows by name: kind, span and cell."""

COMMON = """
local WINDOWS = {TABLE}
local function clock()
  if ARGV[1] ~= '' then return tonumber(ARGV[1]) end
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000000 + tonumber(time[2])
end
local now = clock()

-- Numbers in full: Lua's own conversion keeps fourteen digits.
local function text(number) return string.format('%.0f', number) end

local reading_at = ''

local function unpacked(key)
  reading_at = key
  local raw = redis.call('GET', key)
  if not raw then return nil end
  local value = cmsgpack.unpack(raw)
  assert(type(value) == 'table')
  return value
end

local function claim_of(key)
  local claim = unpacked(key)
  return claim and claim.ends > now and claim or nil
end

local function keep_claim(key, claim, lease)
  claim.ends = now + lease
  redis.call('SET', key, cmsgpack.pack(claim), 'PX', text(math.ceil(lease / 1000)))
end

local function forget(window, horizon)
  local cells, gone = window.cells, 0
  while cells[gone + 1] and cells[gone + 1] <= horizon do
    window.total = window.total - cells[gone + 2]
    gone = gone + 2
  end
  if gone > 0 then
    local kept = {}
    for i = gone + 1, #cells do kept[i - gone] = cells[i] end
    window.cells = kept
  end
end

local function add(window, width, amount)
  local cells = window.cells
  local count = #cells
  if count > 0 and now - window.opened < width then
    cells[count - 1] = now
    cells[count] = cells[count] + amount
  else
    window.opened = now
    cells[count + 1] = now
    cells[count + 2] = amount
  end
  window.total = window.total + amount
end

local function give_back(window, span, at, amount)
  if at <= now - span then return end
  local cells = window.cells
  for i = 1, #cells, 2 do
    if cells[i] >= at then
      local back = math.min(amount, cells[i + 1])
      cells[i + 1] = cells[i + 1] - back
      window.total = window.total - back
      return
    end
  end
end

local function free_at(window, span, excess)
  local cells, last = window.cells, now - span
  for i = 1, #cells, 2 do
    last = cells[i]
    excess = excess - cells[i + 1]
    if excess <= 0 then break end
  end
  return last + span
end

-- What is counted under a key, as of now: old things forgotten, times moved if time went back.
local function state_of(key)
  local state = unpacked(key)
  if not state then return {seen = now, full_at = 0, windows = {}} end
  local back = state.seen - now
  state.moved = back > 0
  if back > 0 then state.full_at = state.full_at - back end
  for name, window in pairs(state.windows) do
    if back > 0 then
      window.opened = window.opened - back
      for i = 1, #window.cells, 2 do window.cells[i] = window.cells[i] - back end
    end
    assert(window.total >= 0 and type(window.opened) == 'number')
    forget(window, now - WINDOWS[name][2])
  end
  state.seen = now
  return state
end

local function keep_state(key, state, least)
  for name, window in pairs(state.windows) do
    if #window.cells == 0 then
      state.windows[name] = nil
    else
      -- It counts until its last cell leaves, whatever else the key has.
      local cells = window.cells
      least = math.max(least, cells[#cells - 1] + WINDOWS[name][2] - now)
    end
  end
  state.moved = nil
  redis.call('SET', key, cmsgpack.pack(state), 'PX', text(math.ceil(least / 1000) + 1000))
end

-- How far time went back since the slots were last seen, and how many are taken.
local function slots_of(key)
  reading_at = key
  local seen = tonumber(redis.call('ZSCORE', key, '') or now)
  local back = math.max(seen - now, 0)
  return back, redis.call('ZCOUNT', key, '(' .. text(now + back), '+inf')
end

local function move_slots(key, back)
  local all = redis.call('ZRANGE', key, 0, -1, 'WITHSCORES')
  for i = 1, #all, 2 do
    redis.call('ZADD', key, text(tonumber(all[i + 1]) - back), all[i])
  end
end

local function hold(key, claim, lease, back)
  if back > 0 then move_slots(key, back) end
  redis.call('ZADD', key, text(now), '', text(now + lease), claim)
  redis.call('ZREMRANGEBYSCORE', key, '-inf', '(' .. text(now))
  local ttl = math.ceil(lease / 1000) + 1000
  if redis.call('PTTL', key) < ttl then redis.call('PEXPIRE', key, text(ttl)) end
end

local function later(one, other)
  if not one or other.never then return other end
  if one.never or not other.free_at then return one end
  if not one.free_at or other.free_at > one.free_at then return other end
  return one
end

local function shortage(plan, state, slots, asked, held)
  local found = nil
  for name, limit in pairs(plan.bounds) do
    local amount = asked[WINDOWS[name][1]]
    local window = state.windows[name]
    if amount > 0 then
      if amount > limit then return {amount = name, never = true} end
      local excess = (window and window.total or 0) + amount - limit
      if excess > 0 then
        local moment = free_at(window, WINDOWS[name][2], excess)
        found = later(found, {amount = name, free_at = moment})
      end
    end
  end
  if plan.gap > 0 and state.full_at - now > plan.slack then
    found = later(found, {amount = 'per_second', free_at = math.ceil(state.full_at - plan.slack)})
  end
  if plan.concurrent > 0 and slots >= plan.concurrent and not held then
    found = later(found, {amount = 'concurrent'})
  end
  return found
end

local function charge(names, state, asked)
  for _, name in ipairs(names) do
    local kind = WINDOWS[name][1]
    if asked[kind] > 0 then
      local window = state.windows[name]
      if not window then
        window = {total = 0, opened = now, cells = {}}
        state.windows[name] = window
      end
      add(window, WINDOWS[name][3], asked[kind])
    end
  end
end

local function names_of(plan)
  local names = {}
  for name, _ in pairs(plan.bounds) do names[#names + 1] = name end
  return names
end

local function told(found, index)
  local wait = found.free_at and text(math.max(found.free_at - now, 1)) or ''
  return {'full', index, found.amount, wait, found.never and 1 or 0}
end

-- Reads that fail because something else is under our key, as an answer.
local function reading(what)
  local fine, answer = pcall(what)
  if not fine then return {'garbage', reading_at} end
  return answer
end
""".replace("TABLE", TABLE)

TAKE = (
    COMMON
    + """
-- KEYS: claim, then state and slots of each rule. ARGV: time, id, lease, tokens, micro-dollars,
-- then the plan of each rule; `adopt` asks for slots alone.
local id, lease, adopting = ARGV[2], tonumber(ARGV[3]), ARGV[6] == 'adopt'
local asked = {1, tonumber(ARGV[4]), tonumber(ARGV[5])}
local plans, states, backs, known = {}, {}, {}, nil

local refused = reading(function()
  known = claim_of(KEYS[1])
  if known and not adopting then return {'taken'} end
  local worst, where = nil, 0
  for i = 1, #ARGV - 6 do
    local plan = cjson.decode(ARGV[i + 6])
    local slots = 0
    plans[i] = plan
    states[i] = state_of(KEYS[2 * i])
    backs[i], slots = slots_of(KEYS[2 * i + 1])
    if not adopting then
      local held = false
      if plan.concurrent > 0 and slots >= plan.concurrent then
        local score = redis.call('ZSCORE', KEYS[2 * i + 1], id)
        held = score and tonumber(score) > now + backs[i]
      end
      local found = shortage(plan, states[i], slots, asked, held)
      if found and later(worst, found) == found then worst, where = found, i end
    end
  end
  return worst and told(worst, where)
end)
if refused then
  if refused[1] == 'full' then
    -- From the time that was set back it goes on, also while everybody is refused.
    for i, plan in ipairs(plans) do
      if states[i].moved then keep_state(KEYS[2 * i], states[i], plan.longest) end
      if backs[i] > 0 then move_slots(KEYS[2 * i + 1], backs[i]) end
    end
  end
  return refused
end

local claim = known or {
  first = asked, extras = {{0, 0}, {0, 0}, {0, 0}}, at = adopting and 0 or now, rules = {}
}
if not known then
  for i, plan in ipairs(plans) do
    local before = states[i].full_at
    claim.rules[i] = {KEYS[2 * i], KEYS[2 * i + 1], names_of(plan), plan.concurrent, before, before}
  end
end
if not adopting then
  for i, plan in ipairs(plans) do
    local state = states[i]
    charge(claim.rules[i][3], state, asked)
    if plan.gap > 0 then
      state.full_at = math.max(state.full_at, now) + plan.gap
      claim.rules[i][6] = state.full_at
    end
    keep_state(KEYS[2 * i], state, plan.longest)
  end
end
for i, plan in ipairs(plans) do
  if plan.concurrent > 0 then hold(KEYS[2 * i + 1], id, lease, backs[i]) end
end
keep_claim(KEYS[1], claim, lease)
return {'taken'}
"""
)
"""Take or adopt. Answers `taken`, or `full` with rule, amount, microseconds and never."""

SETTLED = """
-- Replace the estimates of the claim under KEYS[1]; an amount is empty where it is not known.
local function settled(tokens, micro_usd)
  local claim, states, actuals = nil, {}, {nil, tonumber(tokens), tonumber(micro_usd)}
  local refused = reading(function()
    claim = claim_of(KEYS[1])
    if not claim then return {'unknown'} end
    for i, rule in ipairs(claim.rules) do states[i] = state_of(rule[1]) end
  end)
  if refused then return refused end

  local function back(kind, at, amount)
    if at == 0 or amount <= 0 then return end
    for i, rule in ipairs(claim.rules) do
      for name, window in pairs(states[i].windows) do
        if WINDOWS[name][1] == kind then give_back(window, WINDOWS[name][2], at, amount) end
      end
    end
  end

  local changed = false
  for kind = 2, 3 do
    local actual = actuals[kind]
    local first, extra = claim.first[kind], claim.extras[kind]
    if actual and actual ~= first + extra[1] then
      changed = true
      back(kind, extra[2], extra[1])
      claim.extras[kind] = {0, 0}
      if actual <= first then
        back(kind, claim.at, first - actual)
        claim.first[kind] = actual
      else
        claim.extras[kind] = {actual - first, now}
        local asked = {0, 0, 0}
        asked[kind] = actual - first
        for i, rule in ipairs(claim.rules) do charge(rule[3], states[i], asked) end
      end
    end
  end
  if changed then
    for i, rule in ipairs(claim.rules) do
      keep_state(rule[1], states[i], math.max(states[i].full_at - now, 0))
    end
    redis.call('SET', KEYS[1], cmsgpack.pack(claim), 'KEEPTTL')
  end
  return {'settled'}
end
"""

RELEASED = """
-- Free the slots of the claim under KEYS[1], and forget it.
local function released(id, refund)
  local claim, states = nil, {}
  local refused = reading(function()
    claim = claim_of(KEYS[1])
    if not claim then return {'unknown'} end
    for i, rule in ipairs(claim.rules) do
      if refund then states[i] = state_of(rule[1]) end
      slots_of(rule[2])
    end
  end)
  if refused then return refused end

  for i, rule in ipairs(claim.rules) do
    redis.call('ZREM', rule[2], id)
    local state = states[i]
    if state then
      for name, window in pairs(state.windows) do
        local kind, span = WINDOWS[name][1], WINDOWS[name][2]
        if claim.at > 0 then give_back(window, span, claim.at, claim.first[kind]) end
        local extra = claim.extras[kind]
        if extra[1] > 0 then give_back(window, span, extra[2], extra[1]) end
      end
      if rule[6] > rule[5] and state.full_at == rule[6] then state.full_at = rule[5] end
      keep_state(rule[1], state, math.max(state.full_at - now, 0))
    end
  end
  redis.call('DEL', KEYS[1])
  return {'released'}
end
"""

SETTLE = (
    COMMON
    + SETTLED
    + """
-- KEYS: claim. ARGV: time, tokens, micro-dollars; nothing where it is not known.
return settled(ARGV[2], ARGV[3])
"""
)

RELEASE = (
    COMMON
    + RELEASED
    + """
-- KEYS: claim. ARGV: time, id, 1 for a refund.
return released(ARGV[2], ARGV[3] == '1')
"""
)

END = (
    COMMON
    + SETTLED
    + RELEASED
    + """
-- KEYS: claim. ARGV: time, tokens, micro-dollars, id. What cannot be settled is released as well.
local first = settled(ARGV[2], ARGV[3])
local second = released(ARGV[4], false)
return first[1] == 'garbage' and first or second
"""
)
"""Settle and release at once."""

RENEW = (
    COMMON
    + """
-- KEYS: claims. ARGV: time, lease, then the id of each. Answers the places of unknown ones.
local lease, claims, unknown = tonumber(ARGV[2]), {}, {'renewed'}
for i, key in ipairs(KEYS) do
  local found = reading(function()
    local claim = claim_of(key)
    for _, rule in ipairs(claim and claim.rules or {}) do
      if rule[4] > 0 then slots_of(rule[2]) end
    end
    claims[i] = claim
    return not claim and {'unknown'}
  end)
  -- One that cannot be read is passed over: the others need their leases.
  if found and found[1] == 'unknown' then unknown[#unknown + 1] = i end
end

for i, key in ipairs(KEYS) do
  if claims[i] then
    keep_claim(key, claims[i], lease)
    for _, rule in ipairs(claims[i].rules) do
      if rule[4] > 0 then hold(rule[2], ARGV[i + 2], lease, (slots_of(rule[2]))) end
    end
  end
end
return unknown
"""
)

LOOK = (
    COMMON
    + """
-- KEYS: state and slots of each rule. ARGV: time, then the plan of each. Changes nothing.
-- Answers how full the fullest is in millionths, then what stands in the way of one more request.
return reading(function()
  local fullest, worst, where = 0, nil, 0
  for i = 1, #ARGV - 1 do
    local plan = cjson.decode(ARGV[i + 1])
    local state = state_of(KEYS[2 * i - 1])
    local _, slots = slots_of(KEYS[2 * i])
    for name, limit in pairs(plan.bounds) do
      local window = state.windows[name]
      fullest = math.max(fullest, limit > 0 and (window and window.total or 0) / limit or 1)
    end
    if plan.gap > 0 then
      fullest = math.max(fullest, (state.full_at - now) / (plan.slack + plan.gap))
    end
    if plan.concurrent > 0 then fullest = math.max(fullest, slots / plan.concurrent) end
    local found = shortage(plan, state, slots, {1, 0, 0}, false)
    if found and later(worst, found) == found then worst, where = found, i end
  end
  local answer = {'looked', math.floor(math.min(fullest, 1) * 1000000)}
  for _, part in ipairs(worst and told(worst, where) or {}) do answer[#answer + 1] = part end
  return answer
end)
"""
)

STANDING = (
    COMMON
    + """
-- KEYS: state of a rule. ARGV: time, its plan. Changes nothing.
-- Answers each window with its name, what is used of it, and for how long that still counts.
return reading(function()
  local state, answer = state_of(KEYS[1]), {'standing'}
  for name, _ in pairs(cjson.decode(ARGV[2]).bounds) do
    local window = state.windows[name]
    if window and #window.cells > 0 then
      local free = window.cells[#window.cells - 1] + WINDOWS[name][2] - now
      answer[#answer + 1] = name
      answer[#answer + 1] = text(window.total)
      answer[#answer + 1] = text(math.max(free, 0))
    end
  end
  return answer
end)
"""
)
