//! The `fluentd` driver: the forward protocol's message mode, in MessagePack.

use std::io;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use errdefs::{Result, invalid};
use logs::config::{Options, size};

use crate::address::{self, Address, host_port};
use crate::batch::{Batch, Message};
use crate::job::Subject;
use crate::link::Link;
use crate::options::{duration, flag, known};
use crate::syslog::tls_link;
use crate::tls::TlsFiles;

const OPTIONS: [&str; 9] = [
    "fluentd-address",
    "fluentd-async",
    "fluentd-async-reconnect-interval",
    "fluentd-buffer-limit",
    "fluentd-max-retries",
    "fluentd-request-ack",
    "fluentd-retry-wait",
    "fluentd-sub-second-precision",
    "fluentd-write-timeout",
];
const HOST: &str = "127.0.0.1";
const PORT: &str = "24224";
/// What Docker allows for the interval of asynchronous reconnecting.
const INTERVAL: std::ops::RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(10);

/// The driver of one container.
#[derive(Debug)]
pub(crate) struct Fluentd {
    address: Address,
    /// The container starts although the receiver is not there.
    pub(crate) starts_alone: bool,
    /// Before the first new try to connect.
    pub(crate) pause: Duration,
    request_ack: bool,
    sub_second: bool,
    subject: Subject,
}

pub(crate) fn check(options: &Options) -> Result<()> {
    known("fluentd", &OPTIONS, options)?;
    let option = |key: &str| options.get(key).filter(|text| !text.is_empty());
    parse_address(options)?;
    for key in ["fluentd-async", "fluentd-request-ack", "fluentd-sub-second-precision"] {
        flag(options, key)?;
    }
    if let Some(text) = option("fluentd-buffer-limit") {
        size(text).ok_or_else(|| invalid(format!("invalid size: '{text}'")))?;
    }
    if let Some(text) = option("fluentd-retry-wait") {
        duration(text)?;
    }
    if let Some(text) = option("fluentd-max-retries") {
        text.parse::<u64>()
            .map_err(|_| invalid(format!("strconv.ParseUint: parsing \"{text}\": invalid syntax")))?;
    }
    if let Some(text) = option("fluentd-async-reconnect-interval") {
        let wrong = |why: &str| invalid(format!("invalid value for fluentd-async-reconnect-interval: {why}"));
        let interval = duration(text).map_err(|error| wrong(error.message()))?;
        if !interval.is_zero() && !INTERVAL.contains(&interval) {
            return Err(wrong(&format!("value ({text:?}) must be between 100ms and 10s")));
        }
    }
    if let Some(text) = option("fluentd-write-timeout") {
        duration(text).map_err(|error| {
            let why = error.message();
            invalid(format!("invalid value for fluentd-write-timeout: value must be a duration: {why}"))
        })?;
    }
    Ok(())
}

fn parse_address(options: &Options) -> Result<Address> {
    let Some(text) = options.get("fluentd-address").filter(|text| !text.is_empty()) else {
        return Ok(Address::Tcp(format!("{HOST}:{PORT}")));
    };
    let wrong = |why: &str| invalid(format!("invalid fluentd-address ({text}): {why}"));
    let (scheme, rest) = text.split_once("://").unwrap_or(("tcp", text));
    if scheme != "unix" {
        let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
        authority_problem(authority)
            .map_or(Ok(()), |why| Err(wrong(&format!("parse \"{scheme}://{rest}\": {why}"))))?;
    }
    let make = match scheme {
        "unix" if rest.trim_matches('/').is_empty() => return Err(wrong("path is empty")),
        "unix" => return Ok(Address::Unix(PathBuf::from(rest))),
        "tcp" => Address::Tcp,
        "tls" => Address::Tls,
        other => return Err(wrong(&format!("unsupported scheme: '{other}'"))),
    };
    if rest.contains('/') {
        return Err(wrong("should not contain a path element"));
    }
    let (host, port) = host_port(rest);
    let port = port.filter(|port| !port.is_empty()).unwrap_or(PORT);
    if port.parse::<u16>().is_err() {
        let digits = port.bytes().all(|byte| byte.is_ascii_digit());
        let why = if digits { "value out of range" } else { "invalid syntax" };
        return Err(wrong(&format!("invalid port: strconv.ParseUint: parsing \"{port}\": {why}")));
    }
    let host = if host.is_empty() { HOST } else { host };
    Ok(make(if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }))
}

