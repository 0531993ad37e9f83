//! Device nodes: those every container has, and the spec's.

use errdefs::{Result, invalid};
use oci::runtime::DeviceNode;

use super::absolute;
use crate::plan::Device;

/// The specification's default devices: character devices by name, major and minor number.
const DEFAULT: [(&str, u32, u32); 6] =
    [("null", 1, 3), ("random", 1, 8), ("full", 1, 7), ("tty", 5, 0), ("zero", 1, 5), ("urandom", 1, 9)];

/// All nodes to make; the spec's own come last and replace a default one of the same path. The default ones belong to
/// `root`. The others keep the owner they have on the host, whatever ids the container has: root of a user namespace
/// may use a device that was given to it as far as everybody may.
pub(super) fn nodes(wanted: &[DeviceNode], root: (u32, u32)) -> Result<Vec<Device>> {
    let wanted: Vec<Device> = wanted.iter().map(node).collect::<Result<_>>()?;
    let mut nodes: Vec<Device> = DEFAULT
        .iter()
        .map(|&(name, major, minor)| Device {
            path: format!("/dev/{name}").into(),
            character: true,
            fifo: false,
            major,
            minor,
            mode: 0o666,
            uid: root.0,
            gid: root.1,
        })
        .filter(|default| wanted.iter().all(|device| device.path != default.path))
        .collect();
    // `/dev/ptmx` is a link to the container's own.
    nodes.extend(wanted.into_iter().filter(|device| device.path.as_os_str() != "/dev/ptmx"));
    Ok(nodes)
}

fn node(device: &DeviceNode) -> Result<Device> {
    let number = |number: i64| {
        u32::try_from(number)
            .map_err(|_| invalid(format!("invalid number of device {:?}: {number}", device.path)))
    };
    let (character, fifo) = match device.kind.as_str() {
        "c" | "u" => (true, false),
        "b" => (false, false),
        "p" => (false, true),
        other => return Err(invalid(format!("invalid type of device {:?}: {other:?}", device.path))),
    };
    let path = absolute(&device.path)?;
    if path.file_name().is_none() {
        return Err(invalid(format!("invalid path of device: {:?}", device.path)));
    }
    let (major, minor) = if fifo { (0, 0) } else { (number(device.major)?, number(device.minor)?) };
    let mode = device.file_mode.unwrap_or(0o666) & 0o7777;
    Ok(Device {
        path,
        character,
        fifo,
        major,
        minor,
        mode,
        uid: device.uid.unwrap_or(0),
        gid: device.gid.unwrap_or(0),
    })
}
