//! A scene of containers, images, networks and volumes, and lists of them in every format.

/// What the engine has when lists are printed.
pub(crate) const SCENE: &str = "
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
pub(crate) const LISTS: &str = "
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
    ps -aq --format '{{.Names}}'
    ps -aq --format json
    context ls -q --format x
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
    inspect -f '{{.Config}}' done
    inspect -f '{{.HostConfig.RestartPolicy}} {{.HostConfig.LogConfig}} {{.HostConfig.Ulimits}} {{.HostConfig.PortBindings}}' up2
    inspect -f '{{.HostConfig.Resources.Memory}} {{.HostConfig.KernelMemoryTCP}} {{.HostConfig.Cgroup}}|' up2
    inspect -f '{{.NetworkSettings.DefaultNetworkSettings}} {{.Mounts}}' done
    inspect -f '{{.Config.Healthcheck}} {{.Config.Healthcheck.Interval}} {{json .Config.Healthcheck}}' up
    inspect -f '{{if .State.Health}}{{.State.Health.Status}}{{else}}none{{end}}' up done
    inspect -f '{{.State.Health.Status}}' done
    inspect -f '{{range $key, $value := .Config}}{{$key}} {{end}}' done
    inspect -f '{{.HostConfig.CpuShares}} {{.HostConfig.CapAdd}}' done
    inspect -f '{{.ImageManifestDescriptor}} {{.SizeRw}} {{.ContainerJSONBase.Name}}' done
    image inspect -f '{{.Config}} {{.RootFS.Type}} {{.Descriptor}} {{.VirtualSize}}' busybox
    network inspect -f '{{.IPAM}} {{.ConfigFrom}} {{.Peers}} {{.Services}}' netone
    volume inspect -f '{{.Driver}} {{.ClusterVolume}} {{.Status}} {{.UsageData}} {{.Labels}}' data
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
