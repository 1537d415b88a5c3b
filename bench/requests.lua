-- wrk sends the requests of a file, in turn, and says what came of them as one line of JSON.
-- Arguments: the file, and "once" if none of its requests may be sent twice.

local threads = {}

function setup(thread)
  table.insert(threads, thread)
end

function init(arguments)
  requests, at, exhausted = {}, 0, 0
  once = arguments[2] == "once"
  local file = assert(io.open(arguments[1], "rb"))
  for request in file:read("*a"):gmatch("[^%z]+") do
    requests[#requests + 1] = request
  end
  file:close()
end

function request()
  if at == #requests then
    at = 0
    if once then
      exhausted = 1
      wrk.thread:stop()
    end
  end
  at = at + 1
  return requests[at]
end

function done(summary, latency)
  local errors = summary.errors
  local line = '{"requests": %d, "seconds": %f, "p50": %f, "p99": %f, "errors": %d, "exhausted": %s}\n'
  io.write(line:format(
    summary.requests,
    summary.duration / 1e6,
    latency:percentile(50) / 1e3,
    latency:percentile(99) / 1e3,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout,
    threads[1]:get("exhausted") == 1 and "true" or "false"
  ))
end
