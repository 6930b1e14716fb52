"""The fixed text of the data plane's configuration. `render` fills it in; the reasons of single lines stand beside them."""

from __future__ import annotations

GLOBAL = """\
# Written by homeport; changes are overwritten. What is here is what a restart boots from.
global
    master-worker
    nbthread {threads}
    maxconn {max_connections}
{user}    stats socket {admin_socket} mode 600 level admin expose-fd listeners
    stats timeout 1d
    hard-stop-after {hard_stop_s}s
    tune.http.maxhdr 128
    tune.bufsize 16384
    tune.h2.max-concurrent-streams 128
    localpeer dataplane
    setenv HOMEPORT_CONFIG {digest}
{reloaded}    lua-load {lua_file}

# demand on empty pools, towards the control plane
ring events
    format raw
    maxlen 4096
    size 1048576
    timeout connect 1s
    timeout server 10s
    server controlplane 127.0.0.1:{event_port} log-proto octet-count

# one record per request, towards whoever collects them
ring requests
    format raw
    maxlen 4096
    size 16777216
    timeout connect 1s
    timeout server 10s
    server controlplane 127.0.0.1:{log_port} log-proto octet-count

# the session table; the side-car keeps a copy over a crash
peers homeport
    peer dataplane 127.0.0.1:{peer_port}
    peer sidecar 127.0.0.1:{sidecar_port}
    table sessions type binary len 32 size 1m expire 24h store server_id,server_key

"""

# `no-delay`: without it each chunk of a stream lags up to 200 ms.
# `retries 1` with `redispatch 1`: a dead container costs no request; 0 would make it a black hole under leastconn.
# `timeout queue`: a request tied to a full container is told so after that.
DEFAULTS = """\
defaults
    mode http
    log ring@requests len 4096 format raw local0 info
    log ring@events len 4096 format raw local0 notice
    log-format "{log_format}"
    option http-keep-alive
    option redispatch 1
    option splice-auto
    option http-no-delay
    retries 1
    timeout connect 1s
    timeout client 300s
    timeout client-fin 30s
    timeout http-request 10s
    timeout http-keep-alive 75s
    timeout server 1h
    timeout tunnel 24h
    timeout queue 100ms
    http-reuse safe
{errors}
"""

_ERRORS = {
    400: "bad request",
    408: "the request did not arrive in time",
    502: "the container closed the connection without a valid answer",
    503: "no container could take the request",
    504: "the container did not answer in time",
}
ERRORS = "".join(
    f'    http-error status {status} content-type text/plain string "modal-http: {text}\\n"\n'
    for status, text in _ERRORS.items()
)


def refuse(why: str, status: int, condition: str, text: str, header: str = "") -> str:
    """Rules that answer in the container's place. `why` goes to the request log, `text` to the client."""
    head = f"hdr {header} " if header else ""
    return (
        f"    http-request set-var(txn.why) str({why}) if {condition}\n"
        f"    http-request return status {status} content-type text/plain {head}"
        f'lf-string "modal-http: {text}\\n" if {condition}'
    )


NO_HOST = "no app is deployed at %[var(txn.host)]; see homeport app list"
REFUSALS = {
    "nohost": refuse("nohost", 404, "!known", NO_HOST),
    "stopped": refuse("stopped", 404, "stopped", "app for invoked web endpoint is stopped"),
    "auth": refuse("auth", 401, "!public !known_token", "missing or invalid credentials", 'WWW-Authenticate "Modal-Key"'),
    "env": refuse("env", 403, "!public !granted", "this token is not valid for the environment of this app"),
    "empty": refuse("empty", 503, "empty", "no container is ready", "Retry-After 1"),
    "full": refuse("full", 429, "{ var(txn.free) -m int 0 }", "all containers are at max_concurrency"),
}

