//! Under which names a field may stand, the likeliest first: one table for all that is read of an item.
//!
//! Whoever parses goes by it, and so does whoever tells what an account answers.

/// What it is called here, and how it may be spelt.
pub type Row = (&'static str, &'static [&'static str]);

pub const MACHINE_ID: Row = ("id", &["id", "instance_id", "vm_id"]);
pub const MACHINE_NAME: Row = ("name", &["name", "vm_name"]);
pub const SNAPSHOT_ID: Row = ("id", &["id", "snapshot_id"]);
pub const SNAPSHOT_NAME: Row = ("name", &["name", "snapshot_name"]);
pub const MACHINE_OF: Row = ("machine", &["instance_id", "vm_id"]);
pub const SIZE: Row = ("size", &["size_gb", "size"]);
pub const IMAGE_ID: Row = ("id", &["id", "image_id"]);
pub const NAME: Row = ("name", &["name"]);
pub const STATUS: Row = ("status", &["status"]);
pub const REGION: Row = ("region", &["region"]);
pub const TIER: Row = ("tier", &["tier"]);
pub const GPU_MODEL: Row = ("gpu model", &["gpu_type", "gpu_model"]);
pub const GPU_COUNT: Row = ("gpu count", &["gpu_count"]);
pub const LABELS: Row = ("labels", &["labels"]);
pub const DESCRIPTION: Row = ("description", &["description"]);
pub const IS_IMAGE: Row = ("is_image", &["is_image"]);
pub const CREATED_AT: Row = ("created_at", &["created_at"]);
pub const SNAPSHOT_OF: Row = ("snapshot", &["snapshot_id"]);

/// What is read of one of them; all but the labels should be there.
pub const MACHINE: &[Row] =
    &[MACHINE_ID, MACHINE_NAME, STATUS, REGION, TIER, GPU_MODEL, GPU_COUNT, CREATED_AT];
pub const SNAPSHOT: &[Row] =
    &[SNAPSHOT_ID, SNAPSHOT_NAME, DESCRIPTION, STATUS, SIZE, REGION, MACHINE_OF, CREATED_AT];
pub const IMAGE: &[Row] = &[IMAGE_ID, NAME, STATUS, SNAPSHOT_OF];
pub const MACHINE_BILL: &[Row] =
    &[BILL_ID, ("resource", &["instance_id", "vm_id"]), START, END, MINUTES, COST, CURRENCY];
pub const SNAPSHOT_BILL: &[Row] =
    &[BILL_ID, ("resource", &["snapshot_id"]), START, END, MINUTES, COST, CURRENCY];
pub const VOLUME_BILL: &[Row] = &[BILL_ID, ("resource", &["volume_id"]), START, END, MINUTES, COST, CURRENCY];

const BILL_ID: Row = ("id", &["billing_id", "id"]);
const START: Row = ("start", &["start_time"]);
const END: Row = ("end", &["end_time"]);
const MINUTES: Row = ("minutes", &["total_duration_minutes"]);
const COST: Row = ("cost", &["total_cost"]);
const CURRENCY: Row = ("currency", &["currency"]);
