# The tests by name, as modules of NixOS's test framework: nodes from the file of that name, the script
# from tests/e2e/scenarios.
{ lib }:
let
  scripts = ../../tests/e2e/scenarios;
  script = name: builtins.readFile (scripts + "/${lib.replaceStrings [ "-" ] [ "_" ] name}.py");
  named =
    name:
    lib.nameValuePair name {
      inherit name;
      imports = [ (./. + "/${name}.nix") ];
      defaults = ./common/machine.nix;
      testScript = script "common" + "\n\n" + script name;
    };
  isTest = file: kind: kind == "regular" && lib.hasSuffix ".nix" file && file != "default.nix";
  files = lib.attrNames (lib.filterAttrs isTest (builtins.readDir ./.));
in
lib.listToAttrs (map (file: named (lib.removeSuffix ".nix" file)) files)
