# A test of nix/tests for machines of Debian: its script, and what each of its nodes is.
{
  name,
  olderMas ? "/opt/mas",
}:
let
  lib = import <nixpkgs/lib>;
  tests = import ../../nix/tests { inherit lib; };
  pkgs = import ../nixos/pkgs.nix {
    mas = "/opt/mas";
    postgresql = "/usr/lib/postgresql/17";
    inherit olderMas;
  };

  # What NixOS's test framework knows of a test (nixpkgs nixos/lib/testing), as far as ours use it.
  test =
    (lib.evalModules {
      modules = [
        {
          options = {
            name = lib.mkOption { type = lib.types.str; };
            defaults = lib.mkOption {
              type = lib.types.deferredModule;
              default = { };
            };
            nodes = lib.mkOption { type = lib.types.lazyAttrsOf lib.types.deferredModule; };
            testScript = lib.mkOption { type = lib.types.str; };
          };
        }
        tests.${name}
      ];
    }).config;
  names = builtins.attrNames test.nodes;
  # As NixOS's test framework gives them.
  address = lib.listToAttrs (
    lib.imap1 (number: node: lib.nameValuePair node "192.168.1.${toString number}") names
  );
in
{
  inherit (test) testScript;
  nodes = lib.mapAttrs (
    node: module:
    import ../debian/machine.nix {
      inherit lib pkgs;
      modules = [
        ../../modules
        test.defaults
        {
          networking.hostName = lib.mkDefault node;
          networking.hosts = lib.mapAttrs' (other: at: lib.nameValuePair at [ other ]) address;
        }
        module
      ];
    }
    // {
      address = address.${node};
    }
  ) test.nodes;
}
