//! Extra processes in a running container.
#![expect(missing_docs, reason = "the fields are the swagger's, each documented there under its wire name")]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::wire::{empty, wire};

wire! { "PascalCase";
    /// Body of `POST /containers/{id}/exec`.
    CreateRequest {
        user: String,
        privileged: bool,
        tty: bool,
        #[serde(skip_serializing_if = "empty")] console_size: Option<[u32; 2]>,
        attach_stdin: bool,
        attach_stderr: bool,
        attach_stdout: bool,
        detach_keys: String,
        env: Option<Vec<String>>,
        working_dir: String,
        cmd: Option<Vec<String>>,
    }
    /// Answer of `POST /containers/{id}/exec`.
    CreateResponse {
        id: String,
    }
    /// Body of `POST /exec/{id}/start`; `ConsoleSize` is height, width.
    StartRequest {
        detach: bool,
        tty: bool,
        #[serde(skip_serializing_if = "empty")] console_size: Option<[u32; 2]>,
    }
    /// Answer of `GET /exec/{id}/json`; `ExitCode` is `null` until the process has ended.
    InspectResponse {
        #[serde(rename = "ID")] id: String,
        running: bool,
        exit_code: Option<i64>,
        process_config: ProcessConfig,
        open_stdin: bool,
        open_stderr: bool,
        open_stdout: bool,
        can_remove: bool,
        #[serde(rename = "ContainerID")] container_id: String,
        detach_keys: String,
        pid: i64,
    }
}

wire! { "camelCase";
    ProcessConfig {
        tty: bool,
        entrypoint: String,
        arguments: Vec<String>,
        #[serde(skip_serializing_if = "empty")] privileged: Option<bool>,
        #[serde(skip_serializing_if = "empty")] user: String,
    }
}

impl InspectResponse {
    /// Says which bytes of its input detach a client: they are bytes to Go, which writes those in base64.
    pub fn set_detach_keys(&mut self, keys: &[u8]) {
        self.detach_keys = STANDARD.encode(keys);
    }
}
