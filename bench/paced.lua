-- Posts a check-in for each token of the file TOKENS, in turn, RATE a second however long answers
-- take; a request that finds no free connection in time is late. One line of JSON at the end.
local ffi = require("ffi")
ffi.cdef("typedef struct { long seconds, microseconds; } clock_reading;\n" ..
         "int gettimeofday(clock_reading *, void *);")

local reading = ffi.new("clock_reading")
local tokens, head, tail = {}, nil, nil
local turns, sent, began, pace = 0, 0, nil, nil
local thread
-- Read from another state at the end, so not local.
late, worst = 0, 0

local function now()
  ffi.C.gettimeofday(reading, nil)
  return tonumber(reading.seconds) + tonumber(reading.microseconds) / 1e6
end

function setup(only)
  thread = only
end

function init()
  for token in io.lines(os.getenv("TOKENS")) do tokens[#tokens + 1] = token end
  pace = 1 / tonumber(os.getenv("RATE"))
  local body = os.getenv("BODY")
  head = "POST " .. os.getenv("CHECK_INS") .. " HTTP/1.1\r\nHost: " .. wrk.headers["Host"] ..
         "\r\nContent-Type: application/json\r\nAuthorization: Bearer "
  tail = "\r\nContent-Length: " .. #body .. "\r\n\r\n" .. body
end

function delay()
  began = began or now()
  local wait = began + sent * pace - now()
  sent = sent + 1
  if wait >= 0 then return wait * 1000 end
  worst = math.max(worst, -wait)
  if wait < -0.1 then late = late + 1 end
  return 0
end

function request()
  local token = tokens[1 + turns % #tokens]
  turns = turns + 1
  return head .. token .. tail
end

function done(summary, latency)
  local e = summary.errors
  print(string.format(
    '{"requests":%d,"microseconds":%d,"refused":%d,"p50":%d,"p99":%d,"late":%d,"worst":%d}',
    summary.requests, summary.duration, e.status + e.connect + e.read + e.write + e.timeout,
    latency:percentile(50), latency:percentile(99),
    thread:get("late"), thread:get("worst") * 1e6))
end
