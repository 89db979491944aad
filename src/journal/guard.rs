//! What the writer's own statements may do: the closed list of it.
//!
//! Everything else is denied before it runs, so that no later line of ours can rewrite history.

use rusqlite::Connection;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};

use crate::journal::fault::Cause;

pub fn install(connection: &mut Connection) -> Result<(), Cause> {
    connection.authorizer(Some(judge)).map_err(Cause::from)
}

fn judge(context: AuthContext<'_>) -> Authorization {
    match context.action {
        AuthAction::Select
        | AuthAction::Read { .. }
        | AuthAction::Function { .. }
        | AuthAction::Transaction { .. }
        | AuthAction::Insert { table_name: "log" | "checkpoint" }
        | AuthAction::Update { table_name: "checkpoint", .. }
        | AuthAction::Update { table_name: "meta", column_name: "clean" }
        | AuthAction::Pragma { pragma_name: "wal_checkpoint", .. } => Authorization::Allow,
        _ => Authorization::Deny,
    }
}
