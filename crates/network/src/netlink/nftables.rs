//! nf_tables messages: tables, chains, rules of a few expressions, sets and maps, in transactions.

use errdefs::Result;

use super::{Encoder, Socket, attribute, flag};

const SUBSYSTEM: u16 = 10;
const NEWTABLE: u16 = SUBSYSTEM << 8;
const GETTABLE: u16 = SUBSYSTEM << 8 | 1;
pub(super) const DELTABLE: u16 = SUBSYSTEM << 8 | 2;
const NEWCHAIN: u16 = SUBSYSTEM << 8 | 3;
const GETCHAIN: u16 = SUBSYSTEM << 8 | 4;
const NEWRULE: u16 = SUBSYSTEM << 8 | 6;
const NEWSET: u16 = SUBSYSTEM << 8 | 9;
const NEWSETELEM: u16 = SUBSYSTEM << 8 | 12;
const DELSETELEM: u16 = SUBSYSTEM << 8 | 14;
const BATCH_BEGIN: u16 = 16;
const BATCH_END: u16 = 17;

const FAMILY_UNSPEC: u8 = 0;
const FAMILY_INET: u8 = 1;

/// Keys and data of sets, with the numbers `nft` knows their types by (it needs them to print the table).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Ipv4,
    Ipv6,
    Protocol,
    Port,
    InterfaceName,
}

impl Kind {
    fn number(self) -> u32 {
        match self {
            Self::Ipv4 => 7,
            Self::Ipv6 => 8,
            Self::Protocol => 12,
            Self::Port => 13,
            Self::InterfaceName => 41,
        }
    }

    /// Bytes it takes in a register; smaller values are padded to four.
    fn length(self) -> usize {
        match self {
            Self::Ipv4 | Self::Protocol | Self::Port => 4,
            Self::Ipv6 | Self::InterfaceName => 16,
        }
    }
}

fn concatenated(kinds: &[Kind]) -> (u32, u32) {
    let number = kinds.iter().fold(0, |number, kind| number << 6 | kind.number());
    let length = match kinds {
        // A port alone keeps its own length; only parts of a concatenation are padded.
        [Kind::Port] => 2,
        [Kind::Protocol] => 1,
        kinds => kinds.iter().map(|kind| kind.length()).sum(),
    };
    (number, u32::try_from(length).unwrap_or(u32::MAX))
}

/// Where a base chain is attached.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hook {
    pub(crate) number: u32,
    pub(crate) priority: i32,
    /// `filter` or `nat`.
    pub(crate) kind: &'static str,
}

/// Hook numbers of the inet family.
pub(crate) mod hook {
    pub(crate) const PREROUTING: u32 = 0;
    pub(crate) const FORWARD: u32 = 2;
    pub(crate) const OUTPUT: u32 = 3;
    pub(crate) const POSTROUTING: u32 = 4;
}

/// Asks for the inet table of this name.
pub(crate) fn get_table(e: &mut Encoder, table: &str) {
    e.message(GETTABLE, flag::REQUEST | flag::ACK, |e| {
        e.raw(&[FAMILY_INET, 0, 0, 0]);
        e.text(1, table);
    });
}

/// Asks for a chain of the inet table of this name.
pub(crate) fn get_chain(e: &mut Encoder, table: &str, chain: &str) {
    e.message(GETCHAIN, flag::REQUEST | flag::ACK, |e| {
        e.raw(&[FAMILY_INET, 0, 0, 0]);
        e.text(1, table);
        e.text(3, chain);
    });
}

/// A base chain of any table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BaseChain {
    /// As `nft` names it: `ip filter FORWARD`.
    pub(crate) name: String,
    /// Where it is attached.
    pub(crate) hook: u32,
    /// What no rule decides is dropped.
    pub(crate) drops: bool,
}

