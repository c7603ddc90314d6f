-- A request deducts one unit of a random sku for an order of its own.
-- Arguments: a word no other run has, the number of skus.

dofile("report.lua")

local threads = 0

function setup(thread)
  thread:set("thread", threads)
  threads = threads + 1
end

local orders, skus, order, tail

function init(args)
  orders = "POST /v1/orders/" .. args[1] .. "-" .. thread .. "-"
  skus = tonumber(args[2])
  order = 0
  math.randomseed(thread + 1)
  -- A sku has always the same length, and so has the body.
  tail = "/deduct HTTP/1.1\r\nHost: edge\r\nContent-Type: application/json\r\n" ..
    "Content-Length: 42\r\n\r\n{\"lines\":[{\"sku\":\"S%06d\",\"quantity\":1}]}"
end

function request()
  order = order + 1
  return orders .. order .. string.format(tail, math.random(0, skus - 1))
end
