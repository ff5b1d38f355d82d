-- Asks Connector about each request's client certificate. Nobody passes unless the answer is 200.
local HOST, PORT = "%%{verdicts_host}", %%{verdicts_port}
local PATH = "/verdict/haproxy%%{query}"
local SECRET = "%%{secret_text}"
local SECONDS = 1
local NAMES = { "tenant", "kind", "id", "name", "auth", "certificate", "expires" }

-- The headers of the answer if it is 200, else nil.
local function ask(certificate)
    local socket = core.tcp()
    socket:settimeout(SECONDS)
    if not socket:connect(HOST, PORT) then return nil end
    local lines = {
        "GET " .. PATH .. " HTTP/1.1", "Host: connector", "Connection: close",
        "X-SSL-Client-SHA256: " .. certificate,
    }
    if SECRET ~= "" then table.insert(lines, "Connector-Gateway-Secret: " .. SECRET) end
    local found = nil
    if socket:send(table.concat(lines, "\r\n") .. "\r\n\r\n") then
        local status = socket:receive("*l")
        if status and status:match("^HTTP/1%.1 200 ") then
            local headers = {}
            local line = socket:receive("*l")
            while line and line ~= "" and line ~= "\r" do
                local name, value = line:match("^([^:]+):%s*(.-)\r?$")
                if name then headers[name:lower()] = value end
                line = socket:receive("*l")
            end
            if line then found = headers end  -- else the answer was cut
        end
    end
    socket:close()
    return found
end

core.register_action("connector_verdict", { "http-req" }, function(txn)
    txn:set_var("txn.connector_verdict", "none")
    local certificate = txn:get_var("txn.connector_certificate")
    if type(certificate) ~= "string" or #certificate ~= 64 then return end
    local headers = ask(certificate)
    if headers == nil or headers["connector-verdict"] ~= "good" then return end
    for _, name in ipairs(NAMES) do
        local value = headers["connector-subject-" .. name]
        if value == nil then return end
        txn.http:req_set_header("Connector-Subject-" .. name:sub(1, 1):upper() .. name:sub(2), value)
    end
    txn:set_var("txn.connector_verdict", "good")
end, 0)
