# Written by `mas2nix compile` from src/schema/mod.rs. Do not edit: change that instead.
{ lib, types }:
types.section {
  http = lib.mkOption {
    type = import ./http.nix { inherit lib types; };
    description = "The web server: its public URL, where it listens, and what it serves there.";
  };
  matrix = lib.mkOption {
    type = import ./matrix.nix { inherit lib types; };
    description = "The homeserver that MAS authenticates users for.";
  };
  secrets = lib.mkOption {
    type = import ./secrets.nix { inherit lib types; };
    description = "Keys that encrypt the data MAS stores and sign the tokens it issues.";
  };
  database = lib.mkOption {
    type = import ./database.nix { inherit lib types; };
    description = ''
      The connection to PostgreSQL. Without this section, MAS connects to the local
      server as the user that it runs as.
    '';
  };
  passwords = lib.mkOption {
    type = import ./passwords.nix { inherit lib types; };
    description = "Login with passwords that MAS itself stores.";
    defaultText = lib.literalExpression "{ enabled = true; schemes = [ { version = 1; algorithm = \"argon2id\"; } ]; minimum_complexity = 3; }";
  };
  email = lib.mkOption {
    type = import ./email.nix { inherit lib types; };
    description = ''
      How MAS sends mail, for address verification and account recovery. Without this
      section, MAS discards all mail.
    '';
    defaultText = lib.literalExpression "{ from = \"\\\"Authentication Service\\\" <root@localhost>\"; reply_to = \"\\\"Authentication Service\\\" <root@localhost>\"; transport = \"blackhole\"; }";
  };
  upstream_oauth2 = lib.mkOption {
    type = import ./upstream_oauth2.nix { inherit lib types; };
    description = "Login through other identity providers.";
  };
  clients = lib.mkOption {
    type = import ./clients.nix { inherit lib types; };
    description = ''
      Predefined OAuth 2.0 clients. Other clients register themselves at run time. MAS
      copies this list to its database at every start. Entries removed from the list
      stay in the database until `mas-cli config sync --prune` runs.
    '';
  };
  account = lib.mkOption {
    type = import ./account.nix { inherit lib types; };
    description = ''
      What users may do with their own accounts.

      Needs MAS 0.10.0 or newer.
    '';
  };
  oauth = lib.mkOption {
    type = import ./oauth.nix { inherit lib types; };
    description = ''
      Features of the OAuth 2.0 protocol.

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
      A CAPTCHA that users must solve to register.

      Needs MAS 0.10.0 or newer.
    '';
  };
  policy = lib.mkOption {
    type = import ./policy.nix { inherit lib types; };
    description = ''
      The Open Policy Agent policy that allows or denies registrations, clients and
      logins.
    '';
  };
  rate_limiting = lib.mkOption {
    type = import ./rate_limiting.nix { inherit lib types; };
    description = ''
      Rate limits. Each one is a token bucket.

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
      Paths of the page templates and translations. The package sets these paths;
      change them only to use custom templates.
    '';
  };
  experimental = lib.mkOption {
    type = import ./experimental.nix { inherit lib types; };
    description = "Experimental features, which upstream may change or remove.";
  };
}
