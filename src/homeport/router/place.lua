-- Affinity: gives the first request of a session to the least loaded container, and keeps its siblings together.
--
-- HAProxy writes a session into its table only when the first response arrives. Without this action, parallel first requests
-- of one session would be spread. It runs on a miss of the table only, and remembers the choice until the table knows it.

local TABLE = "homeport/sessions"
local REMEMBER_S = 3600      -- a first response may take this long
local REMEMBER_MAX = 200000  -- bound of memory: forget all beyond it
local POOL_WHOLE = 16        -- pools up to this size are compared completely, larger ones by a sample of it
local LEARN_S, LEARN_STEPS, LEARN_STEP_MS = 4, 150, 10

local pending, pending_count = {}, 0
local names_by_backend = {}

-- After a reload or a restart a peer teaches us the table, within moments if the machine is not too busy: a miss waits for it.
local learn_from = (os.getenv("HOMEPORT_RELOADED") or os.getenv("HOMEPORT_RESTARTED")) and os.time() or nil

local function in_table(txn, key)
  local found = txn.c:in_table(key, TABLE)
  return found == true or found == 1 -- a boolean sample is 0 or 1 here, and 0 is true in Lua
end

local function usable(server)
  local status = server:get_stats()["status"]
  return status:sub(1, 2) == "UP" or status == "no check" -- also "UP 1/2"
end

local function load_of(server)
  local current = server.get_cur_sess and server:get_cur_sess() or server:get_stats()["scur"]
  return current + math.random() -- ties are broken by chance
end

local function server_names(backend)
  local now, list = core.now().sec, names_by_backend[backend.name]
  if not list or list.at ~= now then
    list = { at = now }
    for name in pairs(backend.servers) do list[#list + 1] = name end
    names_by_backend[backend.name] = list
  end
  return list
end

local function least_loaded(backend, names, rejected)
  local best_name, best_load
  for i = 1, math.min(#names, POOL_WHOLE) do
    local name = #names <= POOL_WHOLE and names[i] or names[math.random(#names)]
    local server = not rejected[name] and backend.servers[name]
    if server then
      local load = load_of(server)
      if not best_load or load < best_load then best_name, best_load = name, load end
    end
  end
  return best_name
end

local function choose(backend)
  local names, rejected = server_names(backend), {}
  for _ = 1, POOL_WHOLE do
    local name = least_loaded(backend, names, rejected)
    if not name then return nil end
    if usable(backend.servers[name]) then return name end
    rejected[name] = true
  end
  return nil
end

local function remember(key, name)
  if not pending[key] then pending_count = pending_count + 1 end
  if pending_count > REMEMBER_MAX then pending, pending_count = {}, 1 end
  pending[key] = { server = name, at = core.now().sec }
end

local function remembered(backend, key)
  local entry = pending[key]
  if not entry or entry.at <= core.now().sec - REMEMBER_S then return nil end
  local server = backend.servers[entry.server]
  return server and usable(server) and entry.server or nil
end

local function taught_meanwhile(txn, key)
  for _ = 1, LEARN_STEPS do
    core.msleep(LEARN_STEP_MS)
    if in_table(txn, key) then return true end
    if pending[key] then return false end
  end
  return false
end

core.register_action("place", { "http-req" }, function(txn)
  local key, backend = txn:get_var("txn.skey"), core.backends[txn:get_var("txn.be")]
  if not key or not backend then return end
  if learn_from and not pending[key] and core.now().sec - learn_from < LEARN_S and taught_meanwhile(txn, key) then return end
  local name = remembered(backend, key) or choose(backend)
  if not name then return end -- plain leastconn decides
  remember(key, name)
  txn:set_var("txn.placed", name)
end, 0)

core.register_task(function()
  while true do
    core.sleep(30)
    local limit, count = core.now().sec - REMEMBER_S, 0
    for key, entry in pairs(pending) do
      if entry.at < limit then pending[key] = nil else count = count + 1 end
    end
    pending_count = count
  end
end)
