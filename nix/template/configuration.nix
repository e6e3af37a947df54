# A Matrix homeserver for example.com: Synapse, MAS, PostgreSQL, nginx with certificates, and Element Web.
# Replace the domain with your own. Its DNS records must point to this host: that of the domain itself, and
# those of the names below it that are used here.
{ lib, pkgs, ... }:
let
  domain = "example.com";

  # What to include.
  elementWeb = true; # Element Web at element.example.com
  qrLogin = true; # login of a new device with a QR code
  adminInterface = false; # Ketesa at admin.example.com, which makes the admin APIs public
  calls = false; # servers for calls with Element Call, at rtc.example.com

  matrix = "https://matrix.${domain}/";
  tls = {
    enableACME = true;
    forceSSL = true;
  };
  livekitKey = "/var/lib/livekit-key/key";
in
{
  networking.hostName = "matrix";
  networking.firewall.allowedTCPPorts = [
    80
    443
  ];

  services.matrix-authentication-service = {
    enable = true;
    createDatabase = true;
    synapse = {
      enable = true;
      inherit qrLogin;
    };
    routes = {
      nginx = true;
      host = "auth.${domain}";
      matrixHost = "matrix.${domain}";
      synapseAdmin = adminInterface;
      wellKnownClient = lib.mkIf calls {
        "org.matrix.msc4143.rtc_foci" = [
          {
            type = "livekit";
            livekit_service_url = "https://rtc.${domain}/livekit/jwt";
          }
        ];
      };
    };
    publicAdminApi = adminInterface;
    # The program that issues tokens for calls listens on port 8080.
    listen.public = lib.mkIf calls "127.0.0.1:8082";
  };

  services.matrix-synapse = {
    enable = true;
    settings = {
      server_name = domain;
      public_baseurl = matrix;
    }
    // lib.optionalAttrs calls {
      # As Element Call requires: participants who lost their connection leave a call, and clients can send
      # the keys of a call.
      experimental_features.msc4222_enabled = true;
      max_event_delay_duration = "24h";
      rc_message = {
        per_second = 0.5;
        burst_count = 30;
      };
      rc_delayed_event_mgmt = {
        per_second = 1;
        burst_count = 20;
      };
    };
  };

  services.postgresql = {
    enable = true;
    # Synapse requires a database with the locale C.
    initialScript = builtins.toFile "synapse.sql" ''
      CREATE ROLE "matrix-synapse" WITH LOGIN;
      CREATE DATABASE "matrix-synapse" WITH OWNER "matrix-synapse"
        TEMPLATE template0 LC_COLLATE = "C" LC_CTYPE = "C";
    '';
  };

  security.acme = {
    acceptTerms = true;
    defaults.email = "admin@${domain}";
  };

  services.nginx = {
    recommendedTlsSettings = true;
    virtualHosts = {
      ${domain} = tls;
      "auth.${domain}" = tls;
      "matrix.${domain}" = tls;
      "element.${domain}" = lib.mkIf elementWeb (
        tls
        // {
          root = pkgs.element-web.override {
            conf.default_server_config."m.homeserver" = {
              base_url = matrix;
              server_name = domain;
            };
          };
        }
      );
      "admin.${domain}" = lib.mkIf adminInterface (
        tls
        // {
          root = pkgs.ketesa.withConfig { restrictBaseUrl = "https://matrix.${domain}"; };
          locations."/".tryFiles = "$uri $uri/ /index.html";
        }
      );
      "rtc.${domain}" = lib.mkIf calls (
        tls
        // {
          locations."/livekit/jwt/".proxyPass = "http://127.0.0.1:8080/";
          locations."/livekit/sfu/" = {
            proxyPass = "http://127.0.0.1:7880/";
            proxyWebsockets = true;
          };
        }
      );
    };
  };

  services.livekit = lib.mkIf calls {
    enable = true;
    keyFile = livekitKey;
    openFirewall = true;
    settings.rtc.use_external_ip = true;
  };
  services.lk-jwt-service = lib.mkIf calls {
    enable = true;
    keyFile = livekitKey;
    livekitUrl = "wss://rtc.${domain}/livekit/sfu";
  };
  systemd.services = lib.mkIf calls {
    # Only users of this homeserver may start calls here. Others can join them.
    lk-jwt-service.environment.LIVEKIT_FULL_ACCESS_HOMESERVERS = lib.mkForce domain;
    livekit-key = {
      description = "Generate the key that LiveKit and lk-jwt-service share";
      requiredBy = [
        "livekit.service"
        "lk-jwt-service.service"
      ];
      before = [
        "livekit.service"
        "lk-jwt-service.service"
      ];
      path = [ pkgs.openssl ];
      serviceConfig = {
        Type = "oneshot";
        RemainAfterExit = true;
        StateDirectory = "livekit-key";
        StateDirectoryMode = "0700";
        UMask = "0077";
      };
      script = ''
        [ -s ${livekitKey} ] || echo "lk-jwt-service: $(openssl rand -hex 32)" >${livekitKey}
      '';
    };
  };

  # The NixOS release of the first installation, as nixos-generate-config wrote it to your configuration.nix.
  # Never change it afterwards: PostgreSQL would start with another, empty directory.
  system.stateVersion = "26.11";
}
