"""Receivers of log protocols for tests: every record becomes a line of JSON in a file.

receive.py OUT gelf-udp PORT | gelf-tcp PORT | forward PORT|PATH [CERT KEY] [drop]

`drop` closes the first connection of `forward` after one record without a word, as a receiver that crashes would.
"""

import gzip, json, os, socket, ssl, sys, threading, zlib

out, mode, place = sys.argv[1:4]
rest = sys.argv[4:]
lock = threading.Lock()


def record(value):
    with lock, open(out, "a") as file:
        file.write(json.dumps(value) + "\n")


def unpacked(data):
    if data[:2] == b"\x1f\x8b":
        return gzip.decompress(data)
    if data[:1] == b"\x78":
        return zlib.decompress(data)
    return data


def gelf_udp():
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    server.bind(("127.0.0.1", int(place)))
    print("ready", flush=True)
    chunks = {}
    while True:
        data = server.recv(65536)
        if data[:2] == b"\x1e\x0f":
            parts = chunks.setdefault(data[2:10], {})
            parts[data[10]] = data[12:]
            if len(parts) < data[11]:
                continue
            data = b"".join(parts[n] for n in range(data[11]))
        record(json.loads(unpacked(data)))


def gelf_tcp(connection):
    buffer = b""
    while data := connection.recv(65536):
        *whole, buffer = (buffer + data).split(b"\0")
        for message in whole:
            record(json.loads(message))


dropped = "drop" not in rest


def forward(connection):
    global dropped
    import msgpack

    unpacker = msgpack.Unpacker(raw=False, strict_map_key=False)
    while data := connection.recv(65536):
        unpacker.feed(data)
        for tag, time, fields, option in unpacker:
            if isinstance(time, msgpack.ExtType):
                seconds, nanos = int.from_bytes(time.data[:4], "big"), int.from_bytes(time.data[4:], "big")
                time = f"{seconds}.{nanos:09}"
            if not dropped:
                dropped = True
                connection.close()
                return
            record({"tag": tag, "time": time, **fields})
            if "chunk" in option:
                connection.sendall(msgpack.packb({"ack": option["chunk"]}))


def stream(serve):
    if place.startswith("/"):
        server = socket.socket(socket.AF_UNIX)
        if os.path.exists(place):
            os.unlink(place)
        server.bind(place)
    else:
        server = socket.socket()
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(("127.0.0.1", int(place)))
    server.listen()
    print("ready", flush=True)
    files = [part for part in rest if part != "drop"]
    while True:
        connection, _ = server.accept()
        if files:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*files)
            try:
                connection = context.wrap_socket(connection, server_side=True)
            except OSError:
                continue  # the client does not like the certificate
        threading.Thread(target=serve, args=(connection,), daemon=True).start()


if mode == "gelf-udp":
    gelf_udp()
else:
    stream({"gelf-tcp": gelf_tcp, "forward": forward}[mode])
