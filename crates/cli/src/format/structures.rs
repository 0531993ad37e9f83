//! What the objects that commands show are in Go: for templates that print a structure whole, or name a field that the
//! engine leaves out when it is empty.
//!
//! One type a line: its fields in their order, each as `Name=JSON:kind` (the JSON name if it is another, the kind if it is not
//! text). Kinds: `i` `int`, `l` `int64`, `w` `uint16`, `n` `uint`, `u` `uint64`, `b` boolean, `t` time, `d` duration, `_`
//! anything, `[K]` list, `{K}` map, `*K` pointer, `~K` a text of the type K, which has methods, or the name of a type. `+`
//! embeds a type.

/// The table.
const TYPES: &str = "
container.InspectResponse +*container.ContainerJSONBase Mounts:[container.MountPoint] Config:*container.Config NetworkSettings:*container.NetworkSettings ImageManifestDescriptor:*v1.Descriptor
container.ContainerJSONBase ID=Id Created Path Args:[s] State:*container.State Image ResolvConfPath HostnamePath HostsPath LogPath Name RestartCount:i Driver Platform MountLabel ProcessLabel AppArmorProfile ExecIDs:[s] HostConfig:*container.HostConfig GraphDriver:storage.DriverData SizeRw:*l SizeRootFs:*l
container.State Status Running:b Paused:b Restarting:b OOMKilled:b Dead:b Pid:i ExitCode:i Error StartedAt FinishedAt Health:*container.Health
container.Health Status FailingStreak:i Log:[*container.HealthcheckResult]
container.HealthcheckResult Start:t End:t ExitCode:i Output
storage.DriverData Data:{s} Name
container.MountPoint Type Name Source Destination Driver Mode RW:b Propagation
container.Config Hostname Domainname User AttachStdin:b AttachStdout:b AttachStderr:b ExposedPorts:{struct} Tty:b OpenStdin:b StdinOnce:b Env:[s] Cmd:[s] Healthcheck:*v1.HealthcheckConfig ArgsEscaped:b Image Volumes:{struct} WorkingDir Entrypoint:[s] NetworkDisabled:b MacAddress OnBuild:[s] Labels:{s} StopSignal StopTimeout:*i Shell:[s]
struct
v1.HealthcheckConfig Test:[s] Interval:d Timeout:d StartPeriod:d StartInterval:d Retries:i
container.HostConfig Binds:[s] ContainerIDFile LogConfig:container.LogConfig NetworkMode:~container.NetworkMode PortBindings:{[nat.PortBinding]} RestartPolicy:container.RestartPolicy AutoRemove:b VolumeDriver VolumesFrom:[s] ConsoleSize:[n] Annotations:{s} CapAdd:[s] CapDrop:[s] CgroupnsMode:~container.CgroupnsMode DNS=Dns:[s] DNSOptions=DnsOptions:[s] DNSSearch=DnsSearch:[s] ExtraHosts:[s] GroupAdd:[s] IpcMode:~container.IpcMode Cgroup Links:[s] OomScoreAdj:i PidMode:~container.PidMode Privileged:b PublishAllPorts:b ReadonlyRootfs:b SecurityOpt:[s] StorageOpt:{s} Tmpfs:{s} UTSMode:~container.UTSMode UsernsMode:~container.UsernsMode ShmSize:l Sysctls:{s} Runtime Isolation:~container.Isolation +container.Resources Mounts:[mount.Mount] MaskedPaths:[s] ReadonlyPaths:[s] Init:*b
container.LogConfig Type Config:{s}
nat.PortBinding HostIP=HostIp HostPort
container.RestartPolicy Name MaximumRetryCount:i
container.Resources CPUShares=CpuShares:l Memory:l NanoCPUs=NanoCpus:l CgroupParent BlkioWeight:w BlkioWeightDevice:[*blkiodev.WeightDevice] BlkioDeviceReadBps:[*blkiodev.ThrottleDevice] BlkioDeviceWriteBps:[*blkiodev.ThrottleDevice] BlkioDeviceReadIOps:[*blkiodev.ThrottleDevice] BlkioDeviceWriteIOps:[*blkiodev.ThrottleDevice] CPUPeriod=CpuPeriod:l CPUQuota=CpuQuota:l CPURealtimePeriod=CpuRealtimePeriod:l CPURealtimeRuntime=CpuRealtimeRuntime:l CpusetCpus CpusetMems Devices:[container.DeviceMapping] DeviceCgroupRules:[s] DeviceRequests:[container.DeviceRequest] KernelMemory:l KernelMemoryTCP:l MemoryReservation:l MemorySwap:l MemorySwappiness:*l OomKillDisable:*b PidsLimit:*l Ulimits:[*units.Ulimit] CPUCount=CpuCount:l CPUPercent=CpuPercent:l IOMaximumIOps:u IOMaximumBandwidth:u
blkiodev.WeightDevice Path Weight:w
blkiodev.ThrottleDevice Path Rate:u
container.DeviceMapping PathOnHost PathInContainer CgroupPermissions
container.DeviceRequest Driver Count:i DeviceIDs:[s] Capabilities:[[s]] Options:{s}
units.Ulimit Name Hard:i Soft:i
mount.Mount Type Source Target ReadOnly:b Consistency BindOptions:*mount.BindOptions VolumeOptions:*mount.VolumeOptions ImageOptions:*mount.ImageOptions TmpfsOptions:*mount.TmpfsOptions ClusterOptions:*_
mount.BindOptions Propagation NonRecursive:b CreateMountpoint:b ReadOnlyNonRecursive:b ReadOnlyForceRecursive:b
mount.VolumeOptions NoCopy:b Labels:{s} Subpath DriverConfig:*mount.Driver
mount.Driver Name Options:{s}
mount.ImageOptions Subpath
mount.TmpfsOptions SizeBytes:l Mode:i Options:[[s]]
container.NetworkSettings +container.NetworkSettingsBase +container.DefaultNetworkSettings Networks:{*network.EndpointSettings}
container.NetworkSettingsBase Bridge SandboxID SandboxKey Ports:{[nat.PortBinding]} HairpinMode:b LinkLocalIPv6Address LinkLocalIPv6PrefixLen:i SecondaryIPAddresses:[_] SecondaryIPv6Addresses:[_]
container.DefaultNetworkSettings EndpointID Gateway GlobalIPv6Address GlobalIPv6PrefixLen:i IPAddress IPPrefixLen:i IPv6Gateway MacAddress
network.EndpointSettings IPAMConfig:*network.EndpointIPAMConfig Links:[s] Aliases:[s] MacAddress DriverOpts:{s} GwPriority:i NetworkID EndpointID Gateway IPAddress IPPrefixLen:i IPv6Gateway GlobalIPv6Address GlobalIPv6PrefixLen:i DNSNames:[s]
network.EndpointIPAMConfig IPv4Address IPv6Address LinkLocalIPs:[s]
v1.Descriptor MediaType=mediaType Digest=digest Size=size:l URLs=urls:[s] Annotations=annotations:{s} Data=data Platform=platform:*v1.Platform ArtifactType=artifactType
v1.Platform Architecture=architecture OS=os OSVersion=os.version OSFeatures=os.features:[s] Variant=variant
image.InspectResponse ID=Id RepoTags:[s] RepoDigests:[s] Parent Comment Created Container ContainerConfig:*container.Config DockerVersion Author Config:*v1.DockerOCIImageConfig Architecture Variant Os OsVersion Size:l VirtualSize:l GraphDriver:storage.DriverData RootFS:image.RootFS Metadata:image.Metadata Descriptor:*v1.Descriptor Manifests:[_]
v1.DockerOCIImageConfig +v1.ImageConfig +v1.DockerOCIImageConfigExt
v1.ImageConfig User ExposedPorts:{struct} Env:[s] Entrypoint:[s] Cmd:[s] Volumes:{struct} WorkingDir Labels:{s} StopSignal ArgsEscaped:b
v1.DockerOCIImageConfigExt Healthcheck:*v1.HealthcheckConfig OnBuild:[s] Shell:[s]
image.RootFS Type Layers:[s]
image.Metadata LastTagTime:t
network.Inspect Name ID=Id Created:t Scope Driver EnableIPv4:b EnableIPv6:b IPAM:network.IPAM Internal:b Attachable:b Ingress:b ConfigFrom:network.ConfigReference ConfigOnly:b Containers:{network.EndpointResource} Options:{s} Labels:{s} Peers:[_] Services:{_}
network.IPAM Driver Options:{s} Config:[network.IPAMConfig]
network.IPAMConfig Subnet IPRange Gateway AuxAddress=AuxiliaryAddresses:{s}
network.ConfigReference Network
network.EndpointResource Name EndpointID MacAddress IPv4Address IPv6Address
volume.Volume ClusterVolume:*_ CreatedAt Driver Labels:{s} Mountpoint Name Options:{s} Scope Status:{_} UsageData:*volume.UsageData
volume.UsageData RefCount:l Size:l
events.Message Status=status ID=id From=from Type:~events.Type Action:~events.Action Actor:events.Actor Scope=scope Time=time:l TimeNano=timeNano:l
events.Actor ID Attributes:{s}
types.Version Platform:types.PlatformName Components:[types.ComponentVersion] Version APIVersion=ApiVersion MinAPIVersion GitCommit GoVersion Os Arch KernelVersion Experimental:b BuildTime
types.PlatformName Name
types.ComponentVersion Name Version Details:{s}
system.versionInfo Client:system.clientVersion Server:*types.Version
system.clientVersion Platform:*system.platformInfo Version APIVersion=ApiVersion DefaultAPIVersion GitCommit GoVersion Os Arch BuildTime Context
system.platformInfo Name
system.dockerInfo +*system.Info ServerErrors:[s] UserName ClientInfo:*system.clientInfo ClientErrors:[s]
system.clientInfo Debug:b +system.clientVersion Plugins:[manager.Plugin] Warnings:[s]
manager.Plugin SchemaVersion Vendor Version ShortDescription URL Hidden:b Name Path Err:_ ShadowedPaths:[s]
system.Info ID Containers:i ContainersRunning:i ContainersPaused:i ContainersStopped:i Images:i Driver DriverStatus:[[s]] SystemStatus:[[s]] Plugins:system.PluginsInfo MemoryLimit:b SwapLimit:b KernelMemory:b KernelMemoryTCP:b CPUCfsPeriod=CpuCfsPeriod:b CPUCfsQuota=CpuCfsQuota:b CPUShares:b CPUSet:b PidsLimit:b IPv4Forwarding:b Debug:b NFd:i OomKillDisable:b NGoroutines:i SystemTime LoggingDriver CgroupDriver CgroupVersion NEventsListener:i KernelVersion OperatingSystem OSVersion OSType Architecture IndexServerAddress RegistryConfig:*registry.ServiceConfig NCPU:i MemTotal:l GenericResources:[_] DockerRootDir HTTPProxy=HttpProxy HTTPSProxy=HttpsProxy NoProxy Name Labels:[s] ExperimentalBuild:b ServerVersion Runtimes:{system.RuntimeWithStatus} DefaultRuntime Swarm:swarm.Info LiveRestoreEnabled:b Isolation:~container.Isolation InitBinary ContainerdCommit:system.Commit RuncCommit:system.Commit InitCommit:system.Commit SecurityOptions:[s] ProductLicense DefaultAddressPools:[system.NetworkAddressPool] FirewallBackend:*system.FirewallInfo CDISpecDirs:[s] DiscoveredDevices:[_] Containerd:*system.ContainerdInfo Warnings:[s]
system.PluginsInfo Volume:[s] Network:[s] Authorization:[s] Log:[s]
system.RuntimeWithStatus +system.Runtime Status=status:{s}
system.Runtime Path=path Args=runtimeArgs:[s] Type=runtimeType Options=options:{_}
system.Commit ID
system.NetworkAddressPool Base Size:i
system.FirewallInfo Driver Info:[[s]]
system.ContainerdInfo Address Namespaces:_
registry.ServiceConfig AllowNondistributableArtifactsCIDRs:[s] AllowNondistributableArtifactsHostnames:[s] InsecureRegistryCIDRs:[s] IndexConfigs:{*registry.IndexInfo} Mirrors:[s] ExtraFields:{_}
registry.IndexInfo Name Mirrors:[s] Secure:b Official:b
swarm.Info NodeID NodeAddr LocalNodeState ControlAvailable:b Error RemoteManagers:[_] Nodes:i Managers:i Cluster:*_ Warnings:[s]
context.contextWithTLSListing +store.Metadata TLSMaterial:{[s]} Storage:store.StorageInfo
store.Metadata Name Metadata:command.DockerContext Endpoints:{docker.EndpointMeta}
store.StorageInfo MetadataPath TLSPath
command.DockerContext Description AdditionalFields:{_}
docker.EndpointMeta Host SkipTLSVerify:b
";

