{
  description = "Matrix Authentication Service in front of Synapse: typed, checked before it is deployed";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixpkgs-unstable";

  outputs =
    { self, nixpkgs }:
    let
      inherit (nixpkgs) lib;
      linux = [
        "x86_64-linux"
        "aarch64-linux"
      ];
      # The tools run there too; the module is for NixOS.
      darwin = [ "aarch64-darwin" ];
      forEach = systems: make: lib.genAttrs systems (system: make nixpkgs.legacyPackages.${system});
    in
    {
      packages = forEach (linux ++ darwin) (
        pkgs:
        rec {
          mas2nix = pkgs.callPackage ./nix/package.nix {
            # Without the package itself, which is one of them.
            flakeChecks = removeAttrs self.checks.${pkgs.stdenv.hostPlatform.system} or { } [ "build" ];
          };
          default = mas2nix;
          options-doc = pkgs.callPackage ./nix/options-doc.nix { };
          docs = pkgs.callPackage ./nix/docs.nix { };
          pages = pkgs.callPackage ./nix/pages.nix { };
        }
        // lib.optionalAttrs pkgs.stdenv.hostPlatform.isLinux {
          # For hosts without Nix, whatever their libraries are.
          static = pkgs.pkgsStatic.callPackage ./nix/package.nix { };
        }
      );

      overlays.default = final: _: { mas2nix = final.callPackage ./nix/package.nix { }; };

      nixosModules = {
        default = ./modules;
        matrix-authentication-service = ./modules;
      };

      apps = forEach (linux ++ darwin) (pkgs: rec {
        mas2nix = {
          type = "app";
          program = lib.getExe self.packages.${pkgs.stdenv.hostPlatform.system}.mas2nix;
          meta.description = "Compile, check and explain the configuration of MAS";
        };
        syn2mas = {
          type = "app";
          program = lib.getExe' self.packages.${pkgs.stdenv.hostPlatform.system}.mas2nix "syn2mas";
          meta.description = "Migrate a homeserver to MAS, verify that nothing was lost, and roll back";
        };
        default = mas2nix;
      });

      checks = forEach linux (pkgs: import ./nix/checks.nix { inherit self pkgs; });

      devShells = forEach (linux ++ darwin) (pkgs: {
        default = pkgs.callPackage ./nix/shell.nix { nixpkgsPath = nixpkgs.outPath; };
      });

      formatter = forEach (linux ++ darwin) (pkgs: pkgs.nixfmt-tree);

      templates.default = {
        path = ./nix/template;
        description = "A small homeserver: Synapse, MAS, PostgreSQL and nginx";
      };
    };
}
