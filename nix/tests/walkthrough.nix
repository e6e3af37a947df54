# The migration that docs/migration.md and the README show: 5,000 users with three sessions each.
{
  nodes.machine.imports = [
    ./common/legacy.nix
    ./common/nginx.nix
  ];
}
