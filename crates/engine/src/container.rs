//! Containers: the handle, and what its methods take and give.
//!
//! Each verb has its file below `container/`. A container is found by full ID, exact name or unique ID prefix; every
//! method that takes a `reference` fails with NotFound (`No such container: x`) or, for an ambiguous prefix, with
//! InvalidParameter.

use std::io::{Read, Write};
use std::os::fd::OwnedFd;

use api::container::{
    Change, CreateRequest, CreateResponse, InspectResponse, PathStat, PruneReport, Stats, Summary,
    TopResponse, UpdateRequest, UpdateResponse, WaitResponse,
};
use api::filters::Filters;
use api::network::EndpointSettings;
use bytes::Bytes;
use errdefs::Result;
use tokio::sync::mpsc;

mod env;
mod merge;
mod mountpoint;
mod names;
mod policy;
mod record;
mod registry;
mod spec;
mod state;

/// All containers of this daemon. Clones share everything.
#[derive(Clone)]
pub struct Containers {}

/// What `POST /containers/create` has outside its body.
#[derive(Debug, Clone, Default)]
pub struct CreateOptions {
    /// The name; made up if empty.
    pub name: String,
    /// `os[/arch[/variant]]`; empty for the host's.
    pub platform: String,
    /// The body.
    pub request: CreateRequest,
}

/// What `stop` and `restart` take.
#[derive(Debug, Clone, Default)]
pub struct StopOptions {
    /// The signal; the container's own stop signal if `None`.
    pub signal: Option<String>,
    /// Seconds until it is killed, -1 for never; the container's own timeout if `None`.
    pub timeout: Option<i64>,
}

/// What `DELETE /containers/{id}` takes.
#[derive(Debug, Clone, Copy, Default)]
pub struct RemoveOptions {
    /// Remove its anonymous volumes too.
    pub volumes: bool,
    /// Kill it first if it runs.
    pub force: bool,
    /// Remove the link of that name, not the container.
    pub link: bool,
}

/// What `GET /containers/json` takes.
#[derive(Debug, Clone, Default)]
pub struct ListOptions {
    /// Also those that do not run.
    pub all: bool,
    /// At most so many, the newest; implies `all`.
    pub limit: Option<usize>,
    /// Count the bytes of files.
    pub size: bool,
    /// Validated by `list` itself.
    pub filters: Filters,
}

/// When `wait` answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WaitCondition {
    /// It does not run; at once if it does not run now.
    #[default]
    NotRunning,
    /// It exits the next time.
    NextExit,
    /// It is gone.
    Removed,
}

/// A registered wait: no exit after its making is missed, so answer the headers and then [`Waiter::finish`].
pub struct Waiter {}

impl Waiter {
    /// The exit code, when the condition has come true.
    pub async fn finish(self) -> WaitResponse {
        todo!("wait")
    }
}

/// What `attach` takes. Detach keys are the API's text, empty for the default.
#[derive(Debug, Clone, Default)]
pub struct AttachOptions {
    /// Replay the log first.
    pub logs: bool,
    /// Go on with what comes.
    pub stream: bool,
    /// Input goes to the container.
    pub stdin: bool,
    /// Its output comes out.
    pub stdout: bool,
    /// Its error output comes out.
    pub stderr: bool,
    /// Keys that end the session (TTY only).
    pub detach_keys: String,
    /// Never put frames around the output (`attach/ws`).
    pub raw: bool,
}

/// A checked attach: answer the hijack's headers, then hand the connection over by [`Attach::connect`].
pub struct Attach {}

impl Attach {
    /// The container has a terminal: the stream is raw.
    pub fn tty(&self) -> bool {
        todo!("attach")
    }

    /// Hands the client's connection over; from here on the container's shim serves it. `initial` are bytes that were
    /// read from it already. Blocks while a log is replayed, not longer. Failures are written into the stream.
    pub fn connect(self, _stream: OwnedFd, _initial: Vec<u8>) {
        todo!("attach")
    }
}

/// What `logs` takes. Times are seconds and nanoseconds since the epoch.
#[derive(Debug, Clone, Default)]
pub struct LogsOptions {
    /// Go on with what comes.
    pub follow: bool,
    /// Output.
    pub stdout: bool,
    /// Error output.
    pub stderr: bool,
    /// Nothing older.
    pub since: Option<jiff::Timestamp>,
    /// Nothing newer.
    pub until: Option<jiff::Timestamp>,
    /// Put the time before each line.
    pub timestamps: bool,
    /// Only so many lines from the end; all if `None`.
    pub tail: Option<u64>,
    /// Put the log's attributes before each line.
    pub details: bool,
}

