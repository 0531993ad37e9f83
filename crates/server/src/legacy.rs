//! What older clients find in answers, or do not, by the API version that they speak. The engine knows only the newest
//! form; here fields are added and taken away again, as Docker 28 does it.

use api::container::HostConfig;
use api::version::Version;
use errdefs::Result;
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
    }
    if version < Version::minor(47)
        && let Some(registries) = info.get_mut("RegistryConfig")
    {
        let names = ["AllowNondistributableArtifactsCIDRs", "AllowNondistributableArtifactsHostnames"];
        add(registries, &names.map(|name| (name, Value::Null)));
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

/// What a create request of an old client means today: it removes its containers itself, and it expects that others may
/// join its IPC namespace.
pub(crate) fn host(host: &mut HostConfig, version: Version) {
    if version < Version::minor(25) {
        host.auto_remove = false;
    }
    if version < Version::minor(40) && host.ipc_mode.is_empty() {
        host.ipc_mode = "shareable".to_owned();
    }
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
    fn old_clients_remove_their_containers_themselves() {
        let asked = HostConfig { auto_remove: true, ..HostConfig::default() };
        for (minor, removes, ipc) in [(24, false, "shareable"), (39, true, "shareable"), (40, true, "")] {
            let mut meant = asked.clone();
            host(&mut meant, Version::minor(minor));
            assert_eq!((meant.auto_remove, meant.ipc_mode.as_str()), (removes, ipc), "1.{minor}");
        }
    }
}
