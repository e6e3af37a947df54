# Seen at kolyma-labs/instances, an early version of its host for Matrix (stored file 45520266462).
# A sops template, an extra file, brings email and the whole `matrix` section. Unusual: the only setting is
# `upstream_oauth2.providers = { }`, a set where MAS and nixpkgs' module have a list (nixpkgs' refuses it;
# the copy of pull request 387274's module that was in use took it). There is no `secrets` section anywhere.
{
  services.matrix-authentication-service = {
    enable = true;
    createDatabase = true;
    extraConfigFiles = [
      "/run/secrets/rendered/extra-mas-conf.yaml"
    ];

    settings = {
      upstream_oauth2.providers = { };
    };
  };

  services.matrix-synapse = {
    enable = true;
    extraConfigFiles = [ "/run/secrets/rendered/extra-matrix-conf.yaml" ];
    settings.server_name = "example.com";
  };
}