/// What Go's `net/url` does not take in the place of a host and its port.
fn authority_problem(authority: &str) -> Option<String> {
    if let Some(bad) =
        authority.chars().find(|c| matches!(c, ' ' | '"' | '<' | '>' | '\\' | '^' | '`' | '{' | '|' | '}'))
    {
        return Some(format!("invalid character {:?} in host name", bad.to_string()));
    }
    let port = if authority.starts_with('[') {
        let Some((_, after)) = authority.rsplit_once(']') else {
            return Some("missing ']' in host".to_owned());
        };
        after
    } else {
        authority.rfind(':').map_or("", |at| &authority[at..])
    };
    let fits = port.is_empty()
        || port.strip_prefix(':').is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
    (!fits).then(|| format!("invalid port {port:?} after host"))
}

impl Fluentd {
    pub(crate) fn new(options: &Options, subject: Subject) -> Result<Self> {
        let address = parse_address(options)?;
        let pause = options.get("fluentd-retry-wait").filter(|text| !text.is_empty());
        Ok(Self {
            address,
            starts_alone: flag(options, "fluentd-async")?,
            pause: pause.map_or(Ok(Duration::from_secs(1)), |text| duration(text))?,
            request_ack: flag(options, "fluentd-request-ack")?,
            sub_second: flag(options, "fluentd-sub-second-precision")?,
            subject,
        })
    }

    pub(crate) fn encode(&self, message: &Message<'_>, batch: &mut Batch) {
        let subject = &self.subject;
        let partial = message.partial.map(|piece| {
            let id = Message::partial_id(&piece);
            [
                ("partial_message", "true".to_owned()),
                ("partial_id", id),
                ("partial_ordinal", piece.ordinal.to_string()),
                ("partial_last", piece.last.to_string()),
            ]
        });
        let out = &mut batch.bytes;
        out.push(0x94);
        text(out, subject.tag.as_bytes());
        self.time(out, message.time);
        map_of(out, 4 + subject.extra.len() + if partial.is_some() { 4 } else { 0 });
        for (key, value) in [
            ("container_id", subject.container_id.as_str()),
            ("container_name", &format!("/{}", subject.container_name)),
            ("source", message.stream.as_str()),
        ] {
            text(out, key.as_bytes());
            text(out, value.as_bytes());
        }
        text(out, b"log");
        text(out, message.line);
        for (key, value) in &subject.extra {
            text(out, key.as_bytes());
            text(out, value.as_bytes());
        }
        for (key, value) in partial.iter().flatten() {
            text(out, key.as_bytes());
            text(out, value.as_bytes());
        }
        let mut chunk = [0; 16];
        if self.request_ack && getrandom::fill(&mut chunk).is_ok() {
            let id: String = chunk.iter().map(|byte| format!("{byte:02x}")).collect();
            map_of(out, 1);
            text(out, b"chunk");
            text(out, id.as_bytes());
            batch.acks.push(id);
        } else {
            map_of(out, 0);
        }
    }

    /// Seconds, or the protocol's extension with nanoseconds.
    fn time(&self, out: &mut Vec<u8>, time: logs::Time) {
        let second = |n: i64| u32::try_from(n).unwrap_or(u32::MAX).to_be_bytes();
        let seconds = second(time.0.div_euclid(1_000_000_000));
        if self.sub_second {
            out.extend_from_slice(&[0xd7, 0x00]);
            out.extend_from_slice(&seconds);
            out.extend_from_slice(&second(time.0.rem_euclid(1_000_000_000)));
        } else {
            out.push(0xd2);
            out.extend_from_slice(&seconds);
        }
    }