/// All base chains of the namespace that see IP packets.
pub(crate) fn base_chains(socket: &mut Socket) -> Result<Vec<BaseChain>> {
    let mut request = Encoder::new();
    request.message(GETCHAIN, flag::REQUEST | flag::DUMP, |e| e.raw(&[FAMILY_UNSPEC, 0, 0, 0]));
    let mut chains = Vec::new();
    socket.query(request, |kind, payload| {
        if kind == NEWCHAIN {
            chains.extend(parse_chain(payload)?);
        }
        Ok(())
    })?;
    Ok(chains)
}

fn parse_chain(payload: &[u8]) -> Result<Option<BaseChain>> {
    let Some((header, attributes)) = payload.split_first_chunk::<4>() else {
        return Err(errdefs::system("a netlink chain message is too short"));
    };
    let family = match header[0] {
        1 => "inet",
        2 => "ip",
        10 => "ip6",
        _ => return Ok(None),
    };
    let attributes = attribute::parse(attributes)?;
    let text = |kind| attribute::find(&attributes, kind).and_then(attribute::text);
    let number = |attributes: &[(u16, &[u8])], kind| {
        attribute::find(attributes, kind).and_then(attribute::u32).map(u32::from_be)
    };
    let Some(hook) = attribute::find(&attributes, 4) else { return Ok(None) };
    let hook = number(&attribute::parse(hook)?, 1);
    let (Some(table), Some(chain), Some(hook)) = (text(1), text(3), hook) else { return Ok(None) };
    let drops = number(&attributes, 5) == Some(0);
    Ok(Some(BaseChain { name: format!("{family} {table} {chain}"), hook, drops }))
}

/// One atomic change of one table.
#[derive(Debug)]
pub(crate) struct Transaction<'a> {
    table: &'a str,
    batch: Encoder,
}

impl<'a> Transaction<'a> {
    /// Begins a change of the inet table of this name.
    pub(crate) fn new(table: &'a str) -> Self {
        let mut batch = Encoder::new();
        batch.message(BATCH_BEGIN, flag::REQUEST, |e| e.raw(&[FAMILY_UNSPEC, 0, 0, 10]));
        Self { table, batch }
    }

    /// The batch to send. Only the last change asks for an answer: the kernel reports refusals unasked, and hundreds of
    /// answers would not fit into the socket.
    pub(crate) fn finish(mut self) -> Encoder {
        self.batch.acknowledge_last();
        self.batch.message(BATCH_END, flag::REQUEST, |e| e.raw(&[FAMILY_UNSPEC, 0, 0, 10]));
        self.batch
    }

    fn message(&mut self, kind: u16, flags: u16, body: impl FnOnce(&mut Encoder, &str)) {
        let table = self.table;
        self.batch.message(kind, flag::REQUEST | flags, |e| {
            e.raw(&[FAMILY_INET, 0, 0, 0]);
            body(e, table);
        });
    }

    /// Makes the table if it is not there.
    pub(crate) fn table(&mut self) {
        self.message(NEWTABLE, flag::CREATE, |e, table| {
            e.text(1, table);
            e.be32(2, 0);
        });
    }

    /// Deletes the table with everything in it; it must be there.
    pub(crate) fn delete_table(&mut self) {
        self.message(DELTABLE, 0, |e, table| e.text(1, table));
    }

    /// Makes a chain; a base chain if it has a hook. Its policy is to accept.
    pub(crate) fn chain(&mut self, name: &str, hook: Option<Hook>) {
        self.message(NEWCHAIN, flag::CREATE, |e, table| {
            e.text(1, table);
            e.text(3, name);
            if let Some(hook) = hook {
                e.nest(4, |e| {
                    e.be32(1, hook.number);
                    e.be32(2, hook.priority.cast_unsigned());
                });
                e.be32(5, 1);
                e.text(7, hook.kind);
            }
        });
    }

