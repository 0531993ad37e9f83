//! What older clients find in answers, or do not, by the API version that they speak. The engine knows only the newest
//! form; here fields are added and taken away again, as Docker 28 does it.

use api::container::{CreateRequest, InspectResponse, Mount, NetworkingConfig};
use api::version::Version;
use errdefs::{Result, invalid};
use serde::Serialize;
use serde_json::{Map, Value, json};

fn value(of: &impl Serialize) -> Result<Value> {
    serde_json::to_value(of).map_err(|error| errdefs::system(error.to_string()))
}

fn add(object: &mut Value, fields: &[(&str, Value)]) {
    let Some(object) = object.as_object_mut() else { return };
    for (name, value) in fields {
        object.entry(*name).or_insert_with(|| value.clone());
    }
}

/// The settings of a container that an image's configuration once had, all unset.
fn unset() -> Map<String, Value> {
    let mut fields = Map::new();
    for name in ["Hostname", "Domainname", "Image"] {
        fields.insert(name.to_owned(), json!(""));
    }
    for name in ["AttachStdin", "AttachStdout", "AttachStderr", "Tty", "OpenStdin", "StdinOnce"] {
        fields.insert(name.to_owned(), json!(false));
    }
    fields
}

/// The version whose answers a client understands. Compose 1.29 asks for the newest and then reads `ContainerConfig` of
/// every image that it makes a container again from, which went with 1.45.
pub(crate) fn understood(version: Version, user_agent: &str) -> Version {
    if user_agent.starts_with("docker-compose/1.") { version.min(Version::minor(44)) } else { version }
}

/// `GET /images/{name}/json`.
pub(crate) fn image(image: &api::image::InspectResponse, version: Version) -> Result<Value> {
    let mut image = value(image)?;
    if version < Version::minor(50)
        && let Some(config) = image.get_mut("Config").and_then(Value::as_object_mut)
    {
        config.extend(unset());
    }
    if version < Version::minor(45) {
        let mut config = Value::Object(unset());
        let empty =
            [("User", json!("")), ("WorkingDir", json!("")), ("Env", Value::Null), ("Cmd", Value::Null)];
        add(&mut config, &empty);
        for name in ["Volumes", "Entrypoint", "OnBuild", "Labels"] {
            add(&mut config, &[(name, Value::Null)]);
        }
        add(&mut image, &[("ContainerConfig", config)]);
    }
    Ok(image)
}

/// `GET /info`.
pub(crate) fn info(info: &api::system::Info, version: Version) -> Result<Value> {
    let mut info = value(info)?;
    if version < Version::minor(50) {
        add(&mut info, &[("BridgeNfIptables", json!(false)), ("BridgeNfIp6tables", json!(false))]);
    }
    if version < Version::minor(49)
        && let Some(info) = info.as_object_mut()
    {
        info.remove("FirewallBackend");
        if let Some(commit) = info.get_mut("RuncCommit") {
            let id = commit["ID"].clone();
            add(commit, &[("Expected", id)]);
        }
    }
    if version < Version::minor(47)
        && let Some(registries) = info.get_mut("RegistryConfig")
    {
        let names = ["AllowNondistributableArtifactsCIDRs", "AllowNondistributableArtifactsHostnames"];
        add(registries, &names.map(|name| (name, Value::Null)));
    }
    if version < Version::minor(44)
        && let Some(runtimes) = info.get_mut("Runtimes").and_then(Value::as_object_mut)
    {
        runtimes.values_mut().filter_map(Value::as_object_mut).for_each(|one| drop(one.remove("status")));
    }
    if version < Version::minor(42) {
        add(&mut info, &[("KernelMemory", json!(true))]);
    }
    if version < Version::minor(25)
        && let Some(options) = info.get_mut("SecurityOptions").and_then(Value::as_array_mut)
    {
        for option in options {
            let name = option.as_str().and_then(|text| text.strip_prefix("name=")?.split(',').next());
            *option = json!(name.unwrap_or_default());
        }
    }
    Ok(info)
}

/// What a create request of an old client means today: what its version did not know is ignored, or refused where ignoring
/// it would be another thing than was asked for.
///
/// # Errors
/// InvalidParameter, in Docker's words.
pub(crate) fn create(request: &mut CreateRequest, version: Version) -> Result<()> {
    let before = |minor| version < Version::minor(minor);
    if let Some(host) = &mut request.host_config {
        // It removes its containers itself, and it expects that others may join its IPC namespace.
        if before(25) {
            host.auto_remove = false;
        }
        if before(40) && host.ipc_mode.is_empty() {
            host.ipc_mode = "shareable".to_owned();
        }
        if before(42) {
            host.console_size = [0, 0];
        }
        if before(43) {
            host.annotations.clear();
        }
        host.mounts.iter_mut().flatten().try_for_each(|one| mount(one, version))?;
    }
    if before(44) {
        if let Some(health) = &mut request.config.healthcheck {
            health.start_interval = 0;
        }
        if let Some(networking) = &mut request.networking_config {
            one_network(networking)?;
        }
    }
    Ok(())
}

fn mount(mount: &mut Mount, version: Version) -> Result<()> {
    let before = |minor| version < Version::minor(minor);
    if let Some(bind) = &mut mount.bind_options {
        bind.non_recursive &= !before(40);
        bind.create_mountpoint &= !before(42);
        if before(44) && bind.read_only_force_recursive {
            return Err(invalid("BindOptions.ReadOnlyForceRecursive needs API v1.44 or newer"));
        }
        // What is mounted below was left as it was.
        bind.read_only_non_recursive |= before(44) && mount.read_only;
    }
    if before(45) && mount.volume_options.as_ref().is_some_and(|volume| !volume.subpath.is_empty()) {
        return Err(invalid("VolumeOptions.Subpath needs API v1.45 or newer"));
    }
    if before(48) && mount.r#type == "image" {
        return Err(invalid("Mount type \"Image\" needs API v1.48 or newer"));
    }
    Ok(())
}

