-- Sends the requests of the file REQUESTS names in turn, from the one after FIRST of them, and again
-- from the beginning; prints one line of JSON at the end.
local made, sent = {}, tonumber(os.getenv("FIRST"))

function init()
  for line in io.lines(os.getenv("REQUESTS")) do
    local method, path, token, kind, body = line:match("^([^\t]*)\t([^\t]*)\t([^\t]*)\t([^\t]*)\t(.*)$")
    local headers = {}
    if token ~= "" then headers["Authorization"] = token end
    if body ~= "" then headers["Content-Type"] = kind end
    made[#made + 1] = wrk.format(method, path, headers, body ~= "" and body or nil)
  end
end

function request()
  sent = sent + 1
  return made[1 + sent % #made]
end

function done(summary, latency)
  local e = summary.errors
  print(string.format(
    '{"requests":%d,"microseconds":%d,"refused":%d,"p50":%d,"p99":%d}',
    summary.requests, summary.duration, e.status + e.connect + e.read + e.write + e.timeout,
    latency:percentile(50), latency:percentile(99)))
end