/// A log on its way: pieces of bytes, framed already unless there is a terminal. Dropping the receiver ends it.
pub struct LogStream {
    /// The container has a terminal: the stream is raw.
    pub tty: bool,
    /// The pieces. An error ends the stream.
    pub pieces: mpsc::Receiver<Result<Bytes>>,
}

/// A tree of files of a container, to be written as a tar stream.
pub struct Archive {}

impl Archive {
    /// What the path leads to, for the response's header.
    pub fn stat(&self) -> &PathStat {
        todo!("copy")
    }

    /// Writes the tar stream.
    ///
    /// # Errors
    /// If reading the files or writing fails.
    pub fn write(self, _out: &mut dyn Write) -> Result<()> {
        todo!("copy")
    }
}

/// What `PUT /containers/{id}/archive` takes.
#[derive(Debug, Clone, Copy, Default)]
pub struct PutOptions {
    /// Refuse to replace a directory by something else and the reverse.
    pub no_overwrite_dir_non_dir: bool,
    /// Give the files to the container's user.
    pub copy_uid_gid: bool,
}

/// What `POST /commit` takes.
#[derive(Debug, Clone, Default)]
pub struct CommitOptions {
    /// The container.
    pub container: String,
    /// Name for the image; empty for none.
    pub repo: String,
    /// Its tag; empty means latest.
    pub tag: String,
    /// For the image's history.
    pub comment: String,
    /// For the image's history.
    pub author: String,
    /// Freeze the container meanwhile.
    pub pause: bool,
    /// Dockerfile lines, one instruction each.
    pub changes: Vec<String>,
    /// Laid over the container's config.
    pub config: Option<api::container::Config>,
}

/// How many containers there are, for `info`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// All of them.
    pub all: usize,
    /// Docker's "running", without the paused.
    pub running: usize,
    /// Frozen ones.
    pub paused: usize,
    /// The rest.
    pub stopped: usize,
}

#[expect(unused_variables, reason = "the interface is landed before its bodies")]
impl Containers {
    /// Makes a container.
    ///
    /// # Errors
    /// InvalidParameter for settings that make no sense; NotFound `No such image: x`; Conflict for a taken name.
    pub fn create(&self, options: CreateOptions) -> Result<CreateResponse> {
        todo!("create")
    }

    /// Starts it.
    ///
    /// # Errors
    /// NotModified if it runs already; what hinders the start otherwise, in Docker's words.
    pub fn start(&self, reference: &str) -> Result<()> {
        todo!("start")
    }

    /// Stops it; blocks until it has stopped.
    ///
    /// # Errors
    /// NotModified if it does not run.
    pub fn stop(&self, reference: &str, options: &StopOptions) -> Result<()> {
        todo!("stop")
    }

    /// Stops it if it runs, and starts it.
    ///
    /// # Errors
    /// As `stop` and `start`, but for NotModified.
    pub fn restart(&self, reference: &str, options: &StopOptions) -> Result<()> {
        todo!("restart")
    }

    /// Sends a signal, a name or a number; empty means KILL. KILL blocks until the container has exited.
    ///
    /// # Errors
    /// Conflict if it does not run; InvalidParameter `Invalid signal: x`.
    pub fn kill(&self, reference: &str, signal: &str) -> Result<()> {
        todo!("kill")
    }

    /// Freezes its processes.
    ///
    /// # Errors
    /// Conflict if it does not run or is paused.
    pub fn pause(&self, reference: &str) -> Result<()> {
        todo!("pause")
    }

    /// Thaws its processes.
    ///
    /// # Errors
    /// Conflict if it is not paused.
    pub fn unpause(&self, reference: &str) -> Result<()> {
        todo!("unpause")
    }

    /// Gives it another name.
    ///
    /// # Errors
    /// InvalidParameter for a wrong name or its own; Conflict for a taken one.
    pub fn rename(&self, reference: &str, name: &str) -> Result<()> {
        todo!("rename")
    }

    /// Removes it; when this returns it is gone for every observer.
    ///
    /// # Errors
    /// Conflict if it runs (without force) or is being removed.
    pub fn remove(&self, reference: &str, options: RemoveOptions) -> Result<()> {
        todo!("remove")
    }

    /// Registers a wait.
    ///
    /// # Errors
    /// NotFound.
    pub fn wait(&self, reference: &str, condition: WaitCondition) -> Result<Waiter> {
        todo!("wait")
    }

    /// Sets the size of its terminal.
    ///
    /// # Errors
    /// Conflict if it does not run.
    pub fn resize(&self, reference: &str, height: u32, width: u32) -> Result<()> {
        todo!("resize")
    }

    /// Changes limits and restart policy.
    ///
    /// # Errors
    /// InvalidParameter for nonsense; Conflict in states that do not allow it.
    pub fn update(&self, reference: &str, request: UpdateRequest) -> Result<UpdateResponse> {
        todo!("update")
    }

