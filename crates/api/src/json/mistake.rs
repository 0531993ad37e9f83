//! The first value of a document that is not of its field's type, told as Go's decoder tells it: what came, where, and
//! what Go's type is called.
//!
//! What a Rust type is called in Go follows from it; the tables have what does not: the packages of structs, and fields
//! whose type has a name of its own in Docker's code.

use std::borrow::Cow;

use super::syntax::Node;
use crate::wire::Value;

/// A value of another type.
pub(crate) struct Mistake {
    /// What came: `string`, `number 1.5`.
    came: String,
    /// The type it should have had; Go's name.
    wanted: Cow<'static, str>,
    /// Where; `None` for a type whose own reader does not know.
    path: Option<Vec<String>>,
}

/// Where the search is.
#[derive(Default)]
pub(crate) struct Place {
    path: Vec<String>,
}

impl Place {
    /// Looks at what is under `key`.
    pub(crate) fn inside<T>(&mut self, key: &str, look: impl FnOnce(&mut Self) -> T) -> T {
        self.path.push(key.to_owned());
        let result = look(self);
        self.path.pop();
        result
    }

    /// This value should have been a `wanted`.
    pub(crate) fn mistake(&self, node: &Node, wanted: Cow<'static, str>) -> Result<(), Mistake> {
        Err(Mistake { came: kind(node).to_owned(), wanted, path: Some(self.path.clone()) })
    }

    /// The same where the number itself is of interest.
    pub(crate) fn misfit(&self, number: &str, wanted: Cow<'static, str>) -> Result<(), Mistake> {
        Err(Mistake { came: format!("number {number}"), wanted, path: Some(self.path.clone()) })
    }

    /// The same from a reader that does not know where it is.
    pub(crate) fn lost(node: &Node, wanted: &'static str) -> Result<(), Mistake> {
        Err(Mistake { came: kind(node).to_owned(), wanted: wanted.into(), path: None })
    }
}

fn kind(node: &Node) -> &'static str {
    match node {
        Node::Null => "null",
        Node::Bool => "bool",
        Node::Number(_) => "number",
        Node::Text => "string",
        Node::List(_) => "array",
        Node::Object(_) => "object",
    }
}

/// Looks for what is not of its type in a `T`.
///
/// # Errors
/// Go's text about the first.
pub(crate) fn find<T: Value>(document: &Node) -> Result<(), String> {
    let root = T::go();
    T::check(document, None, &mut Place::default()).map_err(|mistake| mistake.text(&root))
}

impl Mistake {
    fn text(self, root: &str) -> String {
        let Self { came, wanted, path } = self;
        let Some(path) = path.filter(|path| !path.is_empty()) else {
            return format!("json: cannot unmarshal {came} into Go value of type {wanted}");
        };
        // Structs with others inside have no name here.
        let name = match root {
            "container.CreateRequest" | "registry.AuthConfig" => "",
            other => other.split_once('.').map_or(other, |(_, name)| name),
        };
        let numbered =
            path.last().is_some_and(|key| !key.is_empty() && key.bytes().all(|b| b.is_ascii_digit()));
        let of = if numbered { "" } else { "Go struct field " };
        let path: String =
            path.iter().map(|key| format!(".{}", key.replace('~', "~0").replace('/', "~1"))).collect();
        format!("json: cannot unmarshal {came} into {of}{name}{path} of type {wanted}")
    }
}

