//! The command lines that both clients are given.

/// Mistakes: wrong flags, values, counts of arguments, objects that are not there.
pub(super) const MISUSED: &str = "
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

/// What the engine has when lists are printed.
pub(super) const SCENE: &str = "
    network create --label a=b --subnet 10.77.0.0/24 netone
    network create --internal nettwo
    volume create --label a=b data
    volume create other
    tag busybox:latest busybox:two
    run -d --name up --label app=web --label tier=front -p 127.0.0.1:8080:80 -p 9000-9002:9000-9002 -p 53:53/udp --network netone -v data:/data -v other:/other:ro --health-cmd true --health-interval 1h busybox sleep 1000
    run -d --name up2 --memory 64m --tmpfs /t busybox sh -c 'trap : TERM; sleep 1000'
    run --name done busybox true
    run -d --name paused --network none busybox sleep 1000
    pause paused
    create --name made --entrypoint echo busybox 'a long \"quoted\" argument that does not fit' <here>
    commit made reg.example:5000/team/box:v1
    run --name failed busybox sh -c 'exit 3'
";

/// What is there, in all forms.
pub(super) const LISTS: &str = "
    ps
    ps -a
    ps -aq
    ps -a --no-trunc
    ps -as
    ps -n 2
    ps -l
    ps -ql
    ps --last 1 --format '{{.Names}}'
    ps -a --format json
    ps -a --format '{{json .}}'
    ps -a --format 'table {{.Names}}\\t{{.State}}\\t{{.Status}}'
    ps -a --format 'table {{.ID}}|{{.Names}}'
    ps -a --format '{{.Names}}: {{.Ports}}'
    ps -a --format '{{.Names}} {{.Command}} {{.Image}} {{.Mounts}} {{.Networks}} {{.LocalVolumes}}'
    ps -a --format '{{.Names}} {{.Labels}} {{.Label \"app\"}}'
    ps -a --format 'table {{.Names}}\\t{{.Label \"app\"}}'
    ps -a --format '{{upper .Names}} {{lower .Image}} {{title .State}}'
    ps -a --format '{{join (split .Names \"\") \"-\"}}'
    ps -a --format '{{truncate .Names 2}}'
    ps -a --format '{{pad .Names 2 3}}|'
    ps -a --format '{{println .Names}}'
    ps -a --format '{{printf \"%-10s|%q\" .Names .Image}}'
    ps -a --format '{{len .Names}} {{index (split .Image \"u\") 0}}'
    ps -a --format '{{if eq .State \"running\"}}yes{{else}}no{{end}}'
    ps -a --format '{{with .Names}}{{.}}{{end}}'
    ps -a --format '{{range $i, $e := split .Names \"\"}}{{$i}}={{$e}} {{end}}'
    ps -a --format '{{$n := .Names}}{{$n}}'
    ps -a --format '{{.Names | printf \"%s!\"}}'
    ps -a --format '{{/* a comment */}}{{.Names}}'
    ps -a --format '{{- .Names -}}'
    ps -a --format '{{json .Names}} {{json .Labels}}'
    ps -a --format '{{and .Names .Labels}} {{or .Labels .Names}} {{not .Labels}}'
    ps -a --format '{{html .Command}} {{js .Command}} {{urlquery .Command}} {{print .Names .State}}'
    ps -a --format '{{.Names}}{{\"\\t\"}}x'
    ps -a --format table
    ps -a --format 'table'
    ps -a --format raw
    ps -aq --format raw
    ps -a --format ''
    ps -a --format '{{.Size}}'
    ps -a --format '{{.RunningFor}}'
    ps -a --format '{{.Platform}}'
    ps --no-trunc --format '{{.Mounts}}'
    ps -a --filter name=up
    ps -a --filter name=^/up$
    ps -a --filter status=exited
    ps -a --filter status=paused --filter status=created
    ps -a --filter exited=3
    ps -a --filter label=app
    ps -a --filter label=app=web
    ps -a --filter label=app=none
    ps -a --filter label!=app
    ps -a --filter ancestor=busybox
    ps -a --filter ancestor=busybox:two
    ps -a --filter before=paused
    ps -a --filter since=up
    ps -a --filter health=none
    ps -a --filter volume=data
    ps -a --filter volume=/data
    ps -a --filter network=netone
    ps -a --filter publish=8080
    ps -a --filter publish=9000-9001/tcp
    ps -a --filter expose=53/udp
    ps -a --filter is-task=true
    ps -a --filter id=x
    images
    images -a
    images -q
    images --no-trunc
    images --digests
    images busybox
    images busybox:two
    images 'reg.example:5000/team/*'
    images none
    images --filter dangling=true
    images --filter reference=busybox:t*
    images --filter before=debian
    images --filter label=x
    images --format json
    images --format '{{.Repository}}:{{.Tag}} {{.ID}}'
    images --format 'table {{.ID}}\\t{{.Repository}}\\t{{.Size}}'
    images --format '{{.Digest}} {{.Containers}} {{.SharedSize}} {{.UniqueSize}} {{.VirtualSize}}'
    images --format raw
    images -q --format raw
    images --tree
    images --tree --no-trunc
    images --tree -q
    images --tree --format x
    images --tree busybox
    image ls --filter until=1h
    history busybox
    history -q busybox
    history --no-trunc busybox
    history --format json busybox
    history --format '{{.ID}} {{.Size}} {{.Comment}}' busybox
    history --human=false busybox
    volume ls
    volume ls -q
    volume ls --format json
    volume ls --format '{{.Name}} {{.Driver}} {{.Scope}} {{.Labels}} {{.Mountpoint}} {{.Links}} {{.Size}} {{.Availability}} {{.Group}} {{.Status}}'
    volume ls --format 'table {{.Name}}\\t{{.Label \"a\"}}'
    volume ls --format raw
    volume ls --filter dangling=true
    volume ls --filter name=da
    volume ls --filter label=a
    volume ls --filter driver=local
    volume ls --cluster
    volume update data
    volume update none
    network ls
    network ls -q
    network ls --no-trunc
    network ls --format json
    network ls --format '{{.Name}} {{.Driver}} {{.Scope}} {{.IPv4}} {{.IPv6}} {{.Internal}} {{.Labels}}'
    network ls --format raw
    network ls --filter name=net
    network ls --filter driver=bridge
    network ls --filter type=custom
    network ls --filter type=builtin
    network ls --filter label=a=b
    network ls --filter dangling=true
    network ls --filter scope=local
    inspect up
    inspect busybox
    inspect data
    inspect netone
    inspect up busybox none data
    inspect -s -f '{{.SizeRootFs}}' up
    inspect -f '{{.State.Status}} {{.Name}}' up done paused
    inspect -f '{{json .Config}}' up
    inspect -f '{{json .Config.Cmd}} {{json .Config.Entrypoint}} {{json .Config.Env}} {{json .Config.OnBuild}}' up done
    inspect -f '{{json .HostConfig.Dns}} {{json .HostConfig.CapAdd}} {{json .HostConfig.Binds}}' up done
    inspect -f '{{json .Mounts}} {{json .ExecIDs}} {{json .HostConfig.SecurityOpt}}' up done
    inspect -f '{{range $k, $v := .NetworkSettings.Networks}}{{json $v.Aliases}} {{json $v.DriverOpts}}{{end}}' done
    image inspect -f '{{json .Config.Entrypoint}} {{json .Config.Volumes}} {{json .Config.Env}}' busybox
    inspect -f '{{json .HostConfig}}' up2
    inspect -f '{{json .NetworkSettings.Ports}}' up
    inspect -f '{{range .Mounts}}{{.Name}}:{{.Destination}}:{{.RW}} {{end}}' up
    inspect -f '{{range $k, $v := .NetworkSettings.Networks}}{{$k}}={{$v.IPAddress}} {{end}}' up
    inspect -f '{{(index (index .NetworkSettings.Ports \"80/tcp\") 0).HostPort}}' up
    inspect -f '{{index .Config.Labels \"app\"}}' up
    inspect -f '{{.Config.Env}} {{.Config.Cmd}} {{.Path}} {{.Args}}' up made
    inspect -f '{{.HostConfig.Memory}} {{.HostConfig.NanoCpus}} {{.HostConfig.RestartPolicy.Name}}' up2
    inspect -f '{{.State}}' done
    inspect -f '{{.Nothing}}' up
    inspect -f '{{.State.Nothing}}' up
    inspect -f json done
    inspect -f '{{.Id}}' up busybox
    inspect -f '{{len .Mounts}}' up
    inspect -f '{{.RepoTags}} {{.Os}}/{{.Architecture}}' busybox
    inspect -f '{{range .IPAM.Config}}{{.Subnet}}{{end}}' netone
    inspect -f '{{println .Name}}{{println .Id}}' up
    inspect -f '{{join .Args \",\"}}' made
    inspect -f '{{.Mountpoint}}' data
    container inspect up done
    image inspect busybox debian
    network inspect netone bridge
    network inspect -v netone
    volume inspect data other
    volume inspect -f '{{.Labels}} {{.CreatedAt}}' data
    port up
    port up 80
    port up 80/tcp
    port up 53/udp
    port up 81
    port done
    top up
    top up -o pid,comm
    top done
    logs up
    logs done
    diff done
    diff up
    stats --no-stream --format '{{.Name}} {{.ID}} {{.Container}}' up
    stats --no-stream --format 'table {{.Name}}' up up2
    stats --no-stream -a --format '{{.Name}}'
    stats --no-stream --format '{{.MemUsage}}' done
    system df
    system df --format json
    system df --format 'table {{.Type}}\\t{{.TotalCount}}'
    system df --format '{{.Type}} {{.Active}} {{.Size}} {{.Reclaimable}}'
    system df -v
    system df -v --format json
    system df -v --format '{{range .Images}}{{.Repository}} {{end}}'
    info --format '{{.Containers}} {{.ContainersRunning}} {{.Driver}} {{.Swarm.LocalNodeState}}'
    info --format '{{json .Plugins}}'
    version --format '{{.Server.Version}} {{.Server.APIVersion}} {{.Client.Context}}'
    version --format '{{json .Server}}'
    system events --since 1 --until 2
    ps --help
    run --help
    container --help
    volume rm --help
";

/// A life of a container.
pub(super) const CONTAINERS: &str = "
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
pub(super) const OBJECTS: &str = "
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
