"""The states of a connection, step by step and as they change; and the numbers of keep-alive."""
import pathlib
import socket
import struct

from play import Lesson

with Lesson(__file__) as lesson:
    shown = lesson.start("states").ends(0).splitlines()
    assert shown[0].split() == ["the", "listener:", "LISTEN", "client", "server"]
    pairs = [line.split()[-2:] for line in shown[1:]]
    assert pairs == [["ESTABLISHED", "ESTABLISHED"], ["FIN-WAIT-2", "CLOSE-WAIT"], ["FIN-WAIT-2", "CLOSE-WAIT"],
                     ["TIME-WAIT", "CLOSED"], ["TIME-WAIT", "CLOSED"]], pairs

    # virtual_states: all eleven states, and 2 MSL after the last segment.
    shown = lesson.start("virtual_states").ends(0)
    begun = [line.split()[:3] for line in shown.splitlines() if line[:3].strip().isdigit() or line.startswith("    0.")]
    assert {state for each in begun for state in each[1:]} == {
        "CLOSED", "LISTEN", "SYN-SENT", "SYN-RECEIVED", "ESTABLISHED", "FIN-WAIT-1", "FIN-WAIT-2", "CLOSE-WAIT", "CLOSING",
        "LAST-ACK", "TIME-WAIT"}, shown
    assert ["240.060000", "CLOSED", "CLOSED"] in begun and ["0.070000", "TIME-WAIT", "CLOSED"] in begun, shown

    # keep_alive: Linux's own numbers, this machine's, and a new connection, which has it switched off.
    numbers = [int(pathlib.Path(f"/proc/sys/net/ipv4/tcp_keepalive_{name}").read_text(encoding="ascii"))
               for name in ("time", "probes", "intvl")]
    words = "silence of {} s, then {} probes every {} s: a dead peer is noticed after {} s"
    told = lesson.start("keep_alive").ends(0).splitlines()
    assert told == ["Linux (tcp(7)): " + words.format(7200, 9, 75, 7875),
                    "this machine: " + words.format(*numbers, numbers[0] + numbers[1] * numbers[2]),
                    "a new connection: off",
                    "after set_keep_alive: " + words.format(60, 3, 10, 90)], told

    # watch: all that happens at a port. The client closes first, so TIME-WAIT is with the client.
    watch = lesson.start("watch")
    watch.expect("监视端口 (watching port) 6666 (Ctrl-C ends)\n")
    listener = socket.create_server(("127.0.0.1", 6666))
    watch.expect("6666 -> 0: LISTEN\n")
    client = socket.create_connection(("127.0.0.1", 6666))
    port = client.getsockname()[1]
    server, _ = listener.accept()

    def expect(*lines):
        start = watch.position
        ends = []
        for line in lines:  # in any order
            watch.position = start
            watch.expect(line + "\n")
            ends.append(watch.position)
        watch.position = max(ends)

    expect(f"6666 -> {port}: ESTABLISHED", f"{port} -> 6666: ESTABLISHED")
    client.shutdown(socket.SHUT_WR)
    expect(f"6666 -> {port}: CLOSE-WAIT", f"{port} -> 6666: FIN-WAIT-2")
    server.close()
    expect(f"6666 -> {port}: CLOSED", f"{port} -> 6666: TIME-WAIT")
    client.close()

    # A reset leaves nothing behind.
    client = socket.create_connection(("127.0.0.1", 6666))
    port = client.getsockname()[1]
    server, _ = listener.accept()
    expect(f"6666 -> {port}: ESTABLISHED", f"{port} -> 6666: ESTABLISHED")
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    expect(f"6666 -> {port}: CLOSED", f"{port} -> 6666: CLOSED")
    server.close()
    listener.close()
    watch.expect("6666 -> 0: CLOSED\n")
    watch.interrupt()
    watch.ends(0)

    for wrong in "", "0", "65536", "-1", "http", "80x":
        assert lesson.start("watch", wrong).ends(1) == f'watch: "{wrong}" is not a port\n'
