//! The `telemetry` section.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use super::format::{Dsn, Url};

/// Traces, metrics and crash reports.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct Telemetry {
    /// Traces, through OpenTelemetry.
    pub tracing: Option<Tracing>,

    /// Metrics, through OpenTelemetry or Prometheus.
    pub metrics: Option<Metrics>,

    /// Crash reports, through Sentry.
    pub sentry: Option<Sentry>,
}

/// Traces.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct Tracing {
    /// Where to send traces.
    #[schemars(extend("default" = "none"))]
    pub exporter: Option<TracingExporter>,

    /// Base URL of the OTLP collector, for the exporter `otlp`.
    #[schemars(extend("default" = "https://localhost:4318", "x-nullable" = true))]
    pub endpoint: Option<Url>,

    /// Header formats that propagate traces between services.
    #[schemars(
        example = ["tracecontext", "baggage"],
        extend("x-required-before" = "0.15.0", "default" = [])
    )]
    pub propagators: Option<Vec<Propagator>>,

    /// Fraction of traces to send, from 0 to 1.
    #[schemars(
        range(min = 0.0, max = 1.0),
        example = 0.5,
        extend("x-since" = "0.15.0", "x-default-text" = "1")
    )]
    pub sample_rate: Option<f64>,
}

/// Where to send traces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TracingExporter {
    /// Nowhere.
    None,
    /// To standard output, for debugging.
    Stdout,
    /// To an OpenTelemetry collector.
    Otlp,
}

/// A header format that propagates traces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Propagator {
    /// W3C Trace Context.
    TraceContext,
    /// W3C Baggage.
    Baggage,
    /// Jaeger's headers.
    Jaeger,
}

/// Metrics.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct Metrics {
    /// Where to send metrics.
    #[schemars(extend("default" = "none"))]
    pub exporter: Option<MetricsExporter>,

    /// Base URL of the OTLP collector, for the exporter `otlp`.
    #[schemars(extend("default" = "https://localhost:4318", "x-nullable" = true))]
    pub endpoint: Option<Url>,
}

/// Where to send metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum MetricsExporter {
    /// Nowhere.
    None,
    /// To standard output, for debugging.
    Stdout,
    /// To an OpenTelemetry collector.
    Otlp,
    /// To Prometheus, which fetches them. Requires a listener with the resource `prometheus`.
    Prometheus,
}

/// Crash reports.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct Sentry {
    /// DSN of the Sentry project, which contains a key. MAS cannot read it from a file.
    #[schemars(extend("x-secret" = true))]
    pub dsn: Option<Dsn>,

    /// Name of this environment in Sentry.
    #[schemars(
        example = &"staging",
        extend("x-since" = "0.15.0", "x-default-text" = "`production`")
    )]
    pub environment: Option<String>,

    /// Fraction of reports to send, from 0 to 1.
    #[schemars(
        range(min = 0.0, max = 1.0),
        example = 0.5,
        extend("x-since" = "0.15.0", "x-default-text" = "1")
    )]
    pub sample_rate: Option<f32>,

    /// Fraction of traces to send to Sentry, from 0 to 1.
    #[schemars(
        range(min = 0.0, max = 1.0),
        example = 0.5,
        extend("x-since" = "0.15.0", "x-default-text" = "0")
    )]
    pub traces_sample_rate: Option<f32>,
}
