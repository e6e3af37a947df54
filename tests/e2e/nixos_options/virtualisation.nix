# nixpkgs nixos/modules/virtualisation/qemu-vm.nix: what a test's machine has.
{ lib, ... }:
let
  inherit (lib) mkOption types;
in
{
  options.virtualisation = {
    cores = mkOption {
      type = types.ints.positive;
      default = 1;
    };
    diskSize = mkOption {
      type = types.either (types.enum [ "auto" ]) types.ints.positive;
      default = 1024;
    };
    memorySize = mkOption {
      type = types.ints.positive;
      default = 1024;
    };
  };
}
