# A homeserver with workers is moved while somebody uses it.
{
  nodes.machine = {
    imports = [
      ./common/legacy.nix
      ./common/nginx.nix
      ./common/workers.nix
    ];
  };
}
