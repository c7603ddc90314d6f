-- A request reads one random sku. Argument: the number of skus.

dofile("report.lua")

local skus

function init(args)
  skus = tonumber(args[1])
end

function request()
  local sku = math.random(0, skus - 1)
  return string.format("GET /v1/stock/S%06d HTTP/1.1\r\nHost: edge\r\n\r\n", sku)
end
