//! What is done to containers and other objects.

/// A life of a container.
pub(crate) const CONTAINERS: &str = "
    create --name thing busybox sleep 1000
    create --name thing busybox
    start thing
    start thing
    rm thing
    pause thing
    pause thing
    stop -t 0 thing
    start thing
    unpause thing
    unpause thing
    rename thing otherthing
    rename otherthing thing
    rename thing thing
    rename thing 'a b'
    exec thing echo hi
    exec thing sh -c 'exit 7'
    exec thing nothing
    exec thing /etc/passwd
    exec -w /nonexistent thing pwd
    exec -w relative thing pwd
    exec -u nobodyelse thing id
    exec -u 1000:1000 thing id
    exec -d thing true
    exec -e A=b thing sh -c 'echo $A'
    exec -t thing true
    cp thing:/etc/hostname /nonexistent/x
    cp thing:/none /tmp
    cp thing:/bin/busybox - 
    cp /etc/hostname thing:/none/x
    cp /etc/hostname thing:/tmp/
    cp -q /etc/hostname thing:/tmp/
    cp /nonexistent/ thing:/tmp
    update --kernel-memory 5m thing
    diff thing
    commit thing imgthing
    commit -m message -a author -c 'CMD [\"x\"]' thing imgthing:two
    commit -c 'FOO bar' thing
    commit thing UPPER
    update --restart always thing
    update --memory 4m thing
    update --memory 64m --memory-swap 64m thing
    update thing
    inspect -f '{{.HostConfig.RestartPolicy.Name}}' thing
    logs thing
    logs --tail 0 thing
    port thing
    port thing 80
    kill -s HUP thing
    kill -s 99 thing
    restart -t 0 thing
    stop -t 0 thing
    stop thing
    kill thing
    exec thing true
    attach thing
    top thing
    pause thing
    wait thing
    logs --since 1h --until 1s thing
    rm thing
    rm thing
    run --name thing busybox echo hi
    run --name thing busybox
    start -a thing
    logs thing
    rm -v thing
    run --rm busybox nothing
    run --rm busybox /etc/passwd
    run --rm busybox sh -c 'exit 9'
    run --rm -w relative busybox
    run --rm -u nobodyelse busybox id
    run --rm --entrypoint nothing busybox
    run --rm --network nonething busybox
    run --rm -v nonething:relative busybox
    run --rm -v /nonexistent/x:/y:zz busybox
    run --rm --mount type=bind,source=/nonexistent/thing,target=/x busybox
    run --rm --mount type=volume,target=relative busybox
    run --rm --hostname thing --domainname example busybox hostname
    run --rm --cap-add NOTHING busybox
    run --rm --security-opt foo=bar busybox
    run --rm --ulimit nofile=10:20 busybox sh -c 'ulimit -n'
    run --rm --device /dev/nonexistent busybox
    run --rm --runtime nothing busybox
    run --rm --ip 10.1.1.1 busybox
    run --rm --memory 1m busybox
    run --rm --cpus 1000 busybox
    run --rm --cpuset-cpus 999 busybox
    run --rm --sysctl kernel.foo=1 busybox
    run --rm --log-driver nothing busybox
    run --rm --log-opt nothing=1 busybox
    run --rm --stop-signal FOO busybox
    run --rm --pids-limit 5 busybox sh -c 'echo ok'
    run --rm --read-only busybox touch /x
    run --rm --link nonething busybox
    run --rm --volumes-from nonething busybox
    run --rm --health-cmd true --health-interval 1us busybox
    run --rm -p 80:80/foo busybox
    run -d --name thing -p 127.0.0.1:18080:80 busybox sleep 1000
    run -d --name secondthing -p 127.0.0.1:18080:80 busybox sleep 1000
    rm -f secondthing
    rm -f thing
    rm -f thing nonething
    container prune -f
    image rm imgthing imgthing:two
";

/// Images, volumes, networks.
pub(crate) const OBJECTS: &str = "
    volume create thing
    volume create thing
    volume create -d local --label a=b --opt type=tmpfs --opt device=tmpfs vthing
    volume inspect -f '{{.Name}} {{.Driver}} {{.Labels}} {{.Options}}' vthing
    run -d --name thing -v thing:/x busybox sleep 1000
    volume rm thing
    volume rm thing vthing nonething
    rm -f thing
    volume rm thing
    volume prune -f
    volume create thing
    volume prune -af
    network create thing
    network create thing
    network create --subnet 10.66.0.0/24 nthing
    network create --subnet 10.66.0.0/24 othing
    network rm nthing
    run -d --name thing --network thing --network-alias web busybox sleep 1000
    network rm thing
    network connect thing thing
    network connect --ip 1.2.3.4 bridge thing
    network connect bridge thing
    network disconnect bridge thing
    network disconnect bridge thing
    network connect host thing
    network connect none thing
    network inspect -f '{{.Name}} {{.Driver}} {{len .Containers}} {{.Internal}}' thing
    network prune -f
    rm -f thing
    network rm thing
    network create thing
    network prune -f
    tag busybox thing
    tag busybox thing:two
    tag busybox 'thing:a b'
    rmi thing thing:two
    rmi thing
    tag busybox thing
    run -d --name thing thing sleep 1000
    rmi thing
    rmi -f thing
    rm -f thing
    rmi thing
    save busybox nonething
    image prune -f
    image prune -af --filter label=nothing
    system prune -f --filter label=nothing
    pull nonething.example/x
    push nonething.example/x
";
