//! The sockets that systemd opens for MAS, so that they stay open while MAS restarts.

use super::{Inherits, NAME, Unit, UnitKind, after_cutover, described};
use crate::{
    expr::{Expr, all, any, enabled, entry, item, known, not},
    schema::format::ABSOLUTE_PATH,
};

/// Whether systemd opens the sockets. For a Unix socket it always does, because it sets the permissions.
#[must_use]
pub fn activated() -> Expr {
    any([enabled("socketActivation"), is_unix()])
}

/// Whether the public listener is a Unix socket.
#[must_use]
pub fn is_unix() -> Expr {
    known("listen.public").matches(&ABSOLUTE_PATH)
}

/// `matrix-authentication-service.socket`: the public listener first, then the internal one.
pub fn socket() -> Unit {
    Unit {
        name: NAME,
        kind: UnitKind::Socket,
        when: Some(all([activated(), not(known("role").is("worker"))])),
        unit: described(
            "Sockets of Matrix Authentication Service",
            vec![after_cutover()],
        ),
        inherits: Inherits::Nothing,
        sandbox: Vec::new(),
        body: vec![
            entry(
                "ListenStream",
                vec![item(known("listen.public")), item(known("listen.internal"))],
            ),
            // Without this, MAS accepts connections without a request, and drops them if it then stops.
            entry("DeferAcceptSec", "5s"),
            entry("NoDelay", true),
            entry("SocketMode", "0666"),
        ],
        wanted_by: vec!["sockets.target"],
    }
}