    /// Adds a rule at the end of a chain.
    pub(crate) fn rule(&mut self, chain: &str, expressions: &[Expression<'_>]) {
        self.message(NEWRULE, flag::CREATE | flag::APPEND, |e, table| {
            e.text(1, table);
            e.text(2, chain);
            e.nest(4, |e| expressions.iter().for_each(|expression| expression.encode(e)));
        });
    }

    /// Makes a set, or a map if it has data. `id` must be unique in the transaction.
    pub(crate) fn set(&mut self, name: &str, id: u32, key: &[Kind], data: &[Kind]) {
        const MAP: u32 = 8;
        self.message(NEWSET, flag::CREATE, |e, table| {
            e.text(1, table);
            e.text(2, name);
            e.be32(3, if data.is_empty() { 0 } else { MAP });
            let (kind, length) = concatenated(key);
            e.be32(4, kind);
            e.be32(5, length);
            if !data.is_empty() {
                let (kind, length) = concatenated(data);
                e.be32(6, kind);
                e.be32(7, length);
            }
            e.be32(10, id);
            if key == [Kind::InterfaceName] {
                // Tells `nft` that names are in the machine's byte order; without it they print as empty.
                e.bytes(13, &[0, 4, 1, 0, 0, 0]);
            }
        });
    }

    /// Adds elements to a set or map. Adding one that is there with the same data changes nothing.
    pub(crate) fn add<'e>(&mut self, set: &str, elements: impl Iterator<Item = &'e Element>) {
        self.elements(NEWSETELEM, flag::CREATE, set, elements, true);
    }

    /// Removes elements, which must be there.
    pub(crate) fn remove<'e>(&mut self, set: &str, elements: impl Iterator<Item = &'e Element>) {
        self.elements(DELSETELEM, 0, set, elements, false);
    }

    fn elements<'e>(
        &mut self,
        kind: u16,
        flags: u16,
        set: &str,
        elements: impl Iterator<Item = &'e Element>,
        data: bool,
    ) {
        // 512 elements of at most 88 bytes stay below the 64 KiB an attribute can have.
        const ELEMENTS_PER_MESSAGE: usize = 512;
        let elements: Vec<&Element> = elements.collect();
        for chunk in elements.chunks(ELEMENTS_PER_MESSAGE) {
            self.message(kind, flags, |e, table| {
                e.text(1, table);
                e.text(2, set);
                e.nest(3, |e| chunk.iter().for_each(|element| element.encode(e, data)));
            });
        }
    }
}

/// A key of a set, with its data in a map.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Element {
    pub(crate) key: Vec<u8>,
    pub(crate) data: Vec<u8>,
}

impl Element {
    fn encode(&self, e: &mut Encoder, data: bool) {
        e.nest(1, |e| {
            e.nest(1, |e| e.bytes(1, &self.key));
            if data && !self.data.is_empty() {
                e.nest(2, |e| e.bytes(1, &self.data));
            }
        });
    }
}

/// What a rule ends with.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Verdict<'a> {
    Drop,
    Accept,
    Return,
    Jump(&'a str),
}

/// Registers by number; 8 and up are 4 bytes each.
pub(crate) const REGISTER: u32 = 8;

