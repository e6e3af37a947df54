# A new homeserver, from an empty disk to users who exchange messages.
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
    services.matrix-authentication-service.users.alice = {
      passwordFile = "/etc/alice-password";
      admin = true;
    };
  };
}
