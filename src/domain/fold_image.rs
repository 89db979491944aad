//! Images: what is listed, and what is left out since so short a time that it may be there all the same.

use super::fleet::Image;
use super::id::ImageId;
use super::state::{Fleet, State};
use super::time::{Seconds, Timestamp};

/// A list that lied by leaving images out does so for hours, as with snapshots.
const SILENCE_BELIEVED: Seconds = Seconds::hours(24);

impl Fleet {
    /// Every image that is there, or of which nobody can be sure yet that it is gone.
    pub(super) fn possible_images(&self) -> impl Iterator<Item = &Image> + Clone {
        self.images.values().chain(self.lost_images.values().map(|(image, _)| image))
    }
}

impl State {
    pub(super) fn see_image(&mut self, image: &Image) {
        self.fleet.lost_images.remove(&image.id);
        self.fleet.images.insert(image.id.clone(), image.clone());
    }

    pub(super) fn lose_image(&mut self, id: &ImageId, at: Timestamp) {
        if let Some(image) = self.fleet.images.remove(id) {
            self.fleet.lost_images.insert(id.clone(), (image, at));
        }
    }

    /// After a complete list: what was left out for so long is gone.
    pub(super) fn forget_images(&mut self, began: Timestamp) {
        self.fleet.lost_images.retain(|_, (_, since)| began.since(*since) < SILENCE_BELIEVED.duration());
    }
}
