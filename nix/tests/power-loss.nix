# Power is lost in every step of a migration.
{
  nodes.machine.imports = [
    ./common/legacy.nix
    ./common/nginx.nix
  ];
}
