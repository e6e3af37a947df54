# A migration behind Caddy.
{
  nodes.machine.imports = [
    ./common/caddy.nix
    ./common/legacy.nix
  ];
}
