//! The `syslog` driver: RFC 3164 and 5424 messages over datagrams, streams and TLS, as Docker writes them.

use std::io;
use std::net::UdpSocket;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::PathBuf;

use errdefs::{Result, invalid};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use logs::config::Options;
use rustls::ClientConnection;

use crate::address::{self, Address, host_port};
use crate::batch::{Batch, Message};
use crate::job::Subject;
use crate::link::Link;
use crate::options::known;
use crate::tls::{self, TlsFiles};

const OPTIONS: [&str; 7] = [
    "syslog-address",
    "syslog-facility",
    "syslog-tls-ca-cert",
    "syslog-tls-cert",
    "syslog-tls-key",
    "syslog-tls-skip-verify",
    "syslog-format",
];
/// By number.
const FACILITIES: [&str; 24] = [
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp", "",
    "", "", "", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
];
/// The port without one.
const PORT: &str = "514";
/// Where this machine's own syslog listens.
const LOCAL: [&str; 3] = ["/dev/log", "/var/run/syslog", "/var/run/log"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    /// Time, tag, process: for a receiver on this machine; Docker's default everywhere.
    Unix,
    Rfc3164,
    Rfc5424 {
        micro: bool,
    },
}

/// The driver of one container.
#[derive(Debug)]
pub(crate) struct Syslog {
    /// `None`: this machine's.
    address: Option<Address>,
    facility: u8,
    format: Format,
    /// Messages are preceded by their length (RFC 5425).
    framed: bool,
    tls: TlsFiles,
    subject: Subject,
    zone: TimeZone,
    pid: u32,
}

pub(crate) fn check(options: &Options) -> Result<()> {
    known("syslog", &OPTIONS, options)?;
    parse_address(options)?;
    facility(options)?;
    format(options).map(drop)
}

fn parse_address(options: &Options) -> Result<Option<Address>> {
    let Some(text) = options.get("syslog-address").filter(|text| !text.is_empty()) else { return Ok(None) };
    let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
    let socket = |path: &str| {
        let path = PathBuf::from(path);
        match std::fs::metadata(&path) {
            Ok(_) => Ok(path),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(invalid(format!("stat {}: no such file or directory", path.display())))
            }
            Err(error) => Err(invalid(format!("stat {}: {error}", path.display()))),
        }
    };
    let with_port = |text: &str| match host_port(text) {
        (_, Some(_)) => text.to_owned(),
        (host, None) if host.contains(':') => format!("[{host}]:{PORT}"),
        (host, None) => format!("{host}:{PORT}"),
    };
    Ok(Some(match scheme {
        "unix" => Address::Unix(socket(rest)?),
        "unixgram" => Address::UnixGram(socket(rest)?),
        "tcp" => Address::Tcp(with_port(rest)),
        "tcp+tls" => Address::Tls(with_port(rest)),
        "udp" => Address::Udp(with_port(rest)),
        other => return Err(invalid(format!("unsupported scheme: '{other}'"))),
    }))
}

fn facility(options: &Options) -> Result<u8> {
    let Some(text) = options.get("syslog-facility").filter(|text| !text.is_empty()) else { return Ok(3) };
    let named = FACILITIES.iter().position(|name| *name == text);
    let numbered = || text.parse::<usize>().ok().filter(|number| *number < FACILITIES.len());
    let number = named.or_else(numbered).ok_or_else(|| invalid("invalid syslog facility"))?;
    Ok(u8::try_from(number).unwrap_or(0))
}

fn format(options: &Options) -> Result<Format> {
    match options.get("syslog-format").map_or("", String::as_str) {
        "" => Ok(Format::Unix),
        "rfc3164" => Ok(Format::Rfc3164),
        "rfc5424" => Ok(Format::Rfc5424 { micro: false }),
        "rfc5424micro" => Ok(Format::Rfc5424 { micro: true }),
        _ => Err(invalid("Invalid syslog format")),
    }
}

impl Syslog {
    pub(crate) fn new(options: &Options, subject: Subject) -> Result<Self> {
        let (address, format) = (parse_address(options)?, format(options)?);
        let over_tls = matches!(address, Some(Address::Tls(_)));
        let file = |key: &str| options.get(key).filter(|text| !text.is_empty()).map(PathBuf::from);
        let tls = TlsFiles {
            ca: file("syslog-tls-ca-cert"),
            cert: file("syslog-tls-cert"),
            key: file("syslog-tls-key"),
            // Its presence counts, whatever it says; so in Docker.
            skip_verify: options.contains_key("syslog-tls-skip-verify"),
        };
        Ok(Self {
            framed: over_tls && matches!(format, Format::Rfc5424 { .. }),
            address,
            facility: facility(options)?,
            format,
            tls,
            subject,
            zone: TimeZone::system(),
            pid: std::process::id(),
        })
    }

