//! What is kept about a layer beside its tree: a few lines of text, written before the layer gets its name.

use std::fs;
use std::path::Path;

use errdefs::{Context, Result, system};

const NAME: &str = "info";

/// What is kept about a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Info {
    /// The sum of the sizes of its regular files in bytes.
    pub(crate) size: u64,
    /// The archive had an entry for the root, so the mode and owner of the tree's root mean something.
    pub(crate) root_entry: bool,
    /// Nothing below this layer is to be seen. (overlayfs knows no such mark on a layer's root.)
    pub(crate) opaque_root: bool,
}

impl Info {
    /// Reads the info in `home`; a missing file is the caller's `NotFound`.
    pub(crate) fn read(home: &Path) -> Result<Option<Self>> {
        let path = home.join(NAME);
        let text = match fs::read_to_string(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            other => other.context(|| format!("read {}", path.display()))?,
        };
        Self::parse(&text).map(Some).ok_or_else(|| system(format!("{} is damaged", path.display())))
    }

    pub(crate) fn write(&self, home: &Path) -> Result<()> {
        let path = home.join(NAME);
        fs::write(&path, self.text()).context(|| format!("write {}", path.display()))
    }

    fn text(self) -> String {
        format!(
            "size {}\nroot_entry {}\nopaque_root {}\n",
            self.size,
            u8::from(self.root_entry),
            u8::from(self.opaque_root)
        )
    }

    /// Unknown lines are a later version's and are passed over; the size must be there.
    fn parse(text: &str) -> Option<Self> {
        let mut info = Self::default();
        let mut has_size = false;
        for line in text.lines() {
            let (key, value) = line.split_once(' ')?;
            match key {
                "size" => {
                    info.size = value.parse().ok()?;
                    has_size = true;
                }
                "root_entry" => info.root_entry = value == "1",
                "opaque_root" => info.opaque_root = value == "1",
                _ => {}
            }
        }
        has_size.then_some(info)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_round_trips_and_what_is_cut_short_is_refused() {
        let info = Info { size: 7, root_entry: true, opaque_root: false };
        assert_eq!(Info::parse(&info.text()), Some(info));
        assert_eq!(Info::parse(&format!("{}later 1\n", info.text())), Some(info));
        assert_eq!(Info::parse(""), None);
        assert_eq!(Info::parse("root_entry 1\n"), None);
    }
}
