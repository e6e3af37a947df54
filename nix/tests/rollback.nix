# A rollback to Synapse's own authentication, before and after users have logged in through MAS.
{
  nodes.machine.imports = [
    ./common/legacy.nix
    ./common/nginx.nix
  ];
}