    pub(crate) fn connect(&self) -> io::Result<Link> {
        let link = match &self.address {
            Address::Unix(path) => Link::Unix(
                UnixStream::connect(path)
                    .map_err(|error| address::dial("unix", &path.display().to_string(), &error))?,
            ),
            Address::Tls(to) => tls_link(to, &TlsFiles::default())?,
            Address::Tcp(to) | Address::Udp(to) => Link::Tcp(address::tcp(to)?),
            Address::UnixGram(_) => return Err(io::ErrorKind::Unsupported.into()),
        };
        link.ready()
    }
}

/// A MessagePack string, in its shortest form. Bytes that are not UTF-8 go as they are, as Docker sends them.
fn text(out: &mut Vec<u8>, bytes: &[u8]) {
    match bytes.len() {
        #[expect(clippy::cast_possible_truncation, reason = "below 32")]
        len @ 0..32 => out.push(0xa0 | len as u8),
        #[expect(clippy::cast_possible_truncation, reason = "below 256")]
        len @ 32..256 => out.extend_from_slice(&[0xd9, len as u8]),
        len => match u16::try_from(len) {
            Ok(len) => {
                out.push(0xda);
                out.extend_from_slice(&len.to_be_bytes());
            }
            Err(_) => {
                out.push(0xdb);
                out.extend_from_slice(&u32::try_from(len).unwrap_or(u32::MAX).to_be_bytes());
            }
        },
    }
    out.extend_from_slice(bytes);
}

/// The head of a MessagePack map.
fn map_of(out: &mut Vec<u8>, entries: usize) {
    #[expect(clippy::cast_possible_truncation, reason = "below 16")]
    if entries < 16 {
        out.push(0x80 | entries as u8);
    } else {
        out.push(0xde);
        out.extend_from_slice(&u16::try_from(entries).unwrap_or(u16::MAX).to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use logs::{Stream, Time};

    fn encoded(options: &[(&str, &str)]) -> Batch {
        let options = options.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let subject = Subject {
            container_id: "b0a5".into(),
            container_name: "gold".into(),
            tag: "b0a59d5a6a39".into(),
            extra: [("FOO", "bar")].map(|(k, v)| (k.to_owned(), v.to_owned())).into(),
            ..Subject::default()
        };
        let fluentd = Fluentd::new(&options, subject).unwrap();
        let mut batch = Batch::default();
        let time = Time(0x6b02_a85d * 1_000_000_000 + 0x0a13_6dcb);
        fluentd.encode(&Message { time, stream: Stream::Stderr, line: b"err", partial: None }, &mut batch);
        batch
    }

    /// Docker's own bytes, but for the order of the map, which is random there.
    #[test]
    fn writes_what_docker_writes() {
        let rest = b"\x85\xaccontainer_id\xa4b0a5\xaecontainer_name\xa5/gold\xa6source\xa6stderr\xa3log\xa3err\xa3FOO\xa3bar\x80";
        let plain = [&b"\x94\xacb0a59d5a6a39\xd2k\x02\xa8]"[..], rest].concat();
        assert_eq!(encoded(&[]).bytes, plain);
        let precise = [&b"\x94\xacb0a59d5a6a39\xd7\x00k\x02\xa8]\n\x13m\xcb"[..], rest].concat();
        assert_eq!(encoded(&[("fluentd-sub-second-precision", "true")]).bytes, precise);
        let asked = encoded(&[("fluentd-request-ack", "true")]);
        assert!(asked.acks.len() == 1 && asked.bytes.ends_with(asked.acks[0].as_bytes()));
    }

    #[test]
    fn addresses_have_dockers_defaults() {
        let parse =
            |text: &str| parse_address(&[("fluentd-address".to_owned(), text.to_owned())].into()).unwrap();
        assert_eq!(parse(""), Address::Tcp("127.0.0.1:24224".into()));
        assert_eq!(parse("h"), Address::Tcp("h:24224".into()));
        assert_eq!(parse("tls://h:5"), Address::Tls("h:5".into()));
        assert_eq!(parse("unix:///a/b"), Address::Unix("/a/b".into()));
    }
}
