//! `HEAD`, `GET` and `PUT /containers/ID/archive`: files in and out of a container.

use std::io::Read;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use errdefs::{Context, Result, system};

use super::path;
use crate::http::{Body, Head};
use crate::request::Request;
use crate::{Client, Query};

/// How files are put into a container.
#[derive(Debug, Clone, Copy, Default)]
pub struct CopyTo {
    /// A directory may take the place of a file and the reverse.
    pub overwrite_dir_with_file: bool,
    /// Keep the owners of the archive rather than give all to the container's user.
    pub copy_uid_gid: bool,
}

impl Client {
    /// What is at `file` in the container.
    ///
    /// # Errors
    /// `NotFound` if the container or the file does not exist.
    pub fn container_stat_path(&self, id: &str, file: &str) -> Result<api::container::PathStat> {
        let query = Query::new().with("path", file);
        let (head, _) =
            self.send(Request::new("HEAD", path(id, "/archive")).query(query)).map_err(|error| {
                // An answer to HEAD has no body to say what is missing.
                match error.class() {
                    errdefs::Class::NotFound => {
                        errdefs::not_found(format!("Could not find the file {file} in container {id}"))
                    }
                    _ => error,
                }
            })?;
        path_stat(&head)
    }

    /// A tar stream of `file` in the container, and what it is.
    ///
    /// # Errors
    /// `NotFound` if the container or the file does not exist.
    pub fn container_copy_from(&self, id: &str, file: &str) -> Result<(Body, api::container::PathStat)> {
        let query = Query::new().with("path", file);
        let (head, body) = self.send(Request::get(path(id, "/archive")).query(query))?;
        Ok((body, path_stat(&head)?))
    }

    /// Unpacks a tar stream in the directory `directory` of the container.
    ///
    /// # Errors
    /// If the directory does not exist or cannot be written.
    pub fn container_copy_to(
        &self,
        id: &str,
        directory: &str,
        tar: &mut dyn Read,
        options: CopyTo,
    ) -> Result<()> {
        let query = Query::new()
            .with("path", directory)
            .with("noOverwriteDirNonDir", if options.overwrite_dir_with_file { "false" } else { "true" })
            .maybe("copyUIDGID", if options.copy_uid_gid { "true" } else { "" });
        self.run(Request::new("PUT", path(id, "/archive")).query(query).stream(tar, "application/x-tar"))
    }
}

fn path_stat(head: &Head) -> Result<api::container::PathStat> {
    let encoded = head
        .field("x-docker-container-path-stat")
        .ok_or_else(|| system("unable to retrieve stat information: header missing"))?;
    let json = STANDARD.decode(encoded).context(|| "decode path stat")?;
    serde_json::from_slice(&json).context(|| "decode path stat")
}
