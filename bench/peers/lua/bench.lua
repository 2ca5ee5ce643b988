-- SPDX-License-Identifier: MIT
--
-- The contenders Lua and LuaJIT: coroutines, and what a program makes of them by itself. A task is
-- a coroutine; the scheduler goes through an array of them, round after round. Nothing here waits
-- for anything outside.
--
-- coroutine.wrap gives a coroutine as a function: quicker than resume in both. LuaJIT has no other
-- numbers than doubles, so sums are exact up to 2^53: a row that would go beyond fails. Eight call
-- sites are eight copies of a body: it is loaded from its source eight times.

local wrap, yield = coroutine.wrap, coroutine.yield
local SITES = 8

local function fail(...)
  io.stderr:write(string.format(...), "\n")
  os.exit(1)
end

local function whole(count, step) return math.floor((count + step - 1) / step) * step end

-- The functions that a source returns, a copy for each site.
local function copies(source)
  local all = {}
  for site = 1, SITES do all[site] = assert(load(source))() end
  return all
end

---- Clocks ----

-- Lua has a clock of the processor only; the wall's is the kernel's, in hundredths of a second.
local function wall()
  local file = assert(io.open("/proc/uptime"))
  local seconds = file:read("*n")
  file:close()
  return seconds
end

local function mark() return { wall = wall(), cpu = os.clock() } end

local function report(from, to, count, check)
  if check >= 2 ^ 53 then fail("the sum is beyond what a double holds") end
  print(string.format("cpu_ns=%.0f wall_ns=%.0f count=%.0f check=%.0f", (to.cpu - from.cpu) * 1e9,
    (to.wall - from.wall) * 1e9, count, check))
end

-- How often each of size tasks does something, to warm up and while the clock runs; and what the
-- tasks call when they are warm, of which the last starts the clock, and done, where it stops.
local function plan(size, count)
  local share = { each = math.max(1, math.floor(count / size)), entered = 0, done = 0 }
  share.warm = math.max(1, math.floor(share.each / 10))
  share.total = share.each * size
  function share.enter()
    share.entered = share.entered + 1
    if share.entered == size then share.from = mark() end
  end
  function share.leave(times)
    share.done = share.done + times
    if share.done == share.total then share.to = mark() end
  end
  return share
end

---- Generators ----

local rows = {}

local GENERATOR = [[
  local yield = coroutine.yield
  return function(v)
    while true do v = yield(v + 1) end
  end]]

local function drive(g, count)
  local sum, at = 0, 0
  for i = 0, count - 1, SITES do
    sum = sum + g[at + 1](i)
    sum = sum + g[at + 2](i + 1)
    sum = sum + g[at + 3](i + 2)
    sum = sum + g[at + 4](i + 3)
    sum = sum + g[at + 5](i + 4)
    sum = sum + g[at + 6](i + 5)
    sum = sum + g[at + 7](i + 6)
    sum = sum + g[at + 8](i + 7)
    at = at + SITES < #g and at + SITES or 0
  end
  return sum
end

function rows.send_yield(size, count)
  count = whole(count, SITES)
  local bodies, generators = copies(GENERATOR), {}
  for i = 1, whole(size, SITES) do generators[i] = wrap(bodies[(i - 1) % SITES + 1]) end
  drive(generators, whole(count / 10, SITES))
  local from = mark()
  local sum = drive(generators, count)
  report(from, mark(), count, sum)
end

---- Tasks ----

-- Goes through the tasks round after round. A task yields true, and is over with nothing.
local function run(tasks)
  local n = #tasks
  while n > 0 do
    local left = 0
    for i = 1, n do
      local task = tasks[i]
      if task() then
        left = left + 1
        tasks[left] = task
      end
    end
    n = left
  end
end

local YIELDER = [[
  local yield = coroutine.yield
  return function(share)
    for _ = 1, share.warm do yield(true) end
    share.enter()
    for _ = 1, share.each do yield(true) end
    share.leave(share.each)
  end]]

function rows.yield(size, count)
  local bodies, share, tasks = copies(YIELDER), plan(size, count), {}
  for i = 1, size do
    local body = bodies[(i - 1) % SITES + 1]
    tasks[i] = wrap(function() body(share) end)
  end
  run(tasks)
  report(share.from, share.to, share.total, share.done)
end

local function batches(size, count)
  local sum = 0
  for _ = 1, count do
    local batch = {}
    for i = 0, size - 1 do
      batch[i + 1] = wrap(function() sum = sum + i end)
    end
    run(batch)
  end
  return sum
end

function rows.spawn_join(size, count)
  local n = whole(count, size) / size
  batches(size, math.floor(n / 10) + 1)
  local from = mark()
  local sum = batches(size, n)
  report(from, mark(), n * size, sum)
end

-- A member of the ring gives the token to whoever resumed it: the loop, which resumes the next.
function rows.ring(size, count)
  local share, members = plan(size, count), {}
  for k = 1, size do
    members[k] = wrap(function(token)
      while true do token = yield(token + 1) end
    end)
  end
  local token = 0
  local function laps(n)
    for _ = 1, n do
      for k = 1, size do token = members[k](token) end
    end
  end
  laps(share.warm)
  token = 0
  local from = mark()
  laps(share.each)
  report(from, mark(), share.total, token)
end

-- Bytes of memory that this process has, and of its page tables.
local function memory_used()
  local sum = 0
  for line in io.lines("/proc/self/status") do
    sum = sum + (line:match("^VmRSS:%s*(%d+)") or line:match("^VmPTE:%s*(%d+)") or 0)
  end
  return sum * 1024
end

function rows.memory(size)
  local parked, tasks = 0, {}
  local function body()
    parked = parked + 1
    yield()
  end
  local before = memory_used()
  for i = 1, size do
    tasks[i] = wrap(body)
    tasks[i]()
  end
  print(string.format("bytes=%.0f check=%d", (memory_used() - before) / size, parked))
end

---- The command line ----

local function number(text, least)
  local n = tonumber(text)
  if not n or n < least then fail("%s is no number to use", text) end
  return n
end

local function main(name, size, count)
  if name == "--rows" and not size then
    for row in pairs(rows) do print(row) end
    return
  end
  if not count then fail("usage: bench.lua --rows | ROW SIZE COUNT") end
  if not rows[name] then fail("there is no row %s", name) end
  local ok, why = pcall(rows[name], number(size, 0), number(count, 1))
  if not ok then fail("%s %s %s: %s", name, size, count, why) end
end

main(...)
os.exit(0) -- at once: nobody needs to collect a million coroutines
