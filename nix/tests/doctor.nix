# The doctor says what is wrong, and never a secret.
{
  nodes.machine.imports = [
    ./common/mas.nix
    ./common/nginx.nix
    ./common/synapse.nix
  ];
}
