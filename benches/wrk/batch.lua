-- A request deducts one unit each for 100 orders of their own, of random skus.
-- Arguments: a word no other run has, the number of skus.

dofile("report.lua")

local COMMANDS = 100

local threads = 0

function setup(thread)
  thread:set("thread", threads)
  threads = threads + 1
end

local orders, skus, order

function init(args)
  orders = args[1] .. "-" .. thread .. "-"
  skus = tonumber(args[2])
  order = 0
  math.randomseed(thread + 1)
end

function request()
  local commands = {}
  for command = 1, COMMANDS do
    order = order + 1
    commands[command] = string.format(
      '{"deduct":{"order_id":"%s%d","lines":[{"sku":"S%06d","quantity":1}]}}',
      orders, order, math.random(0, skus - 1))
  end
  local body = '{"commands":[' .. table.concat(commands, ",") .. "]}"
  return "POST /v1/batch HTTP/1.1\r\nHost: edge\r\nContent-Type: application/json\r\n" ..
    "Content-Length: " .. #body .. "\r\n\r\n" .. body
end
