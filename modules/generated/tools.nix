# Written by `mas2nix compile` from src/deploy/manifests.rs. Do not edit: change that instead.
{ lib, cfg, ... }: {
  mas-cli = "#!/bin/sh\n${"exec ${cfg.toolsPackage}/bin/mas-service cli \"$@\"\n"}";
  mas-register-user = "#!/bin/sh\n${"exec ${cfg.toolsPackage}/bin/mas-service register-user \"$@\"\n"}";
}
