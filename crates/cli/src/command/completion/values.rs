//! Values of flags as candidates: words that are always the same, and what the engine has.

use super::Candidate;
use super::objects::{self, Object};
use crate::cli::Cli;
use crate::failure::{Failure, Outcome};

const CAPABILITIES: &str = "ALL AUDIT_CONTROL AUDIT_READ AUDIT_WRITE BLOCK_SUSPEND BPF CHECKPOINT_RESTORE CHOWN \
    DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID IPC_LOCK IPC_OWNER KILL LEASE LINUX_IMMUTABLE MAC_ADMIN MAC_OVERRIDE MKNOD \
    NET_ADMIN NET_BIND_SERVICE NET_BROADCAST NET_RAW PERFMON SETFCAP SETGID SETPCAP SETUID SYSLOG SYS_ADMIN SYS_BOOT \
    SYS_CHROOT SYS_MODULE SYS_NICE SYS_PACCT SYS_PTRACE SYS_RAWIO SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG WAKE_ALARM";
const SIGNALS: &str = "ABRT ALRM BUS CHLD CONT FPE HUP ILL INT IO KILL PIPE PROF PWR QUIT SEGV STKFLT STOP SYS TERM TRAP TSTP \
    TTIN TTOU URG USR1 USR2 VTALRM WINCH XCPU XFSZ";
const LOG_OPTIONS: &str = "compress= env-regex= env= fluentd-address= fluentd-async= fluentd-request-ack= \
    fluentd-sub-second-precision= gelf-address= gelf-compression-level= gelf-compression-type= labels-regex= labels= \
    max-buffer-size= max-file= max-size= mode= syslog-address= syslog-facility= syslog-format= syslog-tls-ca-cert= \
    syslog-tls-cert= syslog-tls-key= syslog-tls-skip-verify= tag=";
const LIMITS: &str = "core= cpu= data= fsize= locks= memlock= msgqueue= nice= nofile= nproc= rss= rtprio= rttime= \
    sigpending= stack=";
const PLATFORMS: &str = "linux linux/386 linux/amd64 linux/arm linux/arm/v6 linux/arm/v7 linux/arm64 linux/ppc64le linux/riscv64 linux/s390x";
const SECURITY: &str = "apparmor= label= no-new-privileges seccomp= systempaths=unconfined writable-cgroups=";

/// The values of a flag of the command at `path`; of a global flag if the path is empty.
pub(super) fn of(cli: &Cli, path: &[&str], flag: &str, partial: &str) -> Outcome<Vec<Candidate>> {
    if flag == "filter"
        && let Some((key, _)) = partial.split_once('=')
    {
        return Ok(joined(&format!("{key}="), words(filter_values(path, key))));
    }
    let fixed = match flag {
        "pull" => "always missing never",
        "restart" => "always no on-failure unless-stopped",
        "cap-add" | "cap-drop" => CAPABILITIES,
        "signal" | "stop-signal" => SIGNALS,
        "platform" => PLATFORMS,
        "ulimit" => LIMITS,
        "security-opt" => SECURITY,
        "cgroupns" => "host private",
        "uts" | "userns" => "host",
        "gpus" => "all",
        "format" => "json table",
        "log-level" => "debug info warn error fatal",
        "type" => "config container image network node plugin secret service task volume",
        "scope" => "global local swarm",
        "attach" => "stderr stdin stdout",
        "storage-opt" if path.ends_with(&["run"]) || path.ends_with(&["create"]) => "size=",
        "log-opt" => LOG_OPTIONS,
        "filter" => filters(path),
        "driver" => drivers(path),
        _ => "",
    };
    if !fixed.is_empty() {
        return Ok(words(fixed));
    }
    match flag {
        "context" => objects::all(cli, Object::Context),
        "network" | "net" => {
            let containers = joined("container:", objects::all(cli, Object::RunningContainer)?);
            Ok([objects::all(cli, Object::Network)?, containers].concat())
        }
        "pid" | "ipc" => {
            let own = if flag == "pid" { "host" } else { "host none private shareable" };
            let containers = joined("container:", objects::all(cli, Object::RunningContainer)?);
            Ok([words(own), containers].concat())
        }
        "env" => Ok(crate::environment::names().into_iter().map(|name| (name, String::new())).collect()),
        "volumes-from" | "link" => objects::all(cli, Object::Container),
        "volume" => objects::all(cli, Object::Volume),
        "log-driver" | "volume-driver" | "runtime" => of_engine(cli, flag),
        _ => Ok(Vec::new()),
    }
}

fn words(text: &str) -> Vec<Candidate> {
    text.split_whitespace().map(|word| (word.to_owned(), String::new())).collect()
}

fn joined(prefix: &str, candidates: Vec<Candidate>) -> Vec<Candidate> {
    candidates.into_iter().map(|(value, about)| (format!("{prefix}{value}"), about)).collect()
}

/// What the engine says it can do.
fn of_engine(cli: &Cli, flag: &str) -> Outcome<Vec<Candidate>> {
    let info: api::system::Info = serde_json::from_slice(&cli.client()?.info_raw()?)
        .map_err(|error| Failure::new(error.to_string()))?;
    let names = match flag {
        "log-driver" => info.plugins.log.unwrap_or_default(),
        "volume-driver" => info.plugins.volume.unwrap_or_default(),
        _ => info.runtimes.into_keys().collect(),
    };
    Ok(names.into_iter().map(|name| (name, String::new())).collect())
}

/// The values of a key of `--filter`, where there are few.
fn filter_values(path: &[&str], key: &str) -> &'static str {
    let events = path.ends_with(&["events"]);
    match key {
        "status" => "created dead exited paused removing restarting running",
        "health" => "healthy none starting unhealthy",
        "is-task" | "dangling" | "all" => "false true",
        "type" if events => "builder config container daemon image network node plugin secret service volume",
        "type" => "builtin custom",
        "event" if events => {
            "attach commit connect copy create delete destroy detach die disconnect exec_create exec_detach exec_die \
             exec_start export health_status import kill load mount oom pause prune pull push reload rename resize restart save \
             start stop tag top unmount unpause untag update"
        }
        "scope" => "global local swarm",
        _ => "",
    }
}

/// The keys of `--filter`.
fn filters(path: &[&str]) -> &'static str {
    match path {
        ["ps"] | ["container", "ls"] => {
            "ancestor= before= exited= expose= health= id= is-task= label= name= network= publish= since= status= volume="
        }
        ["images"] | ["image", "ls"] => "before= dangling= label= reference= since= until=",
        ["network", "ls"] => "dangling= driver= id= label= name= scope= type=",
        ["volume", "ls"] => "dangling= driver= label= name=",
        ["volume", "prune"] => "all= label= label!=",
        [.., "prune"] => "label= label!= until=",
        [.., "events"] => "container= daemon= event= image= label= network= type= volume=",
        _ => "",
    }
}

fn drivers(path: &[&str]) -> &'static str {
    match path {
        ["network", ..] => "bridge host ipvlan macvlan none overlay",
        _ => "local",
    }
}
