# Debian has no Dex. Canaille, an OpenID provider from PyPI, takes its place, with the clients and users
# that Dex's settings name.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  cfg = config.services.dex;
  inherit (cfg) settings;
  address = lib.removePrefix "http://" settings.issuer;
  toml = pkgs.writeText "canaille.toml" ''
    SECRET_KEY = "of-the-test"
    SERVER_NAME = "${address}"
    PREFERRED_URL_SCHEME = "http"
    [CANAILLE]
    DATABASE = "sql"
    JAVASCRIPT = false
    [CANAILLE_SQL]
    DATABASE_URI = "sqlite:////var/lib/dex/canaille.sqlite"
    [CANAILLE_OIDC]
    ENABLE_OIDC = true
  '';
  canaille = arguments: "/opt/canaille/bin/canaille ${arguments}";
  client =
    client:
    canaille (
      "create client --client-id ${client.id} --client-secret ${client.secret} "
      + "--client-name ${client.name} --client-uri ${settings.issuer} "
      + "--token-endpoint-auth-method client_secret_basic --id-token-signed-response-alg RS256 "
      + lib.concatMapStringsSep " " (uri: "--redirect-uris ${uri}") client.redirectURIs
      + " --grant-types authorization_code --response-types code"
      + " --scope openid --scope profile --scope email"
    )
    # Who a token is for has to be said.
    + "\n"
    + canaille "set client ${client.id} --audience ${client.id}";
  # The hash that Dex wants says nothing to Canaille: the password of the tests is the user's name.
  user =
    user:
    canaille (
      "create user --user-name ${user.username} --password ${user.username}-password "
      + "--emails ${user.email} --family-name ${user.username} --formatted-name ${user.username}"
    );
in
lib.mkIf cfg.enable {
  systemd.services.dex = {
    description = "OpenID provider";
    wantedBy = [ "multi-user.target" ];
    after = [ "network.target" ];
    environment = {
      CANAILLE_CONFIG = "/var/lib/dex/canaille.toml";
      HOME = "/var/lib/dex";
    };
    preStart = ''
      cd /var/lib/dex
      if ! test -e ready; then
        cat ${toml} >canaille.toml
        key=$(${canaille "jwk create rsa"} | sed 's/": /"=/g')
        echo "ACTIVE_JWKS = [ $key ]" >>canaille.toml
        ${canaille "install"}
        ${lib.concatMapStringsSep "\n" client settings.staticClients}
        ${lib.concatMapStringsSep "\n" user settings.staticPasswords}
        touch ready
      fi
    '';
    serviceConfig = {
      DynamicUser = true;
      StateDirectory = "dex";
      WorkingDirectory = "/var/lib/dex";
      ExecStart = "/opt/canaille/bin/canaille run --bind ${address}";
    };
  };
}
