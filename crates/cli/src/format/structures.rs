//! What the objects that `inspect` shows are in Go: for templates that print a structure whole, or name a field that the
//! engine leaves out when it is empty.
//!
//! One type a line: its fields in their order, each as `Name=JSON:kind` (the JSON name if it is another, the kind if it is not
//! text). Kinds: `i` number, `b` boolean, `t` time, `d` duration, `_` anything, `[K]` list, `{K}` map, `*K` pointer, or the
//! name of a type. `+` embeds a type.

/// The table.
const TYPES: &str = "
Container +*ContainerJSONBase Mounts:[MountPoint] Config:*Config NetworkSettings:*NetworkSettings ImageManifestDescriptor:*Descriptor
ContainerJSONBase ID=Id Created Path Args:[s] State:*State Image ResolvConfPath HostnamePath HostsPath LogPath Name RestartCount:i Driver Platform MountLabel ProcessLabel AppArmorProfile ExecIDs:[s] HostConfig:*HostConfig GraphDriver:DriverData SizeRw:*i SizeRootFs:*i
State Status Running:b Paused:b Restarting:b OOMKilled:b Dead:b Pid:i ExitCode:i Error StartedAt FinishedAt Health:*Health
Health Status FailingStreak:i Log:[*HealthcheckResult]
HealthcheckResult Start:t End:t ExitCode:i Output
DriverData Data:{s} Name
MountPoint Type Name Source Destination Driver Mode RW:b Propagation
Config Hostname Domainname User AttachStdin:b AttachStdout:b AttachStderr:b ExposedPorts:{Empty} Tty:b OpenStdin:b StdinOnce:b Env:[s] Cmd:[s] Healthcheck:*HealthConfig ArgsEscaped:b Image Volumes:{Empty} WorkingDir Entrypoint:[s] NetworkDisabled:b MacAddress OnBuild:[s] Labels:{s} StopSignal StopTimeout:*i Shell:[s]
Empty
HealthConfig Test:[s] Interval:d Timeout:d StartPeriod:d StartInterval:d Retries:i
HostConfig Binds:[s] ContainerIDFile LogConfig:LogConfig NetworkMode PortBindings:{[PortBinding]} RestartPolicy:RestartPolicy AutoRemove:b VolumeDriver VolumesFrom:[s] ConsoleSize:[i] Annotations:{s} CapAdd:[s] CapDrop:[s] CgroupnsMode DNS=Dns:[s] DNSOptions=DnsOptions:[s] DNSSearch=DnsSearch:[s] ExtraHosts:[s] GroupAdd:[s] IpcMode Cgroup Links:[s] OomScoreAdj:i PidMode Privileged:b PublishAllPorts:b ReadonlyRootfs:b SecurityOpt:[s] StorageOpt:{s} Tmpfs:{s} UTSMode UsernsMode ShmSize:i Sysctls:{s} Runtime Isolation +Resources Mounts:[Mount] MaskedPaths:[s] ReadonlyPaths:[s] Init:*b
LogConfig Type Config:{s}
PortBinding HostIP=HostIp HostPort
RestartPolicy Name MaximumRetryCount:i
Resources CPUShares=CpuShares:i Memory:i NanoCPUs=NanoCpus:i CgroupParent BlkioWeight:i BlkioWeightDevice:[*WeightDevice] BlkioDeviceReadBps:[*ThrottleDevice] BlkioDeviceWriteBps:[*ThrottleDevice] BlkioDeviceReadIOps:[*ThrottleDevice] BlkioDeviceWriteIOps:[*ThrottleDevice] CPUPeriod=CpuPeriod:i CPUQuota=CpuQuota:i CPURealtimePeriod=CpuRealtimePeriod:i CPURealtimeRuntime=CpuRealtimeRuntime:i CpusetCpus CpusetMems Devices:[DeviceMapping] DeviceCgroupRules:[s] DeviceRequests:[DeviceRequest] KernelMemory:i KernelMemoryTCP:i MemoryReservation:i MemorySwap:i MemorySwappiness:*i OomKillDisable:*b PidsLimit:*i Ulimits:[*Ulimit] CPUCount=CpuCount:i CPUPercent=CpuPercent:i IOMaximumIOps:i IOMaximumBandwidth:i
WeightDevice Path Weight:i
ThrottleDevice Path Rate:i
DeviceMapping PathOnHost PathInContainer CgroupPermissions
DeviceRequest Driver Count:i DeviceIDs:[s] Capabilities:[[s]] Options:{s}
Ulimit Name Hard:i Soft:i
Mount Type Source Target ReadOnly:b Consistency BindOptions:*BindOptions VolumeOptions:*VolumeOptions ImageOptions:*ImageOptions TmpfsOptions:*TmpfsOptions ClusterOptions:*_
BindOptions Propagation NonRecursive:b CreateMountpoint:b ReadOnlyNonRecursive:b ReadOnlyForceRecursive:b
VolumeOptions NoCopy:b Labels:{s} Subpath DriverConfig:*Driver
Driver Name Options:{s}
ImageOptions Subpath
TmpfsOptions SizeBytes:i Mode:i Options:[[s]]
NetworkSettings +NetworkSettingsBase +DefaultNetworkSettings Networks:{*EndpointSettings}
NetworkSettingsBase Bridge SandboxID SandboxKey Ports:{[PortBinding]} HairpinMode:b LinkLocalIPv6Address LinkLocalIPv6PrefixLen:i SecondaryIPAddresses:[_] SecondaryIPv6Addresses:[_]
DefaultNetworkSettings EndpointID Gateway GlobalIPv6Address GlobalIPv6PrefixLen:i IPAddress IPPrefixLen:i IPv6Gateway MacAddress
EndpointSettings IPAMConfig:*EndpointIPAMConfig Links:[s] Aliases:[s] MacAddress DriverOpts:{s} GwPriority:i NetworkID EndpointID Gateway IPAddress IPPrefixLen:i IPv6Gateway GlobalIPv6Address GlobalIPv6PrefixLen:i DNSNames:[s]
EndpointIPAMConfig IPv4Address IPv6Address LinkLocalIPs:[s]
Descriptor MediaType=mediaType Digest=digest Size=size:i URLs=urls:[s] Annotations=annotations:{s} Data=data Platform=platform:*Platform ArtifactType=artifactType
Platform Architecture=architecture OS=os OSVersion=os.version OSFeatures=os.features:[s] Variant=variant
Image ID=Id RepoTags:[s] RepoDigests:[s] Parent Comment Created Container ContainerConfig:*Config DockerVersion Author Config:*ImageConfig Architecture Variant Os OsVersion Size:i VirtualSize:i GraphDriver:DriverData RootFS:RootFS Metadata:Metadata Descriptor:*Descriptor Manifests:[_]
ImageConfig +OCIImageConfig +OCIImageConfigExt
OCIImageConfig User ExposedPorts:{Empty} Env:[s] Entrypoint:[s] Cmd:[s] Volumes:{Empty} WorkingDir Labels:{s} StopSignal ArgsEscaped:b
OCIImageConfigExt Healthcheck:*HealthConfig OnBuild:[s] Shell:[s]
RootFS Type Layers:[s]
Metadata LastTagTime:t
Network Name ID=Id Created:t Scope Driver EnableIPv4:b EnableIPv6:b IPAM:IPAM Internal:b Attachable:b Ingress:b ConfigFrom:ConfigReference ConfigOnly:b Containers:{EndpointResource} Options:{s} Labels:{s} Peers:[_] Services:{_}
IPAM Driver Options:{s} Config:[IPAMConfig]
IPAMConfig Subnet IPRange Gateway AuxAddress=AuxiliaryAddresses:{s}
ConfigReference Network
EndpointResource Name EndpointID MacAddress IPv4Address IPv6Address
Volume ClusterVolume:*_ CreatedAt Driver Labels:{s} Mountpoint Name Options:{s} Scope Status:{_} UsageData:*UsageData
UsageData RefCount:i Size:i
Event Status=status ID=id From=from Type Action Actor:Actor Scope=scope Time=time:i TimeNano=timeNano:i
Actor ID Attributes:{s}
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
            return Field { name: kind.trim_start_matches('*'), json: "", kind, embedded: true };
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
                let kind = field.kind.trim_matches(['*', '[', ']', '{', '}']);
                assert!(
                    ["s", "i", "b", "t", "d", "_"].contains(&kind) || names.contains(&kind),
                    "{name}.{}: {kind}",
                    field.name
                );
            }
        }
    }
}
