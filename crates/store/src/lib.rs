//! Typed tables on one SQLite database: the records from which everything else can be rebuilt.
//!
//! A table is owned by the crate that names it; its records are that crate's own stored types, never wire types. Every
//! record carries the version of its schema, so a newer program can read what an older one wrote and an older one
//! refuses what it does not understand instead of guessing.
//!
//! Durability: WAL with `synchronous=NORMAL`. A commit is one write and no fsync: it survives the daemon being killed at
//! any point; a power cut loses at most the last commits and never consistency. [`Store::sync`] is the barrier for what
//! a user was told is durable.
//!
//! A full disk: removing writes too (the intent, the deletion), and must work when nothing else does. So disk space for
//! [`RESERVE`] bytes of the write-ahead log is allocated when the database is opened. A program that never closes its
//! [`Store`] leaves the log behind with that space, so that the next one finds it even if the disk is full then. The
//! index of the log is in memory, not in a mapped file, which a full disk could not back: one process has a database.
//!
//! One transaction may span tables: a container, its address and its ports are reserved together or not at all.

use std::ffi::OsString;
use std::marker::PhantomData;
use std::path::Path;

use errdefs::{Context, Result};
use parking_lot::Mutex;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A stored record: a serde type with the version of its schema.
pub trait Record: Serialize + DeserializeOwned {
    /// Grows by one with each change that an older program could not read.
    const VERSION: u32;

    /// Turns the JSON of an older `version` into this one's. The default refuses: raising [`Record::VERSION`] obliges
    /// its owner to write the step.
    fn upgrade(version: u32, _json: serde_json::Value) -> Result<Self> {
        Err(errdefs::system(format!(
            "record of schema version {version} has no upgrade to {}",
            Self::VERSION
        )))
    }
}

/// The name of a table and the type of its records. Make one `const` per table, in the crate that owns it.
pub struct Table<R> {
    name: &'static str,
    record: PhantomData<fn() -> R>,
}

impl<R: Record> Table<R> {
    /// `name` is part of the on-disk format: lower-case, a plural noun.
    pub const fn new(name: &'static str) -> Self {
        Self { name, record: PhantomData }
    }
}

/// The database of one data directory. Cheap calls, serialised by one lock: a write is tens of microseconds.
pub struct Store {
    connection: Mutex<Connection>,
}

/// Bytes allocated for the write-ahead log. SQLite begins it anew after 1,000 pages (4 MiB) where nobody is reading.
const RESERVE: u64 = 6 << 20;

/// What [`Store::transaction`] hands to its closure: reads and writes that become visible together.
pub struct Tx<'a> {
    transaction: rusqlite::Transaction<'a>,
}

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS record (
    tab     TEXT NOT NULL,
    key     TEXT NOT NULL,
    version INTEGER NOT NULL,
    json    TEXT NOT NULL,
    PRIMARY KEY (tab, key)
) WITHOUT ROWID;";

impl Store {
    /// Opens the database at `path`, making it (mode 0600) if it is not there.
    ///
    /// # Errors
    /// If the file cannot be opened or is not a database of ours.
    pub fn open(path: &Path) -> Result<Self> {
        // SQLite makes the WAL and shm files with the mode of the main file, so it is set before anything is written.
        use std::os::unix::fs::OpenOptionsExt;
        std::fs::OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(path)
            .context(|| format!("open {}", path.display()))?;
        let connection = Connection::open(path).context(|| format!("open database {}", path.display()))?;
        connection
            .execute_batch("PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA busy_timeout=5000;")
            .context(|| format!("configure database {}", path.display()))?;
        connection.execute_batch(SCHEMA).context(|| format!("create schema in {}", path.display()))?;
        reserve(path);
        Ok(Self { connection: Mutex::new(connection) })
    }

    /// Runs `work` in one transaction: all of its writes happen, or, if it returns an error, none.
    pub fn transaction<T>(&self, work: impl FnOnce(&Tx<'_>) -> Result<T>) -> Result<T> {
        let mut connection = self.connection.lock();
        let transaction = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .context(|| "begin transaction")?;
        let tx = Tx { transaction };
        let value = work(&tx)?;
        tx.transaction.commit().context(|| "commit")?;
        Ok(value)
    }

    /// One record, or `None`.
    pub fn get<R: Record>(&self, table: &Table<R>, key: &str) -> Result<Option<R>> {
        self.transaction(|tx| tx.get(table, key))
    }

    /// All records of a table with their keys, ordered by key.
    pub fn list<R: Record>(&self, table: &Table<R>) -> Result<Vec<(String, R)>> {
        self.transaction(|tx| tx.list(table))
    }

    /// Writes one record, replacing what was there.
    pub fn put<R: Record>(&self, table: &Table<R>, key: &str, record: &R) -> Result<()> {
        self.transaction(|tx| tx.put(table, key, record))
    }

    /// Removes one record; says whether it was there.
    pub fn delete<R: Record>(&self, table: &Table<R>, key: &str) -> Result<bool> {
        self.transaction(|tx| tx.delete(table, key))
    }

    /// Makes everything committed so far survive a power cut (a checkpoint, with its fsyncs).
    pub fn sync(&self) -> Result<()> {
        let connection = self.connection.lock();
        connection
            .query_row("PRAGMA wal_checkpoint(FULL)", [], |_| Ok(()))
            .context(|| "checkpoint the database")
    }
}

/// Allocates disk space for the write-ahead log beyond its present end, without changing its size. On a disk that is
/// full already, or cannot do this, there is nothing to be done.
fn reserve(database: &Path) {
    use rustix::fs::{FallocateFlags, fallocate};
    let mut log = OsString::from(database);
    log.push("-wal");
    if let Ok(file) = std::fs::OpenOptions::new().write(true).open(log) {
        let _ = fallocate(&file, FallocateFlags::KEEP_SIZE, 0, RESERVE);
    }
}

impl Tx<'_> {
    /// One record, or `None`.
    pub fn get<R: Record>(&self, table: &Table<R>, key: &str) -> Result<Option<R>> {
        let row = self
            .transaction
            .prepare_cached("SELECT version, json FROM record WHERE tab = ?1 AND key = ?2")
            .and_then(|mut statement| {
                statement
                    .query_row(params![table.name, key], |row| {
                        Ok((row.get::<_, u32>(0)?, row.get::<_, String>(1)?))
                    })
                    .optional()
            })
            .context(|| format!("read {} {key}", table.name))?;
        row.map(|(version, json)| decode(table, key, version, &json)).transpose()
    }

