//! Mistakes of all kinds, which both clients tell alike.

/// Mistakes: wrong flags, values, counts of arguments, objects that are not there.
pub(crate) const MISUSED: &str = "
    run
    run --nothing busybox
    run -z busybox
    run none.example/none
    run --name
    run --memory x busybox
    run --memory 1 busybox
    run --cpus x busybox
    run --cpus -1 busybox
    run -p x busybox
    run -p 99999:80 busybox
    run -v a:b:c:d busybox
    run -v /a:b busybox
    run -v :/x busybox
    run --mount type=bind busybox
    run --mount type=foo,target=/x busybox
    run --mount foo busybox
    run --tmpfs x busybox
    run --restart foo busybox
    run --restart always --rm busybox
    run --restart on-failure:x busybox
    run --network foo:bar busybox
    run --env-file none busybox
    run --label-file none busybox
    run --cidfile /dev/null busybox
    run --ulimit foo busybox
    run --ulimit nofile=x busybox
    run --ulimit nofile=2:1 busybox
    run --device foo:bar:baz busybox
    run --device /dev/null:/dev/x:q busybox
    run --add-host foo busybox
    run --dns foo busybox
    run --ip foo busybox
    run --sysctl foo busybox
    run --log-opt foo busybox
    run --log-driver none --log-opt a=b busybox
    run --security-opt foo busybox
    run --storage-opt foo busybox
    run --health-cmd x --no-healthcheck busybox
    run --health-interval foo busybox
    run --health-interval -1s busybox
    run --health-retries -1 busybox
    run --stop-timeout x busybox
    run --pids-limit x busybox
    run --oom-score-adj x busybox
    run --blkio-weight x busybox
    run --blkio-weight 5 busybox
    run --blkio-weight-device foo busybox
    run --device-read-bps foo busybox
    run --device-read-iops /dev/x:y busybox
    run --shm-size x busybox
    run --attach foo busybox
    run -d --attach stdout busybox
    run --pull foo busybox
    run --platform foo busybox
    run --isolation foo busybox
    run --userns foo busybox
    run --uts foo busybox
    run --pid foo busybox
    run --ipc foo busybox
    run --cgroupns foo busybox
    run --gpus foo busybox
    run --link foo busybox
    run --volumes-from foo busybox
    run --expose foo busybox
    run --detach-keys foo busybox
    run --dns-search '' busybox
    run --gpus 'count=1,count=2' busybox
    run --ulimit nofile=a:b busybox
    run -t busybox
    run -it busybox
    run --memory-swappiness 101 busybox
    run --kernel-memory 1 busybox
    run --cpu-count 5 busybox
    run --cpu-percent 5 busybox
    run --io-maxiops 5 busybox
    ps -h
    create
    create --nothing x
    create none.example/none
    exec
    exec x
    exec none true
    exec -it none sh
    exec --env-file none none true
    exec -d -i none true
    exec --nothing none true
    attach
    attach none
    attach a b
    commit
    commit none
    commit a b c
    cp
    cp a
    cp a b
    cp none:/x .
    cp a:/b c:/d
    cp - -
    cp : b
    diff
    diff none
    diff a b
    export
    export none
    export -o /nonexistent/x none
    inspect
    inspect none
    inspect --type foo none
    inspect --type container none
    inspect --type image none
    inspect --type volume none
    inspect --type network none
    inspect -f '{{.Bad' none
    container inspect none
    container inspect
    image inspect none
    volume inspect none
    network inspect none
    kill
    kill none
    kill -s FOO none
    kill a b
    logs
    logs none
    logs --since foo none
    logs --tail x none
    logs a b
    pause
    pause none
    unpause none
    port
    port none
    port none foo
    port a b c
    ps x
    ps --filter foo
    ps --filter foo=bar
    ps --filter status=foo
    ps --filter exited=x
    ps --filter health=x
    ps --filter is-task=x
    ps --filter ancestor=none
    ps --filter before=none
    ps --filter since=none
    ps --filter network=none
    ps --filter volume=none
    ps --last x
    ps --format '{{.Bad'
    ps --format '{{bad}}'
    ps --format 'table {{.Nothing}}'
    rename
    rename a
    rename none other
    rename none ''
    restart
    restart none
    restart -t x none
    rm
    rm none
    rm -f none
    rm -f none none2
    rm none none2
    start
    start none
    start -a none none2
    start -ai none none2
    stats none
    stats --no-stream none
    stop
    stop none
    stop -t x none
    top
    top none
    update
    update none
    update --memory 1g none
    update --restart foo none
    update --cpus x none
    wait
    wait none
    wait none none2
    history
    history none
    images a b
    images --filter foo
    images --filter foo=bar
    images --filter dangling=x
    images --filter since=none
    import
    import /nonexistent
    import -
    load -i /nonexistent
    load x
    pull
    pull a b
    pull UPPER
    pull a:b:c
    pull -a busybox:latest
    push
    push none
    push -a busybox:latest
    rmi
    rmi none
    rmi none none2
    rmi -f none
    rmi UPPER
    save
    save none
    save -o /nonexistent/x none
    tag
    tag a
    tag none other
    tag none UPPER
    tag a b c
    image foo
    image ls a b
    image prune x
    image prune -f --filter foo=bar
    image rm
    container
    container foo
    container --foo
    system --foo
    container prune x
    container prune -f --filter foo=bar
    container prune -f --filter until=x
    volume create a b
    volume create ''
    volume create -d none x
    volume create --opt
    volume create 'a b'
    volume create x/y
    volume inspect
    volume ls x
    volume ls --filter foo=bar
    volume ls --filter dangling=x
    volume rm
    volume rm none
    volume rm none none2
    volume rm -f none
    volume prune x
    volume prune -f --filter foo=bar
    network
    network foo
    network create
    network create a b
    network create -d none x
    network create bridge
    network create host
    network create --subnet x x
    network create --subnet 10.0.0.0/33 x
    network create --gateway x x
    network create --subnet 10.9.0.0/16 --gateway 10.10.0.1 x
    network create --subnet 10.9.0.0/16 --ip-range 10.10.0.0/24 x
    network create --subnet 10.9.0.0/16 --subnet 10.9.1.0/24 x
    network create --ip-range 10.9.0.0/24 x
    network create --aux-address foo x
    network create -o
    network create ''
    network connect
    network connect none none
    network connect bridge none
    network connect a b c
    network disconnect
    network disconnect none none
    network disconnect bridge none
    network inspect
    network ls x
    network ls --filter foo=bar
    network ls --filter driver=none
    network ls --filter type=foo
    network ls --filter dangling=x
    network prune x
    network prune -f --filter foo=bar
    network rm
    network rm none
    network rm none none2
    network rm -f none
    network rm bridge
    network rm host none
    system
    system foo
    system df x
    system df --format '{{.Bad'
    system events x
    system events --filter foo
    system events --since foo
    system events --filter foo=bar --until 0
    system events --format '{{.Bad' --until 0
    system events --format '{{.Foo}}' --until 0
    system info x
    system prune x
    system prune --volumes --filter until=1h
    system prune -f --filter foo=bar
    info x
    info --format '{{.Bad'
    info --format '{{.Nothing}}'
    version x
    version --format '{{.Bad'
    version --format '{{.Nothing}}'
    login a b
    login -u a -p '' nosuch.example
    login -p x
    login -u a --password-stdin -p x
    login --password-stdin
    logout a b
    foo
    foo bar
    ps --all=maybe
    --nothing
    --nothing ps
    -z ps
    --log-level foo ps
    --host
    help foo
    help ps foo
    ps --help foo
    container ls --nothing
";
