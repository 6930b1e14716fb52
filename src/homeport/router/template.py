"""The fixed text of the data plane's configuration. `render` fills it in; the reasons of single lines stand beside them."""

from __future__ import annotations

from . import sessiontext

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

# `splice-…`: bodies go through the kernel, at a quarter of the CPU for a mebibyte; `splice-auto` decides against it.
# `no-delay`: without it each chunk of a stream lags up to 200 ms.
# `retries 1` with `redispatch 1`: a dead container costs no request; 0 would make it a black hole under leastconn.
# `timeout connect`: a full accept backlog drops what comes, and TCP asks again after a second.
# `timeout queue`: a request tied to a full container is told so after that.
DEFAULTS = """\
defaults
    mode http
    log ring@requests len 4096 format raw local0 info
    log ring@events len 4096 format raw local0 notice
    log-format "{log_format}"
    option http-keep-alive
    option redispatch 1
    option splice-request
    option splice-response
    option http-no-delay
    retries 1
    timeout connect 2s
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


def refuse(status: int, condition: str, text: str, header: str = "") -> str:
    """A rule that answers in the container's place; `text` goes to the client, and `records` knows why by the status."""
    head = f"hdr {header} " if header else ""
    return (
        f"    http-request return status {status} content-type text/plain {head}"
        f'lf-string "modal-http: {text}\\n" if {condition}'
    )


HASH = "concat(:,txn.secret),sha2(256),hex,lower"
NOT_GRANTED = "!granted !public"
NO_HOST = "no app is deployed at %[var(txn.host)]; see homeport app list"
CHALLENGE = 'WWW-Authenticate "Modal-Key"'
JUDGED = "%[str(),concat(,txn.hash),length,bool,iif(invalid,missing)]"  # no hash: no pair of credentials was sent
RETRY_AFTER = "Retry-After %[var(txn.route),field(9,|)]"
FOREIGN = "this token is not valid for the environment of this app"
REFUSALS = {
    "nohost": refuse(404, "!known", NO_HOST),
    "stopped": refuse(404, "stopped", "app for invoked web endpoint is stopped"),
    "auth": refuse(401, f"{NOT_GRANTED} !foreign", f"{JUDGED} credentials for proxy authorization", CHALLENGE),
    "session": refuse(401, sessiontext.REFUSED, sessiontext.REFUSED_TEXT),
    "env": refuse(403, NOT_GRANTED, FOREIGN),
    "empty": refuse(503, "{ var(txn.be),nbsrv eq 0 } !sessioned", "no container is ready", RETRY_AFTER),
    "full": refuse(429, "limited { be_conn_free eq 0 }", "all containers are at max_concurrency"),
}

