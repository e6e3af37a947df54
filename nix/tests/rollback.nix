# Back to Synapse's own authentication, before and after people have logged in through MAS.
{
  nodes.machine.imports = [
    ./common/legacy.nix
    ./common/nginx.nix
  ];
}
