# Configurations that people wrote for nixpkgs' module, as they are: MAS starts with each of them. And a
# secret that comes late.
let
  # What a secret manager puts there before the units start.
  secret = file: content: {
    systemd.tmpfiles.rules = [
      "d ${dirOf file} 0755 root root -"
      "f ${file} 0400 root root - ${content}"
    ];
  };
in
{
  # Its credentials are named by the path that they have in MAS's own unit.
  nodes.wiki.imports = [
    ../../tests/fixtures/configurations/wiki-basic-credential.nix
    (secret "/run/agenix/mas-shared" "shared")
  ];

  # Its command is the administrator's own.
  nodes.forced.imports = [
    ../../tests/fixtures/configurations/forced-exec-start.nix
    (secret "/run/agenix/masExtraConfig" (
      builtins.toJSON {
        secrets.encryption = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
      }
    ))
    (secret "/run/agenix/masSharedSecret" "shared")
    (secret "/run/agenix/masClientSecret" "client")
  ];

  # MAS's own unit makes the secrets, just before it starts.
  nodes.guarded.imports = [
    ../../tests/fixtures/configurations/nixpkgs-pull-527621-guarded-prestart.nix
  ];

  nodes.late = {
    services.matrix-authentication-service = {
      enable = true;
      createDatabase = true;
      settings.matrix = {
        homeserver = "example.com";
        secret_file = "/run/late/shared";
      };
    };
    # Nothing says that MAS has to wait for it.
    systemd.services.late-secret = {
      wantedBy = [ "multi-user.target" ];
      serviceConfig.Type = "oneshot";
      script = ''
        sleep 5
        mkdir /run/late
        echo shared > /run/late/shared
      '';
    };
  };
}
