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
    /// Where traces go.
    #[schemars(extend("default" = "none"))]
    pub exporter: Option<TracingExporter>,

    /// Base address of the OTLP collector, for the exporter `otlp`.
    #[schemars(extend("default" = "https://localhost:4318", "x-nullable" = true))]
    pub endpoint: Option<Url>,

    /// Which headers carry a trace from one service to the next.
    #[schemars(
        example = ["tracecontext", "baggage"],
        extend("x-required-before" = "0.15.0", "default" = [])
    )]
    pub propagators: Option<Vec<Propagator>>,

    /// Which share of traces to send, from 0 to 1.
    #[schemars(
        range(min = 0.0, max = 1.0),
        example = 0.5,
        extend("x-since" = "0.15.0", "x-default-text" = "1")
    )]
    pub sample_rate: Option<f64>,
}

/// Where traces go.
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

/// A form of headers that carry a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Propagator {
    /// W3C Trace Context.
    TraceContext,
    /// W3C Baggage.
    Baggage,
    /// The headers of Jaeger.
    Jaeger,
}

/// Metrics.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct Metrics {
    /// Where metrics go.
    #[schemars(extend("default" = "none"))]
    pub exporter: Option<MetricsExporter>,

    /// Base address of the OTLP collector, for the exporter `otlp`.
    #[schemars(extend("default" = "https://localhost:4318", "x-nullable" = true))]
    pub endpoint: Option<Url>,
}

/// Where metrics go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum MetricsExporter {
    /// Nowhere.
    None,
    /// To standard output, for debugging.
    Stdout,
    /// To an OpenTelemetry collector.
    Otlp,
    /// To whoever asks: needs a listener with the resource `prometheus`.
    Prometheus,
}

/// Crash reports.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct Sentry {
    /// Address of the Sentry project, which contains its key. MAS cannot read it from a file.
    #[schemars(extend("x-secret" = true))]
    pub dsn: Option<Dsn>,

    /// Name of this installation in Sentry.
    #[schemars(
        example = &"staging",
        extend("x-since" = "0.15.0", "x-default-text" = "`production`")
    )]
    pub environment: Option<String>,

    /// Which share of reports to send, from 0 to 1.
    #[schemars(
        range(min = 0.0, max = 1.0),
        example = 0.5,
        extend("x-since" = "0.15.0", "x-default-text" = "1")
    )]
    pub sample_rate: Option<f32>,

    /// Which share of traces to send to Sentry, from 0 to 1.
    #[schemars(
        range(min = 0.0, max = 1.0),
        example = 0.5,
        extend("x-since" = "0.15.0", "x-default-text" = "0")
    )]
    pub traces_sample_rate: Option<f32>,
}