/// Before 1.44 a container began in one network, and its address on the link layer was the container's own.
fn one_network(networking: &mut NetworkingConfig) -> Result<()> {
    let endpoints = &mut networking.endpoints_config;
    if endpoints.len() > 1 {
        let names: Vec<&str> = endpoints.keys().map(String::as_str).collect();
        let names = names.join(", ");
        return Err(invalid(format!("Container cannot be created with multiple network endpoints: {names}")));
    }
    endpoints.values_mut().flatten().for_each(|endpoint| endpoint.mac_address.clear());
    Ok(())
}

/// `GET /containers/{id}/json`. Before 1.45 a container's own names in a network were told as aliases; Compose 1.29 looks for
/// its ID there.
pub(crate) fn inspect(container: &mut InspectResponse, version: Version) {
    const SHORT: usize = 12;
    if version >= Version::minor(45) {
        return;
    }
    let own = [container.id.get(..SHORT).unwrap_or_default(), container.config.hostname.as_str()];
    for (name, endpoint) in &mut container.network_settings.networks {
        if matches!(name.as_str(), "bridge" | "host" | "none") {
            continue;
        }
        let aliases = endpoint.aliases.get_or_insert_default();
        for name in own {
            if !aliases.iter().any(|have| have == name) {
                aliases.push(name.to_owned());
            }
        }
    }
}

/// `GET /images/json`.
pub(crate) fn images(images: &[api::image::Summary], version: Version) -> Result<Value> {
    let mut list = value(&images)?;
    if version < Version::minor(43) {
        for image in list.as_array_mut().into_iter().flatten() {
            let names = [("RepoTags", "<none>:<none>"), ("RepoDigests", "<none>@<none>")];
            let empty = names.map(|(name, _)| image[name].as_array().is_none_or(Vec::is_empty));
            for ((name, none), _) in names.into_iter().zip(empty).filter(|(_, empty)| *empty) {
                image[name] = if empty == [true; 2] { json!([none]) } else { Value::Null };
            }
        }
    }
    Ok(list)
}

/// `GET /containers/json`.
pub(crate) fn containers(list: &mut [api::container::Summary], version: Version) {
    if version < Version::minor(46) {
        list.iter_mut().for_each(|container| container.host_config.annotations = Default::default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compose_finds_the_container_config_of_an_image() {
        let sent = api::image::InspectResponse { config: Some(Default::default()), ..Default::default() };
        let old = image(&sent, Version::minor(41)).unwrap();
        assert_eq!(old["ContainerConfig"]["Volumes"], Value::Null);
        assert_eq!((&old["ContainerConfig"]["Tty"], &old["Config"]["Tty"]), (&json!(false), &json!(false)));
        let newest = Version::minor(51);
        assert_eq!(understood(newest, "docker-compose/1.29.2 docker-py/5.0.3"), Version::minor(44));
        assert_eq!(understood(newest, "compose/2.40"), newest);
        let new = image(&sent, Version::minor(50)).unwrap();
        assert_eq!((&new["ContainerConfig"], &new["Config"]["Tty"]), (&Value::Null, &Value::Null));
    }

    #[test]
    fn info_of_old_has_names_without_options() {
        let sent = api::system::Info {
            security_options: vec!["name=seccomp,profile=builtin".to_owned(), "name=cgroupns".to_owned()],
            ..Default::default()
        };
        assert_eq!(
            info(&sent, Version::minor(24)).unwrap()["SecurityOptions"],
            json!(["seccomp", "cgroupns"])
        );
        assert_eq!(info(&sent, Version::minor(41)).unwrap()["KernelMemory"], json!(true));
        assert_eq!(info(&sent, Version::minor(51)).unwrap().get("BridgeNfIptables"), None);
        let sent =
            api::system::Info { firewall_backend: Some(Default::default()), ..api::system::Info::default() };
        let has = |minor| info(&sent, Version::minor(minor)).unwrap().get("FirewallBackend").is_some();
        assert_eq!((has(48), has(49)), (false, true));
    }

    #[test]
    fn read_only_was_not_recursive() {
        for (minor, options, expected) in [
            (43, Some(Default::default()), Some(true)),
            (44, Some(Default::default()), Some(false)),
            (43, None, None),
        ] {
            let asked = Mount { read_only: true, bind_options: options, ..Mount::default() };
            let host = api::container::HostConfig { mounts: Some(vec![asked]), ..Default::default() };
            let mut meant = CreateRequest { host_config: Some(host), ..Default::default() };
            create(&mut meant, Version::minor(minor)).unwrap();
            let mount = &meant.host_config.unwrap().mounts.unwrap()[0];
            let shown = mount.bind_options.as_ref().map(|bind| bind.read_only_non_recursive);
            assert_eq!(shown, expected, "1.{minor}");
        }
    }

    #[test]
    fn old_clients_remove_their_containers_themselves() {
        let asked = api::container::HostConfig { auto_remove: true, ..Default::default() };
        for (minor, removes, ipc) in [(24, false, "shareable"), (39, true, "shareable"), (40, true, "")] {
            let mut meant = CreateRequest { host_config: Some(asked.clone()), ..Default::default() };
            create(&mut meant, Version::minor(minor)).unwrap();
            let meant = meant.host_config.unwrap();
            assert_eq!((meant.auto_remove, meant.ipc_mode.as_str()), (removes, ipc), "1.{minor}");
        }
    }
}
