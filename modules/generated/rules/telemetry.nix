# Written by `mas2nix compile` from src/rules and src/schema/telemetry.rs. Do not edit: change that instead.
{
  lib,
  rules,
  settings,
  complete,
  older,
}:
let
  inherit (rules) refuse matches formats;
in
lib.concatLists [
  (refuse "telemetry.tracing.endpoint"
    "this is not an HTTP URL, but OTLP is sent over HTTP. Start it with https:// or http://."
    (
      (settings.telemetry.tracing.exporter or null) == "otlp"
      && settings ? telemetry.tracing.endpoint
      && !(matches formats.httpUrl (settings.telemetry.tracing.endpoint or null))
    )
  )
  (refuse "telemetry.metrics.endpoint"
    "this is not an HTTP URL, but OTLP is sent over HTTP. Start it with https:// or http://."
    (
      (settings.telemetry.metrics.exporter or null) == "otlp"
      && settings ? telemetry.metrics.endpoint
      && !(matches formats.httpUrl (settings.telemetry.metrics.endpoint or null))
    )
  )
  (refuse "telemetry.tracing.propagators"
    "MAS before 0.15.0 requires this option. Set it, or use a newer version of MAS."
    (
      settings ? telemetry.tracing
      && (older "0.15.0" && (complete && !(settings ? telemetry.tracing.propagators)))
    )
  )
  (refuse "telemetry.tracing.sample_rate"
    "this option requires MAS 0.15.0 or newer. Remove it, or use a newer version of MAS."
    (older "0.15.0" && settings ? telemetry.tracing.sample_rate)
  )
  (refuse "telemetry.sentry.environment"
    "this option requires MAS 0.15.0 or newer. Remove it, or use a newer version of MAS."
    (older "0.15.0" && settings ? telemetry.sentry.environment)
  )
  (refuse "telemetry.sentry.sample_rate"
    "this option requires MAS 0.15.0 or newer. Remove it, or use a newer version of MAS."
    (older "0.15.0" && settings ? telemetry.sentry.sample_rate)
  )
  (refuse "telemetry.sentry.traces_sample_rate"
    "this option requires MAS 0.15.0 or newer. Remove it, or use a newer version of MAS."
    (older "0.15.0" && settings ? telemetry.sentry.traces_sample_rate)
  )
]
