"""The part of the data plane's configuration that is about sessioned Servers (semantics 2.5); `template` has the rest.

Every request has to bring the token of a session: in a header, in the query (then it is put into a cookie, and the address
is asked for again without it) or in that cookie. Whoever begins or ends a session is let through to the control plane.
"""

from __future__ import annotations

COOKIE = "__Host-modal-session-token"
QUERY = "modal_session_token"
START, TERMINATE = "/_modal/sessions/start", "/_modal/sessions/terminate"
LOBBY_SERVER = "controlplane"

WITHOUT_TOKEN = f"""query,'regsub("(^|&){QUERY}=[^&]*","",g)','regsub("^&","")'"""
SET_COOKIE = f"{COOKIE}=%[var(txn.qtoken)]; Path=/; Secure; HttpOnly; SameSite=Lax"
# Browsers take `//host` and `/\host` for another host. `/.//host` is the same path of this one, in their eyes too.
PLACE = "%[var(txn.dot)]%[path]%[var(txn.rest),length,bool,iif(?,)]%[var(txn.rest)]"
AGAIN = f'hdr Location "{PLACE}" hdr Set-Cookie "{SET_COOKIE}" hdr Cache-Control no-store'

# An own variable costs those who have no sessions the least. 2 and 3: sessioned, and public or not for who begins one.
FRONTEND = f"""\
    http-request set-var(txn.sessioned) bool(true) if {{{{ var(txn.route),field(3,|) -m int ge 2 }}}}
    acl sessioned var(txn.sessioned) -m found
    acl lobby var(txn.lobby) -m found
    acl with_session var(txn.stoken) -m found
    acl by_query var(txn.qtoken) -m found
    acl own_session var(txn.session),field(1,|),strcmp(txn.host) eq 0
    http-request set-var(txn.lobby) bool(true) if sessioned {{{{ path {START} {TERMINATE} }}}}
    http-request set-var(txn.stoken) req.fhdr(modal-authorization),word(2,\\ ) if sessioned !lobby
    http-request set-var(txn.qtoken) url_param({QUERY}) if sessioned !lobby !with_session
    http-request set-var(txn.stoken) var(txn.qtoken) if by_query
    http-request set-var(txn.stoken) req.cook({COOKIE}) if sessioned !lobby !with_session
    http-request set-var(txn.shash) var(txn.stoken),sha2(256),hex,lower if with_session
    http-request set-var(txn.session) var(txn.shash),map_str({{sessions_map}}) if with_session
{{refuse_session}}
    http-request set-var(txn.rest) {WITHOUT_TOKEN} if sessioned {{{{ url_param({QUERY}) -m found }}}}
    http-request set-query %[var(txn.rest)] if {{{{ var(txn.rest) -m found }}}}
    http-request set-var(txn.dot) str(/.) if by_query {{{{ path_beg // /\\\\ }}}}
    http-request return status 307 {AGAIN} if by_query
    http-request del-header modal-authorization if sessioned
    http-request replace-header Cookie '(^|.*;[ ]*){COOKIE}=[^;]*(;[ ]*)?(.*)' '\\1\\3' if sessioned
    http-request del-header cookie if sessioned {{{{ req.hdr(cookie) -m len 0 }}}}
    http-request set-var(txn.public) bool(true) if sessioned {{{{ var(txn.route),field(3,|) -m str 2 }}}}
    http-request set-var(txn.public) bool(true) if sessioned own_session
    http-request set-var(txn.public) bool(true) if lobby {{{{ path {TERMINATE} }}}}
    http-request set-var(txn.sname) var(txn.session),field(3,|) if sessioned own_session
    http-request track-sc0 var(txn.sname) table sessions_live if {{{{ var(txn.sname) -m found }}}}
    http-request set-var(txn.placed) var(txn.session),field(2,|) if {{{{ var(txn.sname) -m found }}}}
"""
# While there is no sessioned Server. A worker that was replaced when the first one came has no way to one.
WITHOUT = """\
    http-request set-var(txn.sessioned) bool(true) if {{ var(txn.route),field(3,|) -m int ge 2 }}
    acl sessioned var(txn.sessioned) -m found
    acl lobby always_false
{refuse_session}
"""
REFUSED = "sessioned !lobby !own_session"
REFUSED_TEXT = "this Server needs the token of a session that has not ended"

# A session keeps its container while that drains, and is lost with it: nobody else gets its requests.
PERSIST = "    force-persist if { var(txn.placed) -m found }\n"

# The first rule finds nothing. It is there so that the map is always loaded, and can be asked for and changed.
LOBBY = f"""\
backend sessions_live
    stick-table type string len 32 size 200k expire 24h store conn_cur,http_req_cnt

backend lobby
    timeout server 330s
    http-request set-var(txn.session) str(-),map_str({{sessions_map}})
    http-request set-header X-Homeport-Router {{secret}}
    http-request set-header X-Homeport-Host %[var(txn.host)]
    http-request set-header X-Homeport-Caller %[var(txn.token)]
    server {LOBBY_SERVER} {{address}} maxconn 512

"""