    /// Everything about one container. From memory.
    ///
    /// # Errors
    /// NotFound.
    pub fn inspect(&self, reference: &str, size: bool) -> Result<InspectResponse> {
        todo!("inspect")
    }

    /// The containers that match, newest first. From memory.
    ///
    /// # Errors
    /// InvalidParameter for unknown filters.
    pub fn list(&self, options: &ListOptions) -> Result<Vec<Summary>> {
        todo!("list")
    }

    /// How many there are. From memory.
    pub fn counts(&self) -> Counts {
        todo!("counts")
    }

    /// Checks an attach.
    ///
    /// # Errors
    /// Conflict if it is paused or restarting.
    pub fn attach(&self, reference: &str, options: AttachOptions) -> Result<Attach> {
        todo!("attach")
    }

    /// Reads its log.
    ///
    /// # Errors
    /// InvalidParameter if neither stream is wanted; NotImplemented if its log driver cannot read.
    pub fn logs(&self, reference: &str, options: LogsOptions) -> Result<LogStream> {
        todo!("logs")
    }

    /// The processes in it, as `ps` with `args` shows them; empty means `-ef`.
    ///
    /// # Errors
    /// Conflict if it does not run.
    pub fn top(&self, reference: &str, args: &str) -> Result<TopResponse> {
        todo!("top")
    }

    /// Its counters: with `stream` each second until the receiver is dropped, else once; `one_shot` leaves out the
    /// first sample of two.
    ///
    /// # Errors
    /// NotFound.
    pub fn stats(&self, reference: &str, stream: bool, one_shot: bool) -> Result<mpsc::Receiver<Stats>> {
        todo!("stats")
    }

    /// What a path in it leads to.
    ///
    /// # Errors
    /// NotFound `Could not find the file x in container y`.
    pub fn archive_stat(&self, reference: &str, path: &str) -> Result<PathStat> {
        todo!("copy")
    }

    /// Opens a path in it for reading as a tar stream.
    ///
    /// # Errors
    /// NotFound `Could not find the file x in container y`.
    pub fn archive_get(&self, reference: &str, path: &str) -> Result<Archive> {
        todo!("copy")
    }

    /// Unpacks a tar stream (plain, gzip, zstd...) into a directory of it.
    ///
    /// # Errors
    /// NotFound; InvalidParameter if it is no directory; Forbidden if it is read-only.
    pub fn archive_put(
        &self,
        reference: &str,
        path: &str,
        options: PutOptions,
        tar: &mut dyn Read,
    ) -> Result<()> {
        todo!("copy")
    }

    /// Writes all of its files, without volumes, as a tar stream.
    ///
    /// # Errors
    /// If reading the files or writing fails.
    pub fn export(&self, reference: &str, out: &mut dyn Write) -> Result<()> {
        todo!("export")
    }

    /// What differs from its image.
    ///
    /// # Errors
    /// If its files cannot be read.
    pub fn changes(&self, reference: &str) -> Result<Vec<Change>> {
        todo!("changes")
    }

    /// Makes an image of it; gives the image's ID.
    ///
    /// # Errors
    /// InvalidParameter for changes that are not understood.
    pub fn commit(&self, options: CommitOptions) -> Result<String> {
        todo!("commit")
    }

    /// Removes all that do not run and match.
    ///
    /// # Errors
    /// InvalidParameter for unknown filters; Conflict if another prune runs.
    pub fn prune(&self, filters: &Filters) -> Result<PruneReport> {
        todo!("prune")
    }

    /// Puts it into one more network, at once if it runs.
    ///
    /// # Errors
    /// NotFound for the network; Forbidden or InvalidParameter where networks cannot be combined.
    pub fn connect(&self, reference: &str, network: &str, settings: EndpointSettings) -> Result<()> {
        todo!("connect")
    }

    /// Takes it out of a network, at once if it runs.
    ///
    /// # Errors
    /// NotFound; Forbidden if it is not in it.
    pub fn disconnect(&self, reference: &str, network: &str, force: bool) -> Result<()> {
        todo!("disconnect")
    }

    /// The containers (IDs) that have the volume, running or not: it cannot be removed while there are any.
    pub fn volume_users(&self, volume: &str) -> Vec<String> {
        todo!("users")
    }

    /// The containers of an image (by its full ID): ID and whether it runs.
    pub fn image_users(&self, image: &str) -> Vec<(String, bool)> {
        todo!("users")
    }

    /// Takes back what lives, finishes what was begun, and starts what its restart policy wants. Once, at daemon start.
    ///
    /// # Errors
    /// If the records cannot be read.
    pub fn restore(&self) -> Result<()> {
        todo!("restore")
    }

    /// Stops the engine's own work for these containers (timers, probes). The containers live on.
    pub fn shutdown(&self) {
        todo!("shutdown")
    }
}
