# The flake's outputs, with nixpkgs' `lib` and a stand-in for its packages. Nothing is built: this shows
# that outputs have the right shape, that files exist, and that functions get the arguments they take.
let
  realLib = import <nixpkgs/lib>;
  # The real ones need Nix 2.14.
  lib = realLib // {
    fileset = {
      unions =
        files:
        assert realLib.all builtins.pathExists files;
        files;
      toSource =
        { root, fileset }:
        assert fileset != [ ];
        "/nix/store/source";
    };
  };

  derive =
    attributes:
    {
      type = "derivation";
      name = attributes.pname;
      outPath = "/nix/store/${attributes.pname}";
      overrideAttrs = change: derive (attributes // change attributes);
    }
    // attributes
    // attributes.passthru or { };
  package = pname: derive { inherit pname; };
  named = name: arguments: derive (arguments // { pname = name; });

  pkgsFor =
    system:
    let
      packages = {
        inherit lib pkgs;
        # The same functions, for another platform.
        pkgsStatic = pkgs;
        path = /nixpkgs;
        stdenv.hostPlatform = {
          inherit system;
          isLinux = lib.hasSuffix "-linux" system;
        };
        rustPlatform.buildRustPackage = arguments: derive ({ nativeBuildInputs = [ ]; } // arguments);
        mkShell = named "shell";
        testers.runNixOSTest = test: named (lib.head test.imports).name test;
        nixosOptionsDoc = arguments: {
          optionsCommonMark = named "options.md" {
            shown = lib.filter (option: option.visible && !option.internal) (
              map arguments.transformOptions (lib.optionAttrSetToDocList arguments.options)
            );
          };
        };
        nixos = _: {
          options = { };
          config.system.build.toplevel = package "system" // {
            drvPath = "/nix/store/system.drv";
          };
        };
        writeText = name: text: named name { inherit text; };
        runCommand =
          name: arguments: command:
          named name (arguments // { inherit command; });
        matrix-synapse-unwrapped = package "matrix-synapse" // {
          optional-dependencies = {
            oidc = [ ];
            postgres = [ ];
          };
          python.withPackages = choose: named "python" { chosen = choose { toPythonModule = lib.id; }; };
        };
        matrix-authentication-service = package "matrix-authentication-service" // {
          src = "/nix/store/matrix-authentication-service-source";
        };
        callPackage =
          file: arguments:
          let
            function = import file;
            wanted = lib.filterAttrs (name: optional: !optional || pkgs ? ${name}) (lib.functionArgs function);
          in
          function (lib.mapAttrs (name: _: pkgs.${name} or (package name)) wanted // arguments);
      };
      pkgs =
        lib.genAttrs [
          "cacert"
          "clippy"
          "curl"
          "nginx"
          "nix"
          "nixfmt-tree"
          "openssl"
          "pgbouncer"
          "postgresql"
          "rustfmt"
          "systemd"
          "util-linux"
        ] package
        // packages;
    in
    pkgs;

  systems = [
    "x86_64-linux"
    "aarch64-linux"
    "aarch64-darwin"
  ];
  nixpkgs = {
    inherit lib;
    outPath = "/nixpkgs";
    legacyPackages = lib.genAttrs systems pkgsFor;
  };
  self = (import ../../../flake.nix).outputs { inherit self nixpkgs; } // {
    inputs = { inherit nixpkgs; };
  };

  # Everything but functions and what other derivations are made of.
  force =
    value:
    builtins.deepSeq (removeAttrs value [
      "overrideAttrs"
      "passthru"
      "tests"
    ]) value;
  derivations =
    perSystem:
    lib.mapAttrs (
      _:
      lib.mapAttrs (
        name: value: if lib.isDerivation (force value) then value.name else throw "${name}: no derivation"
      )
    ) perSystem;

  system = "x86_64-linux";
  options = self.packages.${system}.options-doc.shown;
  optionNames = map (option: option.name) options;
  tests = self.packages.${system}.mas2nix.tests;
in
assert lib.attrNames self.packages == lib.sort lib.lessThan systems;
assert tests ? rollback && tests ? clippy && !(tests ? build);
assert lib.all (system: lib.hasSuffix "-linux" system == self.packages.${system} ? static) systems;
assert lib.elem "services.matrix-authentication-service.settings.http.public_base" optionNames;
assert lib.all (lib.hasPrefix "services.matrix-authentication-service.") optionNames;
assert lib.all (option: option ? description && option.declarations == [ ]) options;
# nixpkgs writes them as JSON.
assert builtins.stringLength (builtins.toJSON options) > 100000;
assert lib.all builtins.pathExists (lib.attrValues self.nixosModules);
assert builtins.pathExists (self.templates.default.path + "/flake.nix");
assert (self.overlays.default (pkgsFor system) { }).mas2nix.meta.mainProgram == "mas2nix";
{
  packages = derivations self.packages;
  checks = derivations self.checks;
  devShells = derivations self.devShells;
  formatter = lib.mapAttrs (_: formatter: formatter.name) self.formatter;
  apps = lib.mapAttrs (_: lib.mapAttrs (_: app: app.program)) self.apps;
}