# Order of the checks: host, stopped, credentials (so that refused requests are no demand), then the pool (semantics 2.2.4).
# Only hashes of credentials are on disk or in memory. Sticky keys become 32 bytes whatever the client sends.
# `idle-close-on-response`: without it a reload resets idle keep-alive clients.
# A tunnel carries what nobody judges, so CONNECT is refused, and WebSockets are all that a connection may become.
# `forwardfor` adds the client's address once all rules are over, so after the names that the client sent were taken away.
# `restrict-req-hdr-names`: CGI and WSGI take `X_Forwarded_For` for `X-Forwarded-For`, so such names don't get through.
FRONTEND = """\
frontend http
    bind {http_bind}:{http_port}
{https}    option forwardfor
    option idle-close-on-response
    option http-restrict-req-hdr-names delete
    http-request deny deny_status 400 if {{ req.hdr_cnt(host) gt 1 }}
    http-request deny deny_status 400 if METH_CONNECT
    http-request deny deny_status 400 if HTTP_1.0 {{ req.hdr_cnt(transfer-encoding) gt 0 }}
    http-request set-var(txn.host) req.hdr(host),host_only,lower

    # host -> "slot|environment|authenticated|max_concurrency|h2|stopped|app|service|retry_after_s"
    http-request set-var(txn.route) var(txn.host),map_str({hosts_map})
    acl known var(txn.route) -m found
    http-request set-var(txn.host) var(txn.host),json(utf8s) if !known
{refuse_nohost}
{redirect}    http-request set-var(txn.be) var(txn.route),field(1,|)
    http-request set-var(txn.env) var(txn.route),field(2,|)
    acl stopped var(txn.route),field(6,|) -m str 1
{refuse_stopped}

    # sha256("key:secret") and environment, or "*" -> token id. A token that is not granted is looked up by its hash alone.
    http-request set-var(txn.public) bool(true) if {{ var(txn.route),field(3,|) -m str 0 }}
    acl public var(txn.public) -m found
{sessions}    acl bearer req.fhdr(authorization) -m reg -i ^bearer\\ +wk-[^.]+\\.ws-
    acl pair req.fhdr_cnt(modal-key) eq 1
    http-request set-var(txn.secret) req.fhdr(modal-secret) if !public pair {{ req.fhdr_cnt(modal-secret) eq 1 }}
    http-request set-var(txn.hash) req.fhdr(modal-key),{hash} if {{ var(txn.secret) -m found }}
    acl tried var(txn.hash) -m found
    http-request set-var(txn.bearer) req.fhdr(authorization),word(2,\\ ) if !tried !public bearer
    http-request set-var(txn.secret) var(txn.bearer),field(2,.) if {{ var(txn.bearer) -m found }}
    http-request set-var(txn.hash) var(txn.bearer),field(1,.),{hash} if {{ var(txn.bearer) -m found }}
    http-request unset-var(txn.secret)
    http-request unset-var(txn.bearer)
    acl granted var(txn.token) -m found
    acl ungranted var(txn.any) -m found
    http-request set-var(txn.token) var(txn.hash),concat(|,txn.env),map_str({grants_map}) if tried
    http-request set-var(txn.any) str(*) if !granted !public
    http-request set-var(txn.token) var(txn.hash),concat(|,txn.any),map_str({grants_map}) if ungranted
    http-request set-var(txn.foreign) var(txn.hash),map_str({tokens_map}) if ungranted !granted
    acl foreign var(txn.foreign) -m found
{refuse_auth}
{refuse_env}
    http-request del-header modal-secret
    http-request del-header modal-key
    http-request del-header authorization if bearer

    # sticky key: sha256("slot|key")
    http-request set-var(txn.sid,ifnotempty) req.fhdr(modal-session-id)
    http-request set-var(txn.sid,ifnotempty) req.fhdr(modal-routing-affinity-key)
    http-request set-var(txn.skey) var(txn.be),concat(|,txn.sid),sha2(256) if {{ var(txn.sid) -m found }} !sessioned

    # who asked and how, we alone say (to whom, `Host` says); `Connection` could name headers for the container to drop
    http-request del-header x-forwarded- -m beg
    http-request del-header forwarded
    http-request del-header x-real-ip
    http-request del-header proxy
    http-request del-header http2-settings
    http-request del-header upgrade if !{{ req.fhdr(upgrade) -m str -i websocket }} or {{ req.fhdr_cnt(upgrade) gt 1 }}
    http-request del-header connection if !{{ req.fhdr(upgrade) -m found }}
    http-request set-header Connection Upgrade if {{ req.fhdr(upgrade) -m found }}
    http-request add-header X-Forwarded-Proto {scheme}

    # an empty pool answers at once; the level sends this record to ring "events" as well (semantics 2.2.3)
    http-request set-log-level notice if {{ var(txn.be),nbsrv eq 0 }} !sessioned
{refuse_empty}
    http-after-response set-var(txn.token) var(txn.foreign) if foreign
    use_backend lobby if lobby
    use_backend %[var(txn.be)]

"""

HTTPS = """\
    bind {http_bind}:{https_port} ssl crt {tls_pem} alpn h2,http/1.1 ssl-min-ver TLSv1.2
"""
# 308: the method and the body stay what they are.
REDIRECT = """\
    http-request redirect prefix https://%[var(txn.host)]{port} code 308 if !{{ ssl_fc }}
"""

# `be_conn_free` walks over all containers, so it is asked only where there is a limit. The last rule: a request that waited
# in vain for a full container got 503 from us, not from the container; 429 is the truth (semantics 2.2.7).
BACKEND = """\
backend {slot}
    balance leastconn
    acl limited var(txn.route),field(4,|) -m int gt 0
    http-request lua.place if {{ var(txn.skey) -m found }} !{{ var(txn.skey),in_table(homeport/sessions) }}
    stick on var(txn.skey) table homeport/sessions if {{ var(txn.skey) -m found }}
{refuse_full}
    use-server %[var(txn.placed)] if {{ var(txn.placed) -m found }}
    http-response set-var(txn.answered) bool(true) if {{ status 503 }}
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
        "%[var(txn.token)]",
        "%HV",
        "%HM",
        "%[var(txn.host)]",
        "%HPO",
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