    /// All records of a table with their keys, ordered by key.
    pub fn list<R: Record>(&self, table: &Table<R>) -> Result<Vec<(String, R)>> {
        let rows: Vec<(String, u32, String)> = self
            .transaction
            .prepare_cached("SELECT key, version, json FROM record WHERE tab = ?1 ORDER BY key")
            .and_then(|mut statement| {
                statement
                    .query_map([table.name], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
                    .collect()
            })
            .context(|| format!("list {}", table.name))?;
        rows.into_iter()
            .map(|(key, version, json)| Ok((key.clone(), decode(table, &key, version, &json)?)))
            .collect()
    }

    /// Writes one record, replacing what was there.
    pub fn put<R: Record>(&self, table: &Table<R>, key: &str, record: &R) -> Result<()> {
        let json = serde_json::to_string(record).context(|| format!("encode {} {key}", table.name))?;
        self.transaction
            .prepare_cached("INSERT OR REPLACE INTO record (tab, key, version, json) VALUES (?1, ?2, ?3, ?4)")
            .and_then(|mut statement| statement.execute(params![table.name, key, R::VERSION, json]))
            .context(|| format!("write {} {key}", table.name))?;
        Ok(())
    }

    /// Removes one record; says whether it was there.
    pub fn delete<R: Record>(&self, table: &Table<R>, key: &str) -> Result<bool> {
        let rows = self
            .transaction
            .prepare_cached("DELETE FROM record WHERE tab = ?1 AND key = ?2")
            .and_then(|mut statement| statement.execute(params![table.name, key]))
            .context(|| format!("delete {} {key}", table.name))?;
        Ok(rows > 0)
    }
}

fn decode<R: Record>(table: &Table<R>, key: &str, version: u32, json: &str) -> Result<R> {
    let what = || format!("decode {} {key} (schema version {version})", table.name);
    if version == R::VERSION {
        return serde_json::from_str(json).context(what);
    }
    if version > R::VERSION {
        return Err(errdefs::system("written by a newer program, which this one cannot read").context(what()));
    }
    let value = serde_json::from_str(json).context(what)?;
    R::upgrade(version, value).context(what)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Old {
        name: String,
    }
    impl Record for Old {
        const VERSION: u32 = 1;
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct New {
        names: Vec<String>,
    }
    impl Record for New {
        const VERSION: u32 = 2;
        fn upgrade(_version: u32, json: serde_json::Value) -> Result<Self> {
            let old: Old = serde_json::from_value(json).context(|| "version 1")?;
            Ok(Self { names: vec![old.name] })
        }
    }

    const OLD: Table<Old> = Table::new("things");
    const NEW: Table<New> = Table::new("things");

    fn scratch() -> (tempfile::TempDir, Store) {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("db")).unwrap();
        (dir, store)
    }

    #[test]
    fn a_failed_transaction_writes_nothing() {
        let (_dir, store) = scratch();
        let result = store.transaction(|tx| {
            tx.put(&OLD, "a", &Old { name: "x".into() })?;
            Err::<(), _>(errdefs::conflict("no"))
        });
        assert!(result.is_err());
        assert_eq!(store.list(&OLD).unwrap(), vec![]);
    }

    #[test]
    fn records_survive_reopening_and_are_private() {
        use std::os::unix::fs::PermissionsExt;
        let (dir, store) = scratch();
        store.put(&OLD, "a", &Old { name: "x".into() }).unwrap();
        drop(store);
        let path = dir.path().join("db");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let store = Store::open(&path).unwrap();
        assert_eq!(store.get(&OLD, "a").unwrap(), Some(Old { name: "x".into() }));
        assert!(store.delete(&OLD, "a").unwrap());
        assert!(!store.delete(&OLD, "a").unwrap());
    }

    #[test]
    fn the_log_has_its_disk_space_and_the_index_no_file() {
        use std::os::unix::fs::MetadataExt;
        let (dir, store) = scratch();
        store.put(&OLD, "a", &Old { name: "x".into() }).unwrap();
        let log = std::fs::metadata(dir.path().join("db-wal")).unwrap();
        assert!(log.blocks() * 512 >= RESERVE && log.size() < RESERVE, "{log:?}");
        assert!(!dir.path().join("db-shm").exists());
    }

    #[test]
    fn older_records_are_upgraded_and_newer_ones_refused() {
        let (_dir, store) = scratch();
        store.put(&OLD, "a", &Old { name: "x".into() }).unwrap();
        assert_eq!(store.get(&NEW, "a").unwrap(), Some(New { names: vec!["x".into()] }));
        store.put(&NEW, "b", &New { names: vec![] }).unwrap();
        let error = store.get(&OLD, "b").unwrap_err();
        assert!(error.to_string().contains("newer program"), "{error}");
    }
}
