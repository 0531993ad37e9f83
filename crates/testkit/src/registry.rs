//! A real registry on a sandbox's loopback: Debian's `docker-registry`, filled with fixture images by `skopeo`.

use std::io::Write;
use std::path::Path;
use std::process::{Child, Stdio};

use crate::{Output, Sandbox, fixture, wait};

/// A running registry that serves `library/IMAGE:latest` of the fixtures it was given. It ends with the value.
pub struct Registry {
    server: Child,
    address: String,
    _dir: tempfile::TempDir,
}

impl Registry {
    /// Starts one at `127.0.0.1:port` inside `sandbox` and fills it with `images`.
    ///
    /// # Panics
    /// If the programs are missing or the registry does not come up.
    pub fn start(sandbox: &Sandbox, port: u16, images: &[&str]) -> Self {
        let dir = tempfile::tempdir().expect("a directory for the registry");
        let address = format!("127.0.0.1:{port}");
        let config = dir.path().join("config.yml");
        write_config(&config, dir.path(), &address);
        let server = sandbox
            .command("docker-registry", [Path::new("serve"), &config])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("start docker-registry");
        let registry = Self { server, address, _dir: dir };
        sandbox.on_network(|| {
            wait::until_true("the registry listens", || {
                std::net::TcpStream::connect(&registry.address).is_ok()
            });
        });
        for image in images {
            registry.push(sandbox, &fixture::archive(image), &format!("library/{image}:latest"));
        }
        registry
    }

    /// `127.0.0.1:port`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Pushes an image archive under a name.
    pub fn push(&self, sandbox: &Sandbox, archive: &Path, name: &str) {
        let source = format!("oci-archive:{}:latest", archive.display());
        let target = format!("docker://{}/{name}", self.address);
        let args =
            ["copy", "--insecure-policy", "--dest-tls-verify=false", "--preserve-digests", &source, &target];
        Output::of(&mut sandbox.command("skopeo", args)).ok();
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

fn write_config(path: &Path, root: &Path, address: &str) {
    let mut file = std::fs::File::create(path).expect("the registry's configuration");
    write!(
        file,
        "version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {}}}, delete: {{enabled: true}}}}\nhttp: {{addr: \"{address}\"}}\n",
        root.join("data").display()
    )
    .expect("write the registry's configuration");
}
