# What clients expect beside logins: login with a QR code, servers for calls, and an admin interface.
{
  nodes.machine = {
    imports = [
      ./common/mas.nix
      ./common/nginx.nix
      ./common/synapse.nix
    ];
    environment.etc.alice-password = {
      text = "correct horse battery";
      mode = "0400";
    };
    environment.etc.client-secret = {
      text = "of-the-test";
      mode = "0400";
    };
    services.matrix-authentication-service = {
      users.alice.passwordFile = "/etc/alice-password";
      users.bob.passwordFile = "/etc/alice-password";
      admins = [ "alice" ];
      publicAdminApi = true;
      synapse.rtcTransports = [
        {
          type = "livekit";
          livekit_service_url = "https://rtc.example.com/livekit/jwt";
        }
      ];
      routes = {
        synapseAdmin = true;
        wellKnownClient = import ./common/well-known-client.nix;
      };
      # A program that uses the admin API without a person.
      settings = {
        clients = [
          {
            client_id = "01J44RKQYM4G3TNVANTMTDYTX6";
            client_auth_method = "client_secret_basic";
            client_secret_file = "/etc/client-secret";
          }
        ];
        policy.data.admin_clients = [ "01J44RKQYM4G3TNVANTMTDYTX6" ];
      };
    };
  };
}
