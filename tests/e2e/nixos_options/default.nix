# The NixOS options that our module, the template and the nodes of our tests set, declared as in nixpkgs at
# the revision of flake.lock, each file of options with the file of nixpkgs that it follows. nixpkgs itself
# is not needed, so a misspelled or mistyped option is found wherever its `lib` is. The test
# `nixos_options` holds them against options.tsv, and their behaviour against that of nixpkgs' modules.
{
  imports = [
    ./caddy.nix
    ./dex.nix
    ./etc.nix
    ./livekit.nix
    ./matrix-synapse.nix
    ./nginx.nix
    ./postgresql.nix
    ./prometheus.nix
    ./redis.nix
    ./system.nix
    ./systemd.nix
    ./users.nix
    ./virtualisation.nix
  ];
}
