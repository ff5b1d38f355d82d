-- Asks Connector about each request's client certificate. Nobody passes unless the answer is 200.
local socket = require "socket"

local HOST, PORT = "%%{verdicts_host}", %%{verdicts_port}
local PATH = "/verdict/apache%%{query}"
local SECRET = "%%{secret_text}"
local SECONDS = 1
local FORBIDDEN = 403
local NAMES = { "Tenant", "Kind", "Id", "Name", "Auth", "Certificate", "Expires" }

-- The headers of the answer if it is 200, else nil.
local function ask(certificate)
    local connection = socket.tcp()
    connection:settimeout(SECONDS)
    connection:settimeout(SECONDS, "t")
    if not connection:connect(HOST, PORT) then connection:close() return nil end
    local lines = {
        "GET " .. PATH .. " HTTP/1.1", "Host: connector", "Connection: close", "X-SSL-Client-Cert: " .. certificate,
    }
    if SECRET ~= "" then table.insert(lines, "Connector-Gateway-Secret: " .. SECRET) end
    local found = nil
    if connection:send(table.concat(lines, "\r\n") .. "\r\n\r\n") then
        local status = connection:receive("*l")
        if status and status:match("^HTTP/1%.1 200 ") then
            local headers = {}
            local line = connection:receive("*l")
            while line and line ~= "" do
                local name, value = line:match("^([^:]+):%s*(.-)$")
                if name then headers[name:lower()] = value end
                line = connection:receive("*l")
            end
            if line then found = headers end  -- else the answer was cut
        end
    end
    connection:close()
    return found
end

function connector_verdict(r)
    local certificate = r:ssl_var_lookup("SSL_CLIENT_CERT")
    if not certificate or certificate == "" then return FORBIDDEN end
    local headers = ask((certificate:gsub("%s+$", ""):gsub("\n", " ")))
    if headers == nil or headers["connector-verdict"] ~= "good" then return FORBIDDEN end
    for name in pairs(r:headers_in_table()) do
        -- What clients send under these names goes no further. CGI and WSGI take underscores for dashes.
        if name:lower():match("^connector[-_]subject[-_]") then r.headers_in[name] = nil end
    end
    for _, name in ipairs(NAMES) do
        local value = headers["connector-subject-" .. name:lower()]
        if value == nil then return FORBIDDEN end
        r.headers_in["Connector-Subject-" .. name] = value
    end
    return apache2.DECLINED
end
