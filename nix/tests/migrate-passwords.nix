# A migration of users with passwords.
{
  nodes.machine.imports = [
    ./common/legacy.nix
    ./common/nginx.nix
  ];
}
