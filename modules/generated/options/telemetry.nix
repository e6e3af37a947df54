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
          Where traces go.

          - `"none"`: Nowhere.
          - `"stdout"`: To standard output, for debugging.
          - `"otlp"`: To an OpenTelemetry collector.
        '';
        defaultText = lib.literalExpression "\"none\"";
      };
      endpoint = lib.mkOption {
        type = types.unsetOr types.url;
        description = "Base address of the OTLP collector, for the exporter `otlp`.";
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
        description = "Which headers carry a trace from one service to the next.";
        defaultText = lib.literalExpression "[ ]";
        example = [
          "tracecontext"
          "baggage"
        ];
      };
      sample_rate = lib.mkOption {
        type = types.unsetOr (lib.types.numbers.between 0 1);
        description = ''
          Which share of traces to send, from 0 to 1.

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
          Where metrics go.

          - `"none"`: Nowhere.
          - `"stdout"`: To standard output, for debugging.
          - `"otlp"`: To an OpenTelemetry collector.
          - `"prometheus"`: To whoever asks: needs a listener with the resource
            `prometheus`.
        '';
        defaultText = lib.literalExpression "\"none\"";
      };
      endpoint = lib.mkOption {
        type = types.unsetOr types.url;
        description = "Base address of the OTLP collector, for the exporter `otlp`.";
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
          Address of the Sentry project, which contains its key. MAS cannot read it from a
          file.

          A secret: the module refuses it, because everyone could read it in the Nix
          store. Put it into a file of its own and name that in `extraConfigFiles`.
        '';
      };
      environment = lib.mkOption {
        type = types.unsetOr lib.types.str;
        description = ''
          Name of this installation in Sentry.

          Needs MAS 0.15.0 or newer.
        '';
        defaultText = lib.literalMD "`production`";
        example = "staging";
      };
      sample_rate = lib.mkOption {
        type = types.unsetOr (lib.types.numbers.between 0 1);
        description = ''
          Which share of reports to send, from 0 to 1.

          Needs MAS 0.15.0 or newer.
        '';
        defaultText = lib.literalMD "1";
        example = 0.5;
      };
      traces_sample_rate = lib.mkOption {
        type = types.unsetOr (lib.types.numbers.between 0 1);
        description = ''
          Which share of traces to send to Sentry, from 0 to 1.

          Needs MAS 0.15.0 or newer.
        '';
        defaultText = lib.literalMD "0";
        example = 0.5;
      };
    };
    description = "Crash reports, through Sentry.";
  };
}
