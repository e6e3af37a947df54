# A migration with workers, while a client uses the homeserver.
{
  nodes.machine = {
    imports = [
      ./common/legacy.nix
      ./common/nginx.nix
      ./common/workers.nix
    ];
  };
}
