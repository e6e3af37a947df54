# The checks of `nix flake check`.
{ self, pkgs }:
let
  inherit (pkgs) lib;
  # A string, which is not copied to the store again, unlike the path `pkgs.path`.
  nixpkgs = self.inputs.nixpkgs.outPath;
  package = self.packages.${pkgs.stdenv.hostPlatform.system}.mas2nix;
  source = (import ./source.nix { inherit lib; }).test;

  # The package's own build environment, with tests and documents, and another command.
  cargo =
    name: inputs: command:
    package.overrideAttrs (old: {
      pname = "mas2nix-${name}";
      src = source;
      # The whole Cargo.toml is there.
      postPatch = "";
      nativeBuildInputs = old.nativeBuildInputs ++ inputs;
      buildPhase = ''
        runHook preBuild
        ${command}
        runHook postBuild
      '';
      installPhase = "touch $out";
    });

  # Replaces what scripts/synapse installs from PyPI: a Python that can import Synapse, and its programs.
  synapse =
    let
      unwrapped = pkgs.matrix-synapse-unwrapped;
      inherit (unwrapped.optional-dependencies) oidc postgres redis;
    in
    unwrapped.python.withPackages (
      python: [ (python.toPythonModule unwrapped) ] ++ oidc ++ postgres ++ redis
    );

  # Whole homeservers in virtual machines: ./tests.
  homeservers = lib.mapAttrs (
    _: test:
    pkgs.testers.runNixOSTest {
      imports = [ test ];
      defaults.imports = [ self.nixosModules.default ];
    }
  ) (import ./tests { inherit lib; });

  # `pkgs.lib` has no `nixosSystem`, which is a part of the flake's `lib` alone.
  nixos =
    modules:
    pkgs.nixos (
      modules
      ++ [
        {
          boot.loader.grub.enable = false;
          fileSystems."/" = {
            device = "none";
            fsType = "tmpfs";
          };
        }
      ]
    );
  system = nixos [
    self.nixosModules.default
    ./template/configuration.nix
  ];

  # NixOS's declarations of the options that the tests declare themselves.
  nixosOptions = pkgs.writeText "nixos-options.tsv" (
    builtins.unsafeDiscardStringContext (
      import ./nixos-options.nix {
        inherit lib;
        inherit (nixos [ (pkgs.path + "/nixos/modules/virtualisation/qemu-vm.nix") ]) options;
        declared =
          (lib.evalModules {
            modules = [
              ../tests/e2e/nixos_options
              { _module.args.pkgs = import ../tests/e2e/nixos_options/pkgs.nix { }; }
            ];
          }).options;
      }
    )
  );
in
homeservers
// {
  build = package;

  inherit (self.packages.${pkgs.stdenv.hostPlatform.system}) docs options-doc;

  clippy = cargo "clippy" [ pkgs.clippy ] "cargo clippy --offline --all-targets -- -D warnings";

  # Nix files are checked by `tests`, and other languages by tests/fmt alone.
  fmt = cargo "fmt" [ pkgs.rustfmt ] "cargo fmt --check";

  # With the real programs, and nothing skipped but what a sandbox cannot do: mount a disk or make another
  # network, which only root can, get a Synapse that is too old from PyPI, and take a newer PostgreSQL from Debian's image,
  # and look at pages in Chromium.
  # Machines are checks of their own.
  tests =
    cargo "tests"
      [
        pkgs.curl
        pkgs.matrix-authentication-service
        pkgs.nginx
        pkgs.nix
        pkgs.openssl
        pkgs.pgbouncer
        pkgs.postgresql
        pkgs.systemd
        pkgs.util-linux
      ]
      ''
        export HOME=$TMPDIR INSTA_UPDATE=no NIX_PATH=nixpkgs=${nixpkgs} MAS2NIX_REQUIRE_ALL=1
        export NIX_STORE_DIR=$TMPDIR/nix/store NIX_STATE_DIR=$TMPDIR/nix/var
        export NIX_LOG_DIR=$TMPDIR/nix/log NIX_CONF_DIR=$TMPDIR/nix/etc
        export SSL_CERT_FILE=${pkgs.cacert}/etc/ssl/certs/ca-bundle.crt
        export MAS2NIX_NIXOS_OPTIONS=${nixosOptions}
        export MAS2NIX_UPSTREAM_SCHEMA=${pkgs.matrix-authentication-service.src}/docs/config.schema.json
        mkdir -p target/synapse
        ln -s ${synapse}/bin target/synapse/bin
        bash scripts/postgres bash scripts/synapse schema
        cargo test --offline -- --skip a_full_disk --skip a_synapse_that_is_too_old --skip newer_postgresql \
          --skip a_worker_on_another_host --skip in_chromium
      '';

  # The committed files are up to date.
  drift = pkgs.runCommand "mas2nix-drift" { } ''
    cd ${source}
    ${lib.getExe package} compile --check
    touch $out
  '';

  # A whole system evaluates, without building it.
  module = pkgs.writeText "mas2nix-module" (
    builtins.unsafeDiscardStringContext system.config.system.build.toplevel.drvPath
  );
}
