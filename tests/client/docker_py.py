"""docker-py's usual calls against a private engine; the first that answers otherwise than expected ends the program."""

import io
import sys
import tarfile
import time

import docker
from docker.errors import APIError, ContainerError, ImageNotFound, NotFound

client = docker.from_env(timeout=60)


def expect(what, found, expected):
    if found != expected:
        sys.exit(f"{what}: {found!r}, expected {expected!r}")


def fails(kind, status, call):
    try:
        call()
    except kind as error:
        expect("status", getattr(error, "status_code", status), status)
        return error
    sys.exit(f"no {kind.__name__}")


def system():
    expect("ping", client.ping(), True)
    expect("API version", client.version()["ApiVersion"], "1.51")
    expect("driver", client.info()["OSType"], "linux")
    expect("images in df", len(client.df()["Images"]), 1)


def containers():
    expect("run", client.containers.run("busybox", "echo hello"), b"hello\n")
    error = fails(ContainerError, None, lambda: client.containers.run("busybox", "sh -c 'echo no >&2; exit 3'"))
    expect("exit status", (error.exit_status, error.stderr), (3, b"no\n"))
    fails(ImageNotFound, 404, lambda: client.containers.create("nothing-of-this-name"))
    fails(NotFound, 404, lambda: client.containers.get("nobody"))
    one = client.containers.run(
        "busybox", "top", detach=True, name="one", labels={"of": "docker-py"}, environment=["A=1"],
        mem_limit="64m", ports={"80/tcp": ("127.0.0.1", None)}, tmpfs={"/scratch": "size=1m"}, init=True,
        restart_policy={"Name": "on-failure", "MaximumRetryCount": 2}, ulimits=[docker.types.Ulimit(name="nofile", soft=64, hard=64)],
        healthcheck={"test": ["CMD", "true"], "interval": 10**9}, cap_add=["NET_ADMIN"], dns=["192.0.2.1"])
    expect("status", one.status, "created")
    one.reload()
    expect("status", one.status, "running")
    expect("labels", one.labels, {"of": "docker-py"})
    expect("port", one.ports["80/tcp"][0]["HostIp"], "127.0.0.1")
    expect("memory", one.attrs["HostConfig"]["Memory"], 64 << 20)
    expect("by label", [c.name for c in client.containers.list(filters={"label": "of=docker-py"})], ["one"])
    expect("exec", one.exec_run("sh -c 'echo $A; ulimit -n; exit 5'"), (5, b"1\n64\n"))
    expect("exec, apart", one.exec_run("sh -c 'echo a; echo b >&2'", demux=True).output, (b"a\n", b"b\n"))
    expect("exec, tty", one.exec_run("echo t", tty=True).output, b"t\r\n")
    expect("top", "top" in str(one.top()["Processes"]), True)
    expect("stats", one.stats(stream=False)["id"], one.id)
    expect("changes", one.diff() is None or isinstance(one.diff(), list), True)
    one.update(mem_limit="32m", memswap_limit=-1)
    one.pause()
    fails(APIError, 409, one.pause)
    one.unpause()
    one.rename("two")
    one.restart(timeout=0)
    one.stop(timeout=0)
    expect("waited", one.wait()["StatusCode"] in (137, 143), True)
    one.remove()
    fails(NotFound, 404, one.remove)


def files_and_logs():
    talker = client.containers.run("busybox", "sh -c 'echo out; echo err >&2; cat; echo end'", detach=True, stdin_open=True)
    socket = talker.attach_socket(params={"stdin": 1, "stream": 1})
    socket._sock.sendall(b"typed\n")
    lines = talker.logs(stream=True, follow=True, stderr=False)
    expect("followed", [next(lines), next(lines)], [b"out\n", b"typed\n"])
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        entry = tarfile.TarInfo("name")
        entry.size = 5
        tar.addfile(entry, io.BytesIO(b"hello"))
    expect("put", talker.put_archive("/tmp", archive.getvalue()), True)
    stream, stat = talker.get_archive("/tmp/name")
    expect("size", stat["size"], 5)
    with tarfile.open(fileobj=io.BytesIO(b"".join(stream))) as tar:
        expect("content", tar.extractfile("name").read(), b"hello")
    expect("one stream", talker.logs(stdout=False), b"err\n")
    expect("tail", talker.logs(tail=1), b"typed\n")
    talker.kill()
    expect("waited", talker.wait()["StatusCode"], 137)
    image = talker.commit("mine", "1")
    expect("committed", client.containers.run("mine:1", "cat /tmp/name", remove=True), b"hello")
    talker.remove(v=True)
    client.images.remove(image.id)


def images():
    image = client.images.get("busybox")
    expect("tags", image.tags, ["busybox:latest"])
    expect("tagged", image.tag("copy", "1"), True)
    saved = b"".join(client.images.get("copy:1").save(named="copy:1"))
    client.images.remove("copy:1")
    fails(ImageNotFound, 404, lambda: client.images.get("copy:1"))
    expect("loaded", client.images.load(saved)[0].id, image.id)
    expect("history", len(image.history()), 1)
    client.images.remove("copy:1")
    expect("list", [i.id for i in client.images.list()], [image.id])
    expect("pruned", client.images.prune()["ImagesDeleted"], None)


def volumes_and_networks():
    volume = client.volumes.create("vol", labels={"of": "docker-py"})
    client.containers.run("busybox", "touch /v/x", volumes={"vol": {"bind": "/v", "mode": "rw"}}, remove=True)
    expect("volume", client.containers.run("busybox", "ls /v", volumes=["vol:/v:ro"], remove=True), b"x\n")
    expect("by label", [v.name for v in client.volumes.list(filters={"label": "of"})], ["vol"])
    volume.remove()
    fails(NotFound, 404, lambda: client.volumes.get("vol"))
    pool = docker.types.IPAMPool(subnet="10.87.0.0/24", gateway="10.87.0.1")
    network = client.networks.create("net", driver="bridge", ipam=docker.types.IPAMConfig(pool_configs=[pool]))
    there = client.containers.run("busybox", "top", detach=True, name="there")
    network.connect(there, ipv4_address="10.87.0.9", aliases=["other"])
    expect("found", client.containers.run("busybox", "ping -c 1 -W 5 other", network="net", remove=True)[:22], b"PING other (10.87.0.9)")
    network.reload()
    expect("members", [c.name for c in network.containers], ["there"])
    network.disconnect(there)
    there.remove(force=True)
    network.remove()
    client.networks.prune()


def events():
    since = int(time.time())
    client.containers.run("busybox", "true", name="seen", remove=True)
    told = client.events(decode=True, since=since, filters={"container": "seen", "event": ["start", "die"]})
    expect("events", [next(told)["Action"], next(told)["Action"]], ["start", "die"])
    told.close()


for part in [system, containers, files_and_logs, images, volumes_and_networks, events]:
    part()
    print(part.__name__)
