-- SPDX-License-Identifier: MIT
-- What wrk saw, as bench-peers wants to have it.
function done(summary, latency, requests)
  local e = summary.errors
  print(string.format("requests=%d errors=%d wall_ns=%d p50_us=%d p99_us=%d p999_us=%d",
    summary.requests, e.connect + e.read + e.write + e.status + e.timeout, summary.duration * 1000,
    latency:percentile(50), latency:percentile(99), latency:percentile(99.9)))
end