/// One step of a rule. A comparison that fails ends the rule.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Expression<'a> {
    /// Loads a property of the packet ([`meta`]).
    Meta { key: u32, register: u32 },
    /// Loads bytes of the network header.
    Network { offset: u32, length: u32, register: u32 },
    /// Loads the destination port.
    DestinationPort { register: u32 },
    /// Loads a property of the connection ([`conntrack`]).
    Connection { key: u32, register: u32 },
    /// Loads what kind of address the destination is.
    DestinationKind { register: u32 },
    /// Register AND mask.
    Mask { register: u32, mask: &'a [u8] },
    /// Goes on if equal (or, with `not`, different).
    Compare { register: u32, value: &'a [u8], not: bool },
    /// Goes on if the key in the register is in the set; a map's data goes to the second register.
    Lookup { set: &'a str, register: u32, data: Option<u32>, not: bool },
    /// Rewrites the destination to an address and port in registers.
    DestinationNat { family: u32, address: u32, port: u32 },
    /// Rewrites the source to the address of the outgoing link.
    Masquerade,
    /// Ends the rule.
    Verdict(Verdict<'a>),
}

/// Keys of [`Expression::Meta`].
pub(crate) mod meta {
    pub(crate) const INPUT_NAME: u32 = 6;
    pub(crate) const OUTPUT_NAME: u32 = 7;
    pub(crate) const FAMILY: u32 = 15;
    pub(crate) const PROTOCOL: u32 = 16;
}

/// Keys and values of [`Expression::Connection`].
pub(crate) mod connection {
    pub(crate) const STATE: u32 = 0;
    pub(crate) const STATUS: u32 = 2;
    pub(crate) const ESTABLISHED_OR_RELATED: u32 = 2 | 4;
    /// Its destination was rewritten.
    pub(crate) const DESTINATION_NAT: u32 = 1 << 5;
}

/// Address families as nf_tables numbers them.
pub(crate) mod family {
    pub(crate) const IPV4: u32 = 2;
    pub(crate) const IPV6: u32 = 10;
}

/// The destination is an address of this host.
pub(crate) const KIND_LOCAL: u32 = 2;

impl Expression<'_> {
    fn encode(&self, e: &mut Encoder) {
        let name = self.name();
        e.nest(1, |e| {
            e.text(1, name);
            e.nest(2, |e| self.encode_data(e));
        });
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Meta { .. } => "meta",
            Self::Network { .. } | Self::DestinationPort { .. } => "payload",
            Self::Connection { .. } => "ct",
            Self::DestinationKind { .. } => "fib",
            Self::Mask { .. } => "bitwise",
            Self::Compare { .. } => "cmp",
            Self::Lookup { .. } => "lookup",
            Self::DestinationNat { .. } => "nat",
            Self::Masquerade => "masq",
            Self::Verdict(_) => "immediate",
        }
    }

    fn encode_data(&self, e: &mut Encoder) {
        match *self {
            Self::Meta { key, register } => {
                e.be32(2, key);
                e.be32(1, register);
            }
            Self::Network { offset, length, register } => payload(e, 1, offset, length, register),
            Self::DestinationPort { register } => payload(e, 2, 2, 2, register),
            Self::Connection { key, register } => {
                e.be32(2, key);
                e.be32(1, register);
            }
            Self::DestinationKind { register } => {
                e.be32(1, register);
                e.be32(2, 3);
                e.be32(3, 2);
            }
            Self::Mask { register, mask } => {
                e.be32(1, register);
                e.be32(2, register);
                e.be32(3, u32::try_from(mask.len()).unwrap_or(u32::MAX));
                e.nest(4, |e| e.bytes(1, mask));
                e.nest(5, |e| e.bytes(1, &vec![0; mask.len()]));
            }
            Self::Compare { register, value, not } => {
                e.be32(1, register);
                e.be32(2, u32::from(not));
                e.nest(3, |e| e.bytes(1, value));
            }
            Self::Lookup { set, register, data, not } => {
                e.text(1, set);
                e.be32(2, register);
                if let Some(data) = data {
                    e.be32(3, data);
                }
                if not {
                    e.be32(5, 1);
                }
            }
            Self::DestinationNat { family, address, port } => {
                e.be32(1, 1);
                e.be32(2, family);
                e.be32(3, address);
                e.be32(5, port);
            }
            Self::Masquerade => {}
            Self::Verdict(verdict) => encode_verdict(e, verdict),
        }
    }
}

fn payload(e: &mut Encoder, base: u32, offset: u32, length: u32, register: u32) {
    e.be32(1, register);
    e.be32(2, base);
    e.be32(3, offset);
    e.be32(4, length);
}

fn encode_verdict(e: &mut Encoder, verdict: Verdict<'_>) {
    let (code, chain): (i32, _) = match verdict {
        Verdict::Drop => (0, None),
        Verdict::Accept => (1, None),
        Verdict::Jump(chain) => (-3, Some(chain)),
        Verdict::Return => (-5, None),
    };
    e.be32(1, 0);
    e.nest(2, |e| {
        e.nest(2, |e| {
            e.be32(1, code.cast_unsigned());
            if let Some(chain) = chain {
                e.text(2, chain);
            }
        });
    });
}
