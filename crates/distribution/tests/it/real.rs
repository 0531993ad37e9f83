//! Against Debian's `docker-registry`, with and without a password.

use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use distribution::{Auth, Form, Push, PushImage};
use oci::digest::Digest;
use oci::manifest::{Descriptor, media_type};
use oci::reference::Reference;

use super::support::{Bench, Fixture};

/// A running registry; it ends with the value.
struct Registry {
    server: Child,
    address: String,
    _dir: tempfile::TempDir,
}

impl Registry {
    /// `None` where the program is not installed.
    fn start(htpasswd: Option<&str>) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let address = format!("127.0.0.1:{port}");
        let root = dir.path().display();
        let auth = htpasswd.map(|line| {
            std::fs::write(dir.path().join("htpasswd"), line).unwrap();
            format!("auth: {{htpasswd: {{realm: test, path: {root}/htpasswd}}}}\n")
        });
        let config = format!(
            "version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {root}/data}}}}\n{}http: {{addr: \"{address}\"}}\n",
            auth.unwrap_or_default()
        );
        let path = dir.path().join("config.yml");
        std::fs::write(&path, config).unwrap();
        let mut command = Command::new("docker-registry");
        command.arg("serve").arg(&path).stdout(Stdio::null()).stderr(Stdio::null());
        let server = command.spawn().ok()?;
        let mut registry = Self { server, address, _dir: dir };
        // Each refused connection is an answer of the kernel's: the loop ends when the registry listens or is gone.
        while TcpStream::connect(&registry.address).is_err() {
            assert!(registry.server.try_wait().unwrap().is_none(), "docker-registry ended");
            std::thread::yield_now();
        }
        Some(registry)
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

struct Kept<'a>(&'a Fixture);

impl distribution::Source for Kept<'_> {
    fn form(&self, diff_id: &Digest) -> errdefs::Result<Form> {
        let index = self.0.diff_ids.iter().position(|known| known == diff_id).unwrap();
        Ok(Form::Compressed(Box::new(Descriptor::of(media_type::DOCKER_LAYER_GZIP, &self.0.layers[index]))))
    }
    fn compress(&self, diff_id: &Digest, _: &mut dyn std::io::Write) -> errdefs::Result<Descriptor> {
        unreachable!("{diff_id} is compressed")
    }
    fn repositories(&self, _: &Digest, _: &str) -> Vec<String> {
        vec!["first".into()]
    }
    fn sent(&self, _: &Digest, _: &Reference) {}
}

fn push_and_pull_back(registry: &Registry, auth: &Auth) {
    let fixture = Fixture::new(&[100, 3 << 20, 5000]);
    let sender = Bench::new();
    for blob in fixture.layers.iter().chain([&fixture.config]) {
        sender.content.put(blob).unwrap();
    }
    let image =
        PushImage { config: Digest::of(&fixture.config), diff_ids: &fixture.diff_ids, manifest: None };
    for repository in ["first", "second/deep"] {
        let name = format!("{}/{repository}:1", registry.address);
        let reference = Reference::parse(&name).unwrap();
        let push = Push { reference: &reference, auth };
        let pushed = sender
            .client
            .push(&push, &image, &sender.content, &Kept(&fixture), &sender, &sender.cancel)
            .unwrap();
        assert_eq!(pushed.manifest.digest, fixture.digest());
        let receiver = Bench::new();
        assert_eq!(receiver.pull_as(&name, auth).unwrap().digest, fixture.digest());
        let by_digest = format!("{}/{repository}@{}", registry.address, fixture.digest());
        assert_eq!(receiver.pull_as(&by_digest, auth).unwrap().digest, fixture.digest());
        let tags = receiver.client.tags(&reference, auth, &receiver.cancel).unwrap();
        assert_eq!(tags, ["1"]);
        let remote = receiver.client.inspect(&reference, auth, &receiver.cancel).unwrap();
        assert_eq!(remote.platforms[0].architecture, "amd64");
    }
    assert!(sender.texts().iter().any(|text| text.ends_with("Mounted from first")), "{:?}", sender.texts());
}

#[test]
fn a_real_registry_takes_and_gives_images() {
    let Some(registry) = Registry::start(None) else { return };
    push_and_pull_back(&registry, &Auth::anonymous());
    let name = format!("{}/nosuch", registry.address);
    let error = Bench::new().pull(&name).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("manifest for {name}:latest not found: manifest unknown: manifest unknown")
    );
}

#[test]
fn a_real_registry_with_a_password() {
    // user:pw
    let line = "user:$2b$05$abcdefghijklmnopqrstuuHIrMEWpUCQe2YqFR3sXwQ75u4od..9q\n";
    let Some(registry) = Registry::start(Some(line)) else { return };
    let auth = Auth { username: "user".into(), password: "pw".into(), ..Auth::default() };
    push_and_pull_back(&registry, &auth);
    let name = format!("{}/first:1", registry.address);
    let error = Bench::new().pull(&name).unwrap_err();
    assert!(error.to_string().ends_with("/v2/first/manifests/1\": no basic auth credentials"), "{error}");
    let wrong = Auth { password: "x".into(), ..auth.clone() };
    assert_eq!(Bench::new().pull_as(&name, &wrong).unwrap_err().class(), errdefs::Class::Unauthorized);
    let bench = Bench::new();
    assert_eq!(
        bench.client.login(&registry.address, &auth, &bench.cancel).unwrap().status,
        "Login Succeeded"
    );
    assert!(bench.client.login(&registry.address, &wrong, &bench.cancel).is_err());
}
