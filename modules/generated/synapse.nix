# Written by `mas2nix compile` from src/deploy/synapse_overlay.rs. Do not edit: change that instead.
{ lib, cfg, ... }:
{
  section = {
    enabled = true;
    endpoint = cfg.synapse.endpoint;
    secret_path =
      if cfg.synapse.secretPath != null then
        cfg.synapse.secretPath
      else if cfg.computed.generate.synapse then
        "${cfg.secrets.directory}/synapse"
      else
        cfg.computed.sharedSecretFile;
  }
  // lib.optionalAttrs cfg.synapse.forceHttp2 { force_http2 = true; };
  features =
    lib.optionalAttrs cfg.synapse.qrLogin {
      msc4108_enabled = true;
      msc4388_mode = "open";
    }
    // lib.optionalAttrs (cfg.synapse.rtcTransports != [ ]) { msc4143_enabled = true; };
}
// lib.optionalAttrs (cfg.synapse.rtcTransports != [ ]) {
  matrixRtc = {
    transports = cfg.synapse.rtcTransports;
  };
}
// {
  overlayFile = "${cfg.migration.directory}/synapse.yaml";
}
