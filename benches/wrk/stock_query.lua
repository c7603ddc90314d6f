-- A request reads 100 skus. Argument: the number of skus.

dofile("report.lua")

local SKUS = 100
-- Requests made beforehand: making them costs more than answering them.
local REQUESTS = 200

local requests, turn

function init(args)
  local skus = tonumber(args[1])
  requests, turn = {}, 0
  for request = 1, REQUESTS do
    local names = {}
    for name = 1, SKUS do
      names[name] = string.format('"S%06d"', math.random(0, skus - 1))
    end
    local body = '{"skus":[' .. table.concat(names, ",") .. "]}"
    requests[request] = "POST /v1/stock/query HTTP/1.1\r\nHost: edge\r\n" ..
      "Content-Type: application/json\r\nContent-Length: " .. #body .. "\r\n\r\n" .. body
  end
end

function request()
  turn = turn % REQUESTS + 1
  return requests[turn]
end