# Order of the checks: host, stopped, credentials (so that refused requests are no demand), then the pool (semantics 2.2.4).
# Only hashes of credentials are on disk or in memory. Sticky keys become 32 bytes whatever the client sends.
# `idle-close-on-response`: without it a reload resets idle keep-alive clients.
FRONTEND = """\
frontend http
    bind {http_bind}:{http_port}
    option idle-close-on-response
    http-request deny deny_status 400 if {{ req.hdr_cnt(host) gt 1 }}
    http-request deny deny_status 400 if HTTP_1.0 {{ req.hdr_cnt(transfer-encoding) gt 0 }}
    http-request set-var(txn.host) req.hdr(host),host_only,lower
    http-request set-var(txn.path) path
    http-request set-var(txn.method) method

    # host -> "slot|environment|authenticated|max_concurrency|h2|stopped|app|service"
    http-request set-var(txn.route) var(txn.host),map_str({hosts_map})
    acl known var(txn.route) -m found
{refuse_nohost}
    http-request set-var(txn.be) var(txn.route),field(1,|)
    http-request set-var(txn.env) var(txn.route),field(2,|)
    acl stopped var(txn.route),field(6,|) -m str 1
{refuse_stopped}

    # sha256("key:secret") -> token id; "hash|environment" -> grant
    acl public var(txn.route),field(3,|) -m str 0
    acl bearer req.fhdr(authorization) -m reg -i ^bearer\\ +wk-[^.]+\\.ws-
    acl pair req.fhdr_cnt(modal-key) eq 1
    http-request set-var(txn.secret) req.fhdr(modal-secret) if !public pair {{ req.fhdr_cnt(modal-secret) eq 1 }}
    http-request set-var(txn.key) req.fhdr(modal-key) if {{ var(txn.secret) -m found }}
    http-request set-var(txn.bearer) req.fhdr(authorization),word(2,\\ ) if !public bearer !{{ var(txn.key) -m found }}
    http-request set-var(txn.key) var(txn.bearer),field(1,.) if {{ var(txn.bearer) -m found }}
    http-request set-var(txn.secret) var(txn.bearer),field(2,.) if {{ var(txn.bearer) -m found }}
    http-request set-var(txn.hash) var(txn.key),concat(:,txn.secret),sha2(256),hex,lower if {{ var(txn.key) -m found }}
    http-request set-var(txn.token) var(txn.hash),map_str({tokens_map}) if {{ var(txn.hash) -m found }}
    http-request unset-var(txn.secret)
    http-request unset-var(txn.bearer)
    acl known_token var(txn.token) -m found
{refuse_auth}
    http-request set-var(txn.grant) var(txn.hash),concat(|,txn.env),map_str({grants_map}) if !public
    http-request set-var(txn.any) str(*) if !public !{{ var(txn.grant) -m found }}
    http-request set-var(txn.grant) var(txn.hash),concat(|,txn.any),map_str({grants_map}) if {{ var(txn.any) -m found }}
    acl granted var(txn.grant) -m found
{refuse_env}
    http-request del-header modal-secret
    http-request del-header modal-key
    http-request del-header authorization if !public bearer

    # sticky key: sha256("slot|key")
    http-request set-var(txn.sid) req.fhdr(modal-session-id) if {{ req.fhdr_cnt(modal-session-id) ge 1 }}
    http-request set-var(txn.sid) req.fhdr(modal-routing-affinity-key) if {{ req.fhdr_cnt(modal-routing-affinity-key) ge 1 }}
    http-request set-var(txn.skey) var(txn.be),concat(|,txn.sid),sha2(256) if {{ var(txn.sid) -m found }}

    http-request set-header X-Forwarded-For %[src]
    http-request set-header X-Forwarded-Proto %[ssl_fc,iif(https,http)]
    http-request set-header X-Forwarded-Host %[req.hdr(host)]

    # an empty pool answers at once; the level sends this record to ring "events" as well (semantics 2.2.3)
    acl empty var(txn.be),nbsrv eq 0
    http-request set-log-level notice if empty
{refuse_empty}
    use_backend %[var(txn.be)]

"""

# `be_conn_free` walks over all containers, so it is asked only where there is a limit. The last rule: a request that waited
# in vain for a full container got 503 from us, not from the container; 429 is the truth (semantics 2.2.7).
BACKEND = """\
backend {slot}
    balance leastconn
    acl limited var(txn.route),field(4,|) -m int gt 0
    http-request lua.place if {{ var(txn.skey) -m found }} !{{ var(txn.skey),in_table(homeport/sessions) }}
    stick on var(txn.skey) table homeport/sessions if {{ var(txn.skey) -m found }}
    http-request set-var(txn.free) be_conn_free if limited
{refuse_full}
    use-server %[var(txn.placed)] if {{ var(txn.placed) -m found }}
    http-response set-var(txn.answered) bool(true)
    http-after-response set-status 429 if {{ status 503 }} limited !{{ var(txn.answered) -m bool }} !{{ bc_err -m found }}
"""

# Milliseconds: waiting for a container that may take it, connecting to it, and until its answer began (W3C Server Timing).
SERVER_TIMING = '    http-response add-header Server-Timing "queue;dur=%Tw, connect;dur=%Tc, response;dur=%Tr"\n'

# A container that dies stops getting requests at once, also while there is no control plane.
CHECK = "check inter 2s fastinter 250ms downinter 500ms fall 2 rise 1 observe layer4 error-limit 2 on-error mark-down"
POOL = "pool-purge-delay 5s"

# The fields of a request record, in order; `records` reads them.
LOG_FORMAT = "\\t".join(
    [
        "%Ts.%ms",
        "%[var(txn.route)]",
        "%s",
        "%ST",
        "%TR",
        "%Tw",
        "%Tc",
        "%Tr",
        "%Ta",
        "%U",
        "%B",
        "%ts",
        "%[var(txn.why)]",
        "%[var(txn.token)]",
        "%HV",
        "%[var(txn.method)]",
        "%[var(txn.host),json(utf8s)]",
        "%[var(txn.path),json(utf8s)]",
        "%ci",
        "%Ti",
    ]
)

SIDECAR = """\
# Written by homeport. Keeps a copy of the session table, so that a crash of the data plane moves no session.
global
    nbthread 1
    maxconn 64
{user}    localpeer sidecar
defaults
    mode tcp
    timeout client 10s
    timeout server 10s
    timeout connect 1s
peers homeport
    peer dataplane 127.0.0.1:{peer_port}
    peer sidecar 127.0.0.1:{sidecar_port}
    table sessions type binary len 32 size 1m expire 24h store server_id,server_key
frontend idle
    bind unix@{socket_dir}/sidecar.sock mode 600
"""
