# Written by `mas2nix compile` from src/schema/telemetry.rs. Do not edit: change that instead.
{ lib, types }:
types.section {
  tracing = lib.mkOption {
    type = types.section {
      exporter = lib.mkOption {
        type = lib.types.enum [
          "none"
          "stdout"
          "otlp"
        ];
        description = ''
          Where to send traces.

          - `"none"`: Nowhere.
          - `"stdout"`: To standard output, for debugging.
          - `"otlp"`: To an OpenTelemetry collector.
        '';
        defaultText = lib.literalExpression "\"none\"";
      };
      endpoint = lib.mkOption {
        type = types.unsetOr types.url;
        description = "Base URL of the OTLP collector, for the exporter `otlp`.";
        defaultText = lib.literalExpression "\"https://localhost:4318\"";
      };
      propagators = lib.mkOption {
        type = types.list (
          lib.types.enum [
            "tracecontext"
            "baggage"
            "jaeger"
          ]
        );
        description = "Header formats that propagate traces between services.";
        defaultText = lib.literalExpression "[ ]";
        example = [
          "tracecontext"
          "baggage"
        ];
      };
      sample_rate = lib.mkOption {
        type = types.unsetOr (lib.types.numbers.between 0 1);
        description = ''
          Fraction of traces to send, from 0 to 1.

          Needs MAS 0.15.0 or newer.
        '';
        defaultText = lib.literalMD "1";
        example = 0.5;
      };
    };
    description = "Traces, through OpenTelemetry.";
  };
  metrics = lib.mkOption {
    type = types.section {
      exporter = lib.mkOption {
        type = lib.types.enum [
          "none"
          "stdout"
          "otlp"
          "prometheus"
        ];
        description = ''
          Where to send metrics.

          - `"none"`: Nowhere.
          - `"stdout"`: To standard output, for debugging.
          - `"otlp"`: To an OpenTelemetry collector.
          - `"prometheus"`: To Prometheus, which fetches them. Requires a listener with
            the resource `prometheus`.
        '';
        defaultText = lib.literalExpression "\"none\"";
      };
      endpoint = lib.mkOption {
        type = types.unsetOr types.url;
        description = "Base URL of the OTLP collector, for the exporter `otlp`.";
        defaultText = lib.literalExpression "\"https://localhost:4318\"";
      };
    };
    description = "Metrics, through OpenTelemetry or Prometheus.";
  };
  sentry = lib.mkOption {
    type = types.section {
      dsn = lib.mkOption {
        type = types.secret (types.unsetOr types.dsn);
        description = ''
          DSN of the Sentry project, which contains a key. MAS cannot read it from a file.

          This is a secret. The module rejects it here, because everyone could read it in
          the Nix store. Write it to a separate configuration file, and add that file to
          `extraConfigFiles`.
        '';
      };
      environment = lib.mkOption {
        type = types.unsetOr lib.types.str;
        description = ''
          Name of this environment in Sentry.

          Needs MAS 0.15.0 or newer.
        '';
        defaultText = lib.literalMD "`production`";
        example = "staging";
      };
      sample_rate = lib.mkOption {
        type = types.unsetOr (lib.types.numbers.between 0 1);
        description = ''
          Fraction of reports to send, from 0 to 1.

          Needs MAS 0.15.0 or newer.
        '';
        defaultText = lib.literalMD "1";
        example = 0.5;
      };
      traces_sample_rate = lib.mkOption {
        type = types.unsetOr (lib.types.numbers.between 0 1);
        description = ''
          Fraction of traces to send to Sentry, from 0 to 1.

          Needs MAS 0.15.0 or newer.
        '';
        defaultText = lib.literalMD "0";
        example = 0.5;
      };
    };
    description = "Crash reports, through Sentry.";
  };
}
