# Power is lost in every step of a migration and of a rollback.
{
  # There are nineteen boots, with a migration or two after each. In a virtual machine that is three to five
  # minutes a step, too close to the hour that a test has by default.
  globalTimeout = 3 * 60 * 60;

  nodes.machine.imports = [
    ./common/legacy.nix
    ./common/nginx.nix
  ];
}
