//! The volumes and images of the world, and what can be asked of them.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::sim::agenda::Happening;
use crate::sim::fault::Fault;
use crate::sim::machine::MachineStatus;
use crate::sim::record::Actor;
use crate::sim::snapshot::Snapshot;
use crate::sim::snapshot::Stage;
use crate::sim::volume::{Image, Volume, image_id, volume_id};
use crate::sim::world::{Refusal, World, is_fit_name};

/// The balance that a new volume needs, in nanos of a dollar.
const LEAST_BALANCE: i64 = 1_000_000_000;
const HOUR: u64 = 3_600;
const TAKES: Duration = Duration::from_secs(30);
const SIZES: std::ops::RangeInclusive<u32> = 10..=102_400;

/// What was kept, by number.
#[derive(Default)]
pub struct Stores {
    volumes: BTreeMap<u64, Volume>,
    images: BTreeMap<u64, Image>,
    last_volume: u64,
    last_image: u64,
}

/// The volume that somebody wants.
pub struct WantedVolume {
    pub name: String,
    pub size_gb: u32,
    pub region: String,
    pub volume_type: String,
    pub bootable: bool,
}

impl World {
    pub fn volumes(&self) -> impl Iterator<Item = &Volume> {
        self.stores.volumes.values()
    }

    pub fn volume(&self, id: &str) -> Result<&Volume, Refusal> {
        self.volumes().find(|volume| volume.id == id).ok_or(Refusal::NotThere)
    }

    pub fn images(&self) -> impl Iterator<Item = &Image> {
        self.stores.images.values()
    }

    /// The ids of the images that were made from this snapshot.
    pub fn images_of(&self, snapshot: &str) -> Vec<String> {
        self.images().filter(|image| image.snapshot == snapshot).map(|image| image.id.clone()).collect()
    }

    pub fn create_volume(&mut self, wanted: WantedVolume) -> Result<&Volume, Refusal> {
        let WantedVolume { name, size_gb, region, volume_type, bootable } = wanted;
        if !is_fit_volume_name(&name) || !SIZES.contains(&size_gb) {
            return Err(Refusal::BadName);
        }
        if self.volumes().any(|volume| volume.name == name && volume.region == region) {
            return Err(Refusal::NameTaken);
        }
        if self.balance().0 < LEAST_BALANCE {
            return Err(Refusal::InsufficientBalance);
        }
        self.stores.last_volume += 1;
        let number = self.stores.last_volume;
        let volume = Volume {
            number,
            id: volume_id(number),
            name,
            size_gb,
            region,
            volume_type,
            bootable,
            ready_at: self.now + TAKES,
            attached_to: None,
            created_at: self.now,
        };
        Ok(self.stores.volumes.entry(number).or_insert(volume))
    }

    /// Only where it is advanced.
    pub fn clone_volume(&mut self, id: &str, name: String) -> Result<&Volume, Refusal> {
        let of = self.idle_volume(id)?.clone();
        if !of.is_advanced() {
            return Err(Refusal::NotInThisTier);
        }
        let Volume { size_gb, region, volume_type, bootable, .. } = of;
        self.create_volume(WantedVolume { name, size_gb, region, volume_type, bootable })
    }

    /// Only where it is advanced, and never smaller.
    pub fn resize_volume(&mut self, id: &str, size_gb: u32) -> Result<&Volume, Refusal> {
        let volume = self.idle_volume(id)?;
        if !volume.is_advanced() {
            return Err(Refusal::NotInThisTier);
        }
        if size_gb < volume.size_gb || !SIZES.contains(&size_gb) {
            return Err(Refusal::BadName);
        }
        volume.size_gb = size_gb;
        Ok(volume)
    }

    pub fn attach(&mut self, id: &str, machine: &str) -> Result<&Volume, Refusal> {
        let up = self.machine(machine).ok_or(Refusal::NoSuchMachine)?.status == MachineStatus::Active;
        let volume = self.idle_volume(id)?;
        if !up || volume.attached_to.is_some() {
            return Err(Refusal::WrongState);
        }
        volume.attached_to = Some(machine.to_owned());
        let volume_id = volume.id.clone();
        if let Some(machine) = self.machines.values_mut().find(|one| one.id == machine) {
            machine.volumes.push(volume_id);
        }
        self.volume(id)
    }

    /// A bootable one, once attached, stays.
    pub fn detach(&mut self, id: &str) -> Result<&Volume, Refusal> {
        let volume = self.idle_volume(id)?;
        if volume.bootable || volume.attached_to.is_none() {
            return Err(Refusal::WrongState);
        }
        volume.attached_to = None;
        for machine in self.machines.values_mut() {
            machine.volumes.retain(|attached| attached != id);
        }
        self.volume(id)
    }

