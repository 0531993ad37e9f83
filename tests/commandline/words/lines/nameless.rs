//! Objects without a name, and further odd words: what a script gives when a variable of its is empty.

/// Nothing of this may succeed, or act on something else.
pub(crate) const NAMELESS: &str = "
    stop ''
    start ''
    restart ''
    kill ''
    pause ''
    unpause ''
    wait ''
    top ''
    port ''
    logs ''
    update -m 5m ''
    commit ''
    export ''
    exec '' true
    attach ''
    start -a ''
    inspect ''
    stop ' '
    rm ''
    rename '' x
    stats --no-stream ''
    stats --no-stream nosuch norsuch
    image inspect ''
    history ''
    rmi ''
    tag '' x
    network inspect ''
    network rm ''
    network connect '' x
    network connect bridge ''
    network disconnect bridge ''
    volume inspect ''
    volume rm ''
    inspect --type network ''
    inspect --type volume ''
    inspect --type image ''
    inspect --type plugin nosuch
    inspect ../nosuch
    inspect -s bridge -f {{.Name}}
    context use ''
    ps --filter =x
    ps --filter label!=x
    images --filter label!=x
    run --security-opt seccomp= busybox
    run --security-opt writable-cgroups busybox
    run --network name=,alias=x busybox
    run --network host --network host busybox
    run --network bridge --network host busybox
    run --network bridge --network none busybox
    run --network bridge --network container:x busybox
    run --dns-search -a busybox
    create --device '' busybox
    inspect /nosuch
    stop /nosuch
    exec /nosuch true
    rm /nosuch
    --log-level= ps -q
    -v ps -q
    -H npipe:////x ps
    -H fd:// ps
    -H tcp://bad:port:x ps
";
