# What the services of NixOS are on a Debian machine: the options of ../nixos_options, made into units,
# files and users as nixpkgs makes them, with Debian's programs. Units have the names, users, order and
# sandboxes that they have on NixOS, where that matters to MAS.
{ lib, ... }:
{
  imports = [
    ../nixos_options
    ./caddy.nix
    ./dex.nix
    ./matrix-synapse.nix
    ./nginx.nix
    ./postgresql.nix
    ./redis.nix
  ];

  # MAS is installed by hand, in a place that it does not know.
  services.matrix-authentication-service = {
    policyPackage = lib.mkDefault "/opt/mas/share";
    templatesPackage = lib.mkDefault "/opt/mas/share";
  };
}
