# A homeserver behind Caddy is moved.
{
  nodes.machine.imports = [
    ./common/caddy.nix
    ./common/legacy.nix
  ];
}
