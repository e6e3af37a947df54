//! Rules of the `telemetry` section. Its ranges (18) are part of the options' types.

use super::{Rule, rule};
use crate::{
    expr::{all, not, option, set},
    schema::format::HTTP_URL,
};

pub fn rules() -> Vec<Rule> {
    // MAS sets up its exporters before it checks the rest of the configuration.
    ["tracing", "metrics"]
        .into_iter()
        .map(|kind| {
            let at = format!("telemetry.{kind}.endpoint");
            rule(
                "otlp-endpoint-not-http",
                &at,
                all([
                    option(&format!("telemetry.{kind}.exporter")).is("otlp"),
                    set(&at),
                    not(option(&at).matches(&HTTP_URL)),
                ]),
                "this is not an HTTP URL, but OTLP is sent over HTTP",
                "Start it with https:// or http://.",
            )
        })
        .collect()
}
