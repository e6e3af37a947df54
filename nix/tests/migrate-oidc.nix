# A migration of users who log in through an OpenID provider. The provider is Dex; Debian containers use
# another one.
{
  nodes.machine =
    { ... }:
    let
      issuer = "http://127.0.0.1:5556";
      provider = "01HFVBY12TMNTYTBV8W921M5FA";
    in
    {
      imports = [
        ./common/legacy.nix
        ./common/nginx.nix
      ];

      services.dex = {
        enable = true;
        settings = {
          inherit issuer;
          storage.type = "memory";
          web.http = "127.0.0.1:5556";
          oauth2.skipApprovalScreen = true;
          enablePasswordDB = true;
          staticClients = [
            {
              id = "synapse";
              name = "Synapse";
              secret = "of-synapse";
              redirectURIs = [ "https://matrix.example.com/_synapse/client/oidc/callback" ];
            }
            {
              id = "mas";
              name = "MAS";
              secret = "of-mas";
              redirectURIs = [ "https://auth.example.com/upstream/callback/${provider}" ];
            }
          ];
          staticPasswords = [
            {
              email = "carol@example.com";
              username = "carol";
              userID = "dbcd1a53-0e5b-4d4a-9c6c-3c9ac8ad3f0e";
              # carol-password
              hash = "$2b$10$Mz5X7RsXRlU/YlAuNc082uSnTs7WSYjtihl654Pw95F7dKyv.2kL.";
            }
          ];
        };
      };

      services.matrix-synapse.settings.oidc_providers = [
        {
          idp_id = "dex";
          idp_name = "Dex";
          inherit issuer;
          client_id = "synapse";
          client_secret = "of-synapse";
          scopes = [
            "openid"
            "profile"
            "email"
          ];
          skip_verification = true;
          user_profile_method = "userinfo_endpoint";
          user_mapping_provider.config.localpart_template = "{{ user.name }}";
        }
      ];

      environment.etc.mas-client-secret = {
        text = "of-mas";
        mode = "0400";
      };
      services.matrix-authentication-service.settings.upstream_oauth2.providers = [
        {
          id = provider;
          synapse_idp_id = "oidc-dex";
          human_name = "Dex";
          inherit issuer;
          discovery_mode = "insecure";
          client_id = "mas";
          client_secret_file = "/etc/mas-client-secret";
          token_endpoint_auth_method = "client_secret_basic";
          scope = "openid profile email";
          fetch_userinfo = true;
          claims_imports.localpart = {
            action = "require";
            template = "{{ user.name }}";
          };
        }
      ];
    };
}
