# Power is lost in every step of a migration.
{
  # Nine boots, and a migration or two after each: in a virtual machine three to five minutes a step, which
  # may be more than the hour that NixOS gives a test.
  globalTimeout = 3 * 60 * 60;

  nodes.machine.imports = [
    ./common/legacy.nix
    ./common/nginx.nix
  ];
}
