# A test of nix/tests for machines of Debian: its script, and what each of its nodes is.
{
  name,
  olderMas ? "/opt/mas",
}:
let
  lib = import <nixpkgs/lib>;
  tests = import ../../../nix/tests { inherit lib; };
  pkgs = import ../nixos_options/pkgs.nix {
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
            # In containers nothing takes that long.
            globalTimeout = lib.mkOption {
              type = lib.types.int;
              default = 60 * 60;
            };
            nodes = lib.mkOption { type = lib.types.lazyAttrsOf lib.types.deferredModule; };
            testScript = lib.mkOption { type = lib.types.str; };
          };
        }
        tests.${name}
      ];
    }).config;
  names = builtins.attrNames test.nodes;
  # As NixOS's test framework gives them: an address of each family, under the same name.
  addresses = lib.listToAttrs (
    lib.imap1 (
      number: node:
      lib.nameValuePair node [
        "192.168.1.${toString number}"
        "2001:db8:1::${toString number}"
      ]
    ) names
  );
  hosts = lib.concatMapAttrs (node: at: lib.genAttrs at (_: [ node ])) addresses;
in
{
  inherit (test) testScript;
  nodes = lib.mapAttrs (
    node: module:
    import ../debian/machine.nix {
      inherit lib pkgs;
      modules = [
        ../../../modules
        test.defaults
        {
          networking.hostName = lib.mkDefault node;
          networking = { inherit hosts; };
        }
        module
      ];
    }
    // {
      addresses = addresses.${node};
    }
  ) test.nodes;
}