    pub(crate) fn encode(&self, message: &Message<'_>, batch: &mut Batch) {
        if message.line.is_empty() {
            return;
        }
        let priority = self.facility << 3 | message.severity();
        let (tag, host, pid) = (&self.subject.tag, &self.subject.host, self.pid);
        let time = Timestamp::from_nanosecond(i128::from(message.time.0)).unwrap_or(Timestamp::UNIX_EPOCH);
        let time = time.to_zoned(self.zone.clone());
        let stamp = || time.strftime("%b %e %H:%M:%S");
        let head = match self.format {
            Format::Unix => format!("<{priority}>{} {tag}[{pid}]: ", stamp()),
            Format::Rfc3164 => format!("<{priority}>{} {host} {tag}[{pid}]: ", stamp()),
            Format::Rfc5424 { micro } => {
                let fraction = if micro { time.strftime("%.6f").to_string() } else { String::new() };
                let offset = match time.offset().seconds() {
                    0 => "Z".to_owned(),
                    _ => time.strftime("%:z").to_string(),
                };
                let at = time.strftime("%Y-%m-%dT%H:%M:%S");
                format!("<{priority}>1 {at}{fraction}{offset} {host} {tag} {pid} {tag} - ")
            }
        };
        if self.framed {
            let length = head.len() + message.line.len() + 1;
            batch.bytes.extend_from_slice(format!("{length} ").as_bytes());
        }
        batch.bytes.extend_from_slice(head.as_bytes());
        batch.bytes.extend_from_slice(message.line);
        batch.bytes.push(b'\n');
    }

    pub(crate) fn connect(&self) -> io::Result<Link> {
        let link = match &self.address {
            None => local()?,
            Some(Address::Unix(path)) => Link::Unix(
                UnixStream::connect(path)
                    .map_err(|e| address::dial("unix", &path.display().to_string(), &e))?,
            ),
            Some(Address::UnixGram(path)) => Link::UnixGram(gram(path)?),
            Some(Address::Tcp(to)) => Link::Tcp(address::tcp(to)?),
            Some(Address::Udp(to)) => Link::Udp(udp(to)?),
            Some(Address::Tls(to)) => tls_link(to, &self.tls)?,
        };
        link.ready()
    }
}

/// A connection with TLS; the handshake comes with the first bytes.
///
/// The files are read for each connection: whoever renews certificates need not start anything again.
pub(crate) fn tls_link(to: &str, files: &TlsFiles) -> io::Result<Link> {
    let config = tls::configure(files)?;
    let name = tls::server_name(host_port(to).0)?;
    let connection = ClientConnection::new(config, name).map_err(io::Error::other)?;
    Ok(Link::Tls(Box::new((connection, address::tcp(to)?))))
}

/// A datagram socket that sends there.
pub(crate) fn udp(to: &str) -> io::Result<UdpSocket> {
    let addresses = address::resolve("udp", to)?;
    let any = if addresses[0].is_ipv6() { "[::]:0" } else { "0.0.0.0:0" };
    let socket = UdpSocket::bind(any)?;
    socket.connect(addresses[0]).map_err(|error| address::dial("udp", to, &error))?;
    Ok(socket)
}

fn gram(path: &std::path::Path) -> io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    socket.connect(path).map_err(|error| address::dial("unixgram", &path.display().to_string(), &error))?;
    Ok(socket)
}

fn local() -> io::Result<Link> {
    let grams = LOCAL.iter().find_map(|path| gram(path.as_ref()).ok()).map(Link::UnixGram);
    let streams = || LOCAL.iter().find_map(|path| UnixStream::connect(path).ok()).map(Link::Unix);
    grams.or_else(streams).ok_or_else(|| io::Error::other("Unix syslog delivery error"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use logs::{Stream, Time};

    fn encoded(options: &[(&str, &str)], stream: Stream) -> String {
        let options = options.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let subject = Subject { tag: "gold/2f13".into(), host: "vm".into(), ..Subject::default() };
        let mut syslog = Syslog::new(&options, subject).unwrap();
        (syslog.zone, syslog.pid) = (TimeZone::UTC, 18608);
        let mut batch = Batch::default();
        let time = Time(1_795_336_283_806_081_123);
        syslog.encode(&Message { time, stream, line: b"one", partial: None }, &mut batch);
        syslog.encode(&Message { time, stream, line: b"", partial: None }, &mut batch);
        String::from_utf8(batch.bytes).unwrap()
    }

    /// What Docker 28.5.2 sent.
    #[test]
    fn writes_what_docker_writes() {
        for (format, stream, text) in [
            ("", Stream::Stdout, "<30>Nov 22 08:31:23 gold/2f13[18608]: one\n"),
            ("rfc3164", Stream::Stderr, "<27>Nov 22 08:31:23 vm gold/2f13[18608]: one\n"),
            ("rfc5424", Stream::Stdout, "<30>1 2026-11-22T08:31:23Z vm gold/2f13 18608 gold/2f13 - one\n"),
            (
                "rfc5424micro",
                Stream::Stderr,
                "<27>1 2026-11-22T08:31:23.806081Z vm gold/2f13 18608 gold/2f13 - one\n",
            ),
        ] {
            assert_eq!(encoded(&[("syslog-format", format)], stream), text);
        }
        let local3 = encoded(&[("syslog-facility", "local3")], Stream::Stderr);
        assert!(local3.starts_with("<155>"), "{local3}");
    }

    #[test]
    fn tls_with_rfc5424_counts_bytes() {
        let text = encoded(
            &[
                ("syslog-address", "tcp+tls://h"),
                ("syslog-format", "rfc5424"),
                ("syslog-tls-skip-verify", ""),
            ],
            Stream::Stdout,
        );
        let (length, rest) = text.split_once(' ').unwrap();
        assert_eq!(length.parse::<usize>().unwrap(), rest.len());
    }
}
