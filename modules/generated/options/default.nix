# Written by `mas2nix compile` from src/schema/mod.rs. Do not edit: change that instead.
{ lib, types }:
types.section {
  http = lib.mkOption {
    type = import ./http.nix { inherit lib types; };
    description = ''
      The web server: where it listens, what it serves there, and under which public
      address.
    '';
  };
  matrix = lib.mkOption {
    type = import ./matrix.nix { inherit lib types; };
    description = "The homeserver that MAS authenticates users for.";
  };
  secrets = lib.mkOption {
    type = import ./secrets.nix { inherit lib types; };
    description = "Keys that encrypt what MAS stores and sign what it issues.";
  };
  database = lib.mkOption {
    type = import ./database.nix { inherit lib types; };
    description = ''
      The connection to PostgreSQL. Without this section MAS connects to the local
      server as the user it runs as.
    '';
  };
  passwords = lib.mkOption {
    type = import ./passwords.nix { inherit lib types; };
    description = "Logging in with a password that MAS itself keeps.";
    defaultText = lib.literalExpression "{ enabled = true; schemes = [ { version = 1; algorithm = \"argon2id\"; } ]; minimum_complexity = 3; }";
  };
  email = lib.mkOption {
    type = import ./email.nix { inherit lib types; };
    description = ''
      Sending mail: address verification and account recovery. Without this section
      MAS throws all mail away.
    '';
    defaultText = lib.literalExpression "{ from = \"\\\"Authentication Service\\\" <root@localhost>\"; reply_to = \"\\\"Authentication Service\\\" <root@localhost>\"; transport = \"blackhole\"; }";
  };
  upstream_oauth2 = lib.mkOption {
    type = import ./upstream_oauth2.nix { inherit lib types; };
    description = "Logging in through other identity providers.";
  };
  clients = lib.mkOption {
    type = import ./clients.nix { inherit lib types; };
    description = ''
      OAuth 2.0 clients known from the start. Others register themselves at run time.
      MAS copies this list into its database at every start; entries taken out of it
      stay there until `mas-cli config sync --prune`.
    '';
  };
  account = lib.mkOption {
    type = import ./account.nix { inherit lib types; };
    description = ''
      What users may do with their accounts by themselves.

      Needs MAS 0.10.0 or newer.
    '';
  };
  oauth = lib.mkOption {
    type = import ./oauth.nix { inherit lib types; };
    description = ''
      Switches of the OAuth 2.0 protocol.

      Needs MAS 1.18.0 or newer.
    '';
  };
  branding = lib.mkOption {
    type = import ./branding.nix { inherit lib types; };
    description = "How MAS presents itself to users.";
  };
  captcha = lib.mkOption {
    type = import ./captcha.nix { inherit lib types; };
    description = ''
      A CAPTCHA in front of registration.

      Needs MAS 0.10.0 or newer.
    '';
  };
  policy = lib.mkOption {
    type = import ./policy.nix { inherit lib types; };
    description = ''
      The Open Policy Agent policy that allows or refuses registrations, clients and
      logins.
    '';
  };
  rate_limiting = lib.mkOption {
    type = import ./rate_limiting.nix { inherit lib types; };
    description = ''
      How often someone may try something. Each limit is a token bucket.

      Needs MAS 0.10.0 or newer.
    '';
  };
  telemetry = lib.mkOption {
    type = import ./telemetry.nix { inherit lib types; };
    description = "Traces, metrics and crash reports.";
  };
  templates = lib.mkOption {
    type = import ./templates.nix { inherit lib types; };
    description = ''
      Where MAS finds its page templates and translations. The package sets these
      paths; change them for templates of your own.
    '';
  };
  experimental = lib.mkOption {
    type = import ./experimental.nix { inherit lib types; };
    description = "Features that upstream may still change or take away.";
  };
}
