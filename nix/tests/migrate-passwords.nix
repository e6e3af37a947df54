# People with passwords are moved.
{
  nodes.machine.imports = [
    ./common/legacy.nix
    ./common/nginx.nix
  ];
}
