"""Parsers, on samples pasted from HAProxy 2.8."""

from __future__ import annotations

from homeport.router import parse

SERVERS_STATE = """1
# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight srv_time_since_last_change \
srv_check_status srv_check_result srv_check_health srv_check_state srv_agent_state bk_f_forced_id srv_f_forced_id srv_fqdn \
srv_port srvrecord srv_use_ssl srv_check_port srv_check_addr srv_agent_addr srv_agent_port
3 be0000 7 ta-1 127.0.0.1 2 0 1 1 0 1 0 1 6 0 0 1 - 9999 - 0 0 - - 0
3 be0000 8 ta-2 10.3.0.2 0 1 1 1 4 6 3 2 6 0 0 1 - 8000 - 0 0 - - 0
4 be0001 9 ta-3 10.3.0.3 0 0 1 1 9 8 2 0 7 0 0 1 - 8000 - 0 0 - - 0
"""
SERVERS_CONN = """# bkname/svname bkid/svid addr port - purge_delay used_cur used_max need_est unsafe_nb safe_nb \
idle_lim idle_cur idle_per_thr[2]
be0000/ta-1 3/7 127.0.0.1 9999 - 5000 4 9 4 0 0 -1 0 0 0
be0001/ta-3 4/9 10.3.0.3 8000 - 5000 0 1 0 0 1 -1 1 1 0
"""
STAT = """# pxname,svname,qcur,qmax,scur,smax,slim,stot,bin,bout,dreq,dresp,ereq,econ,eresp,\
wretr,wredis,status,weight,act,bck,chkfail,\
chkdown,lastchg,downtime,qlimit,pid,iid,sid,throttle,
be0000,ta-1,0,0,3,5,,0,0,0,,0,,0,0,0,0,UP 1/2,1,1,0,0,0,0,0,,1,3,7,,
be0000,ta-2,0,0,1,5,,0,0,0,,0,,0,0,0,0,MAINT,1,1,0,0,0,0,0,,1,3,8,,
be0000,BACKEND,0,0,4,5,,0,0,0,,0,,0,0,0,0,UP,1,1,0,0,0,0,0,,1,3,0,,
"""
PROC = """#<PID>          <type>          <reloads>       <uptime>        <version>
31795           master          2 [failed: 0]   0d00h00m09s     2.8.25-5cf5d0683
# workers
31901           worker          0               0d00h00m01s     2.8.25-5cf5d0683
# old workers
31798           worker          2               0d00h00m09s     2.8.25-5cf5d0683
31850           worker          1               0d00h00m05s     2.8.25-5cf5d0683
# programs

"""


def test_server_rows_have_address_id_and_forced_maintenance() -> None:
    first, second, third = parse.servers_state(SERVERS_STATE)
    assert first == parse.ServerRow("be0000", "ta-1", 7, "127.0.0.1:9999", maintenance=False)
    assert second == parse.ServerRow("be0000", "ta-2", 8, "10.3.0.2:8000", maintenance=True)
    assert not third.maintenance, "a server that is down by its check was not put into maintenance"


def test_connections_in_use_are_read_by_slot_and_name() -> None:
    assert parse.servers_conn(SERVERS_CONN) == (
        parse.ConnRow("be0000", "ta-1", 4),
        parse.ConnRow("be0001", "ta-3", 0),
    )


def test_stat_rows_are_those_of_servers_only() -> None:
    assert parse.stat(STAT) == (
        parse.StatRow("be0000", "ta-1", 7, 3, maintenance=False),
        parse.StatRow("be0000", "ta-2", 8, 1, maintenance=True),
    )


def test_an_unknown_server_has_no_stat_row() -> None:
    assert parse.stat("[3]: No such server.\n") == ()


def test_processes_tell_the_live_worker_from_old_ones() -> None:
    assert parse.processes(PROC) == parse.Processes(31795, 31901, (31798, 31850))
    assert parse.processes("") == parse.Processes(None, None, ())


def test_a_map_is_read_with_the_first_value_of_a_key() -> None:
    text = "0x55d0 a.localhost be0000|main|1|0|0|0|ap-1|fu-1|1\n0x55d1 a.localhost other\n"
    assert parse.table_map(text) == {"a.localhost": "be0000|main|1|0|0|0|ap-1|fu-1|1"}


def test_info_and_environment_lines_are_read() -> None:
    assert parse.info("Pid: 12\nStopping: 0\nUptime: 0d 0h00m01s")["Pid"] == "12"
    assert parse.info("HOMEPORT_CONFIG=ab12\n") == {"HOMEPORT_CONFIG": "ab12"}


def test_only_errors_and_worse_are_errors() -> None:
    assert parse.error("[6]: New server registered.\n") == ""
    assert parse.error("[3]: No such server.\n") == "No such server."
    assert parse.error("[4]: no need to change the addr, port changed from '9' to '80'") == ""
    assert parse.error("") == ""


def test_table_headings_tell_how_many_sessions_there_are() -> None:
    assert parse.table_used("# table: homeport/sessions, type: binary, size:1048576, used:12\n") == 12
    other = "# table: sessions_live, type: string, size:204800, used:0\n"
    assert parse.table_used(other + "# table: homeport/sessions, type: binary, size:1048576, used:12\n") == 12
    assert parse.table_used("") == 0


def test_a_worker_teaches_its_sessions_only_after_its_own_resync() -> None:
    line = "0x9ded530: [21/Nov/2026:21:25:08] id=homeport disabled=0 flags=0x{} resync_timeout={} task_calls=29\n"
    assert parse.peers_ready(line.format("6833", "<PAST>"))
    assert not parse.peers_ready(line.format("6811", "4s"))
    assert not parse.peers_ready("")


def test_server_lines_are_read_from_a_configuration() -> None:
    text = "backend be0003\n    balance leastconn\n    server ta-1 10.3.0.1:8000 id 4 maxconn 9 proto h2 check disabled\n"
    (found,) = parse.config_servers(text)
    assert found == parse.ConfigServer("be0003", parse.ServerRow("be0003", "ta-1", 4, "10.3.0.1:8000", True), True, 9)
