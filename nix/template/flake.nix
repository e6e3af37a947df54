{
  description = "A small Matrix homeserver";

  inputs = {
    nixpkgs.url = "github:NixOS/nixpkgs/nixpkgs-unstable";
    # Where you keep mas2nix.
    mas2nix = {
      url = "path:/etc/mas2nix";
      inputs.nixpkgs.follows = "nixpkgs";
    };
  };

  outputs =
    { nixpkgs, mas2nix, ... }:
    {
      nixosConfigurations.matrix = nixpkgs.lib.nixosSystem {
        system = "x86_64-linux";
        modules = [
          mas2nix.nixosModules.default
          ./configuration.nix
          # Your own disks, boot loader and users.
          # ./hardware-configuration.nix
          # ./host.nix
        ];
      };
    };
}