/// Our structs by module and name, and Docker's.
const STRUCTS: &[(&str, &str)] = &[
    ("auth::Config", "registry.AuthConfig"),
    ("config::CreateRequest", "container.CreateRequest"),
    ("config::HealthConfig", "v1.HealthcheckConfig"),
    ("config::NetworkingConfig", "network.NetworkingConfig"),
    ("config::UpdateRequest", "container.UpdateConfig"),
    ("host::HostConfig", "container.HostConfig"),
    ("host::LogConfig", "container.LogConfig"),
    ("host::RestartPolicy", "container.RestartPolicy"),
    ("host::PortBinding", "nat.PortBinding"),
    ("host::WeightDevice", "blkiodev.WeightDevice"),
    ("host::ThrottleDevice", "blkiodev.ThrottleDevice"),
    ("host::DeviceMapping", "container.DeviceMapping"),
    ("host::DeviceRequest", "container.DeviceRequest"),
    ("host::Ulimit", "units.Ulimit"),
    ("host::Mount", "mount.Mount"),
    ("host::BindOptions", "mount.BindOptions"),
    ("host::VolumeOptions", "mount.VolumeOptions"),
    ("host::DriverConfig", "mount.Driver"),
    ("host::ImageOptions", "mount.ImageOptions"),
    ("host::TmpfsOptions", "mount.TmpfsOptions"),
    ("host::ClusterOptions", "mount.ClusterOptions"),
    ("exec::CreateRequest", "container.ExecOptions"),
    ("exec::StartRequest", "container.ExecStartOptions"),
    ("network::EndpointSettings", "network.EndpointSettings"),
    ("network::EndpointIpamConfig", "network.EndpointIPAMConfig"),
    ("network::Ipam", "network.IPAM"),
    ("network::IpamConfig", "network.IPAMConfig"),
    ("network::ConfigReference", "network.ConfigReference"),
    ("network::CreateRequest", "network.CreateRequest"),
    ("network::ConnectRequest", "network.ConnectOptions"),
    ("network::DisconnectRequest", "network.DisconnectOptions"),
    ("volume::CreateRequest", "volume.CreateOptions"),
];

/// Fields whose types are called otherwise than ours.
const FIELDS: &[(&str, &str, &str)] = &[
    ("Config", "exposed_ports", "nat.PortSet"),
    ("Config", "stop_timeout", "int"),
    ("HealthConfig", "interval", "time.Duration"),
    ("HealthConfig", "timeout", "time.Duration"),
    ("HealthConfig", "start_period", "time.Duration"),
    ("HealthConfig", "start_interval", "time.Duration"),
    ("HealthConfig", "retries", "int"),
    ("NetworkingConfig", "endpoints_config", "map[string]*network.EndpointSettings"),
    ("HostConfig", "network_mode", "container.NetworkMode"),
    ("HostConfig", "port_bindings", "nat.PortMap"),
    ("HostConfig", "cgroupns_mode", "container.CgroupnsMode"),
    ("HostConfig", "ipc_mode", "container.IpcMode"),
    ("HostConfig", "cgroup", "container.CgroupSpec"),
    ("HostConfig", "oom_score_adj", "int"),
    ("HostConfig", "pid_mode", "container.PidMode"),
    ("HostConfig", "uts_mode", "container.UTSMode"),
    ("HostConfig", "userns_mode", "container.UsernsMode"),
    ("HostConfig", "isolation", "container.Isolation"),
    ("Resources", "blkio_weight_device", "[]*blkiodev.WeightDevice"),
    ("Resources", "blkio_device_read_bps", "[]*blkiodev.ThrottleDevice"),
    ("Resources", "blkio_device_write_bps", "[]*blkiodev.ThrottleDevice"),
    ("Resources", "blkio_device_read_iops", "[]*blkiodev.ThrottleDevice"),
    ("Resources", "blkio_device_write_iops", "[]*blkiodev.ThrottleDevice"),
    ("Resources", "ulimits", "[]*units.Ulimit"),
    ("RestartPolicy", "name", "container.RestartPolicyMode"),
    ("RestartPolicy", "maximum_retry_count", "int"),
    ("DeviceRequest", "count", "int"),
    ("Mount", "type", "mount.Type"),
    ("Mount", "consistency", "mount.Consistency"),
    ("BindOptions", "propagation", "mount.Propagation"),
    ("TmpfsOptions", "mode", "fs.FileMode"),
    ("EndpointSettings", "gw_priority", "int"),
    ("EndpointSettings", "ip_prefix_len", "int"),
    ("EndpointSettings", "global_ipv6_prefix_len", "int"),
];

/// What Docker calls one of our structs, by its path.
pub(crate) fn of_struct(path: &'static str) -> Cow<'static, str> {
    let known =
        STRUCTS.iter().find(|(ours, _)| path.strip_suffix(ours).is_some_and(|before| before.ends_with("::")));
    Cow::Borrowed(known.map_or(path, |(_, docker)| docker))
}

/// What Docker calls the type of a field of one of our structs, if that does not follow from ours.
pub(crate) fn of_field(path: &str, field: &str) -> Option<&'static str> {
    let name = path.rsplit("::").next()?;
    let field = field.strip_prefix("r#").unwrap_or(field);
    FIELDS.iter().find(|(ours, of, _)| *ours == name && *of == field).map(|(_, _, docker)| *docker)
}
