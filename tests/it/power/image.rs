//! What a disk can hold after its power was cut: all that was synced, and any part of the rest.

use std::collections::BTreeMap;

use fastrand::Rng;

use super::vfs::Op;

const SECTOR: usize = 512;

/// What becomes of that which no sync had brought to the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Lost,
    Kept,
    /// Only what came before some moment is kept.
    Cut,
    /// Each write is kept or lost by itself.
    Reordered,
    /// Each sector of each write is kept or lost by itself.
    Torn,
}

pub const FATES: [Fate; 5] = [Fate::Lost, Fate::Kept, Fate::Cut, Fate::Reordered, Fate::Torn];

#[derive(Clone, Default)]
struct File {
    /// On the disk.
    synced: Vec<u8>,
    /// Not surely.
    pending: Vec<Op>,
}

/// A disk while it is written to. Files are numbered, since a name can pass from one to another.
#[derive(Clone, Default)]
pub struct Disk {
    files: Vec<File>,
    /// As the running process sees them.
    names: BTreeMap<String, usize>,
    synced_names: BTreeMap<String, usize>,
    pending_names: Vec<(String, Option<usize>)>,
    /// The last place of the log that the writer was told of.
    pub acknowledged: Option<(u64, [u8; 32])>,
}

pub type Image = Vec<(String, Vec<u8>)>;

impl Disk {
    pub fn perform(&mut self, op: &Op) {
        match op {
            Op::Create(name) => {
                self.files.push(File::default());
                let number = self.files.len() - 1;
                self.names.insert(name.clone(), number);
                self.pending_names.push((name.clone(), Some(number)));
            }
            Op::Delete(name) => {
                self.names.remove(name);
                self.pending_names.push((name.clone(), None));
            }
            Op::Write { file, .. } | Op::Truncate { file, .. } => {
                if let Some(number) = self.names.get(file) {
                    self.files[*number].pending.push(op.clone());
                }
            }
            Op::Sync(name) => {
                if let Some(number) = self.names.get(name) {
                    let File { synced, pending } = &mut self.files[*number];
                    pending.drain(..).for_each(|op| apply(synced, &op));
                }
            }
            Op::SyncNames => {
                for (name, number) in self.pending_names.drain(..) {
                    set(&mut self.synced_names, name, number);
                }
            }
            Op::Acknowledged { seq, hash } => self.acknowledged = Some((*seq, *hash)),
        }
    }

    /// One of the disks that a power cut at this moment can leave.
    pub fn image(&self, fate: Fate, rng: &mut Rng) -> Image {
        let mut names = self.synced_names.clone();
        let kept = match fate {
            Fate::Lost => 0,
            Fate::Kept => self.pending_names.len(),
            // A file system keeps the order of its names.
            Fate::Cut | Fate::Reordered | Fate::Torn => rng.usize(0..=self.pending_names.len()),
        };
        for (name, number) in &self.pending_names[..kept] {
            set(&mut names, name.clone(), *number);
        }
        names.into_iter().map(|(name, number)| (name, self.files[number].after(fate, rng))).collect()
    }
}

impl File {
    fn after(&self, fate: Fate, rng: &mut Rng) -> Vec<u8> {
        let mut bytes = self.synced.clone();
        let cut = rng.usize(0..=self.pending.len());
        for (index, op) in self.pending.iter().enumerate() {
            let is_kept = match fate {
                Fate::Lost => false,
                Fate::Kept => true,
                Fate::Cut => index < cut,
                Fate::Reordered => rng.bool(),
                Fate::Torn => {
                    tear(&mut bytes, op, rng);
                    false
                }
            };
            if is_kept {
                apply(&mut bytes, op);
            }
        }
        bytes
    }
}

fn set(names: &mut BTreeMap<String, usize>, name: String, number: Option<usize>) {
    match number {
        Some(number) => drop(names.insert(name, number)),
        None => drop(names.remove(&name)),
    }
}

fn apply(bytes: &mut Vec<u8>, op: &Op) {
    match op {
        Op::Write { offset, bytes: written, .. } => put(bytes, *offset, written),
        Op::Truncate { size, .. } => bytes.resize(*size, 0),
        Op::Create(_) | Op::Sync(_) | Op::SyncNames | Op::Delete(_) | Op::Acknowledged { .. } => {}
    }
}

fn put(bytes: &mut Vec<u8>, offset: usize, written: &[u8]) {
    let end = offset + written.len();
    if bytes.len() < end {
        bytes.resize(end, 0);
    }
    bytes[offset..end].copy_from_slice(written);
}

/// Keeps some of the sectors that a write covers.
fn tear(bytes: &mut Vec<u8>, op: &Op, rng: &mut Rng) {
    let Op::Write { offset, bytes: written, .. } = op else {
        if rng.bool() {
            apply(bytes, op);
        }
        return;
    };
    let mut at = 0;
    while at < written.len() {
        let end = (at + SECTOR - (offset + at) % SECTOR).min(written.len());
        if rng.bool() {
            put(bytes, offset + at, &written[at..end]);
        }
        at = end;
    }
}