    pub fn delete_volume(&mut self, id: &str) -> Result<(), Refusal> {
        let volume = self.idle_volume(id)?;
        if volume.attached_to.is_some() {
            return Err(Refusal::WrongState);
        }
        let number = volume.number;
        self.stores.volumes.remove(&number);
        Ok(())
    }

    pub fn create_image(&mut self, snapshot: &str, name: String) -> Result<&Image, Refusal> {
        if !is_fit_name(&name) {
            return Err(Refusal::BadName);
        }
        if self.images().any(|image| image.name == name) {
            return Err(Refusal::NameTaken);
        }
        let found = self.number_of(snapshot).and_then(|number| self.snapshots.get(&number));
        let found = found.filter(|snapshot| !snapshot.deleted).ok_or(Refusal::NoSuchSnapshot)?;
        if found.stage != Stage::Ready {
            return Err(Refusal::WrongState);
        }
        let (of, region, size_gb, found_id) = (found.number, found.region, found.size_gb(), found.id.clone());
        self.stores.last_image += 1;
        let number = self.stores.last_image;
        let (id, snapshot, created_at) = (image_id(number), found_id, self.now);
        self.truth.linked(of, true);
        let unsaid_until = created_at;
        let image = Image { number, id, name, region, snapshot, of, unsaid_until, size_gb, created_at };
        Ok(self.stores.images.entry(number).or_insert(image))
    }

    pub fn delete_image(&mut self, id: &str) -> Result<(), Refusal> {
        let image = self.images().find(|image| image.id == id).ok_or(Refusal::NotThere)?;
        let (number, of) = (image.number, image.of);
        self.stores.images.remove(&number);
        if self.images().all(|image| image.of != of) {
            self.truth.linked(of, false);
        }
        Ok(())
    }

    /// A person makes an image of one of the daemon's, and the cloud may keep its source to itself for a
    /// while. Later the image goes, alone or with its snapshot.
    pub(super) fn person_archives(&mut self) {
        let is_fit = |one: &&Snapshot| {
            one.stage == Stage::Ready && !one.deleted && !self.leaving.contains(&one.number)
        };
        let ready = self.snapshots.values().filter(is_fit).map(|one| one.id.clone());
        let ours: Vec<String> = ready.filter(|id| self.truth.who_made(id) == Some(Actor::Daemon)).collect();
        if ours.is_empty() {
            return;
        }
        let random = self.mischief.random(Fault::TakesImage);
        let snapshot = &ours[random.usize(..ours.len())];
        let (name, unsaid) = (format!("archive-{}", random.u32(..100_000)), random.u8(..3) == 0);
        let (hours, stays) = (random.u64(1..12), random.u64(6..120));
        let with_snapshot = random.bool();
        let Ok(image) = self.create_image(snapshot, name).cloned() else { return };
        if unsaid {
            let until = self.mischief.ends(self.now, Duration::from_secs(hours * HOUR));
            self.stores.images.entry(image.number).and_modify(|image| image.unsaid_until = until);
        }
        let at = self.mischief.ends(self.now, Duration::from_secs(stays * HOUR));
        self.agenda.schedule(at, Happening::EndImage { image: image.id, with_snapshot });
    }

    /// It may be gone by now, and its snapshot busy: then nothing happens to that.
    pub(super) fn end_image(&mut self, id: &str, with_snapshot: bool) {
        let Some(image) = self.images().find(|image| image.id == id) else { return };
        let number = image.of;
        if with_snapshot && let Some(snapshot) = self.snapshots.get(&number).map(|one| one.id.clone()) {
            let _busy = self.delete(&snapshot, Actor::Person, Duration::ZERO).is_err();
        }
        let _gone = self.delete_image(id).is_err();
    }

    /// Some clouds let the images of a snapshot go with it.
    pub(super) fn take_images_of(&mut self, number: u64) {
        if !self.mischief.can(Fault::TakesImage) {
            return;
        }
        let images: Vec<u64> =
            self.images().filter(|image| image.of == number).map(|image| image.number).collect();
        for image in images {
            self.stores.images.remove(&image);
            self.mischief.hit(Fault::TakesImage);
        }
        self.truth.linked(number, false);
    }

    fn idle_volume(&mut self, id: &str) -> Result<&mut Volume, Refusal> {
        let now = self.now;
        let volume = self.stores.volumes.values_mut().find(|volume| volume.id == id);
        let volume = volume.ok_or(Refusal::NotThere)?;
        if now < volume.ready_at { Err(Refusal::WrongState) } else { Ok(volume) }
    }
}

/// 3 to 30 letters, digits, `-` and `_`, not at its ends.
fn is_fit_volume_name(name: &str) -> bool {
    let fits = |character: char| character.is_ascii_alphanumeric() || "-_".contains(character);
    let is_mark = |character: char| "-_".contains(character);
    (3..=30).contains(&name.len())
        && name.chars().all(fits)
        && !name.starts_with(is_mark)
        && !name.ends_with(is_mark)
}
