# The doctor reports errors, and never shows a secret.
{
  nodes.machine.imports = [
    ./common/mas.nix
    ./common/nginx.nix
    ./common/synapse.nix
  ];
}