/// A field of a type.
pub(super) struct Field<'a> {
    pub(super) name: &'a str,
    pub(super) json: &'a str,
    pub(super) kind: &'a str,
    pub(super) embedded: bool,
}

/// The fields of the type `name`.
pub(super) fn fields(name: &str) -> impl Iterator<Item = Field<'static>> {
    let line = TYPES.lines().find(|line| line.split(' ').next() == Some(name)).unwrap_or_default();
    line.split(' ').skip(1).map(|field| {
        if let Some(kind) = field.strip_prefix('+') {
            let name = kind.rsplit(['*', '.']).next().unwrap_or(kind);
            return Field { name, json: "", kind, embedded: true };
        }
        let (names, kind) = field.split_once(':').unwrap_or((field, "s"));
        let (name, json) = names.split_once('=').unwrap_or((names, names));
        Field { name, json, kind, embedded: false }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_that_is_named_is_there_once() {
        let names: Vec<&str> =
            TYPES.lines().filter_map(|line| line.split(' ').next()).filter(|name| !name.is_empty()).collect();
        let mut sorted = names.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(sorted.len(), names.len());
        for name in &names {
            for field in fields(name) {
                let kind = field.kind.trim_start_matches(['*', '[', '{']);
                let kind = kind.trim_end_matches([']', '}']);
                assert!(
                    ["s", "i", "l", "w", "n", "u", "b", "t", "d", "_"].contains(&kind)
                        || kind.starts_with('~')
                        || names.contains(&kind),
                    "{name}.{}: {kind}",
                    field.name
                );
            }
        }
    }
}
