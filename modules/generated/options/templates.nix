# Written by `mas2nix compile` from src/schema/templates.rs. Do not edit: change that instead.
{ lib, types }:
types.section {
  path = lib.mkOption {
    type = lib.types.str;
    description = "Directory that contains the page templates.";
    defaultText = lib.literalMD "provided by the package";
    example = "/var/lib/mas/templates";
  };
  assets_manifest = lib.mkOption {
    type = lib.types.str;
    description = "File that lists the style sheets and scripts that the pages load.";
    defaultText = lib.literalMD "provided by the package";
    example = "/var/lib/mas/manifest.json";
  };
  translations_path = lib.mkOption {
    type = lib.types.str;
    description = "Directory that contains the translations.";
    defaultText = lib.literalMD "provided by the package";
    example = "/var/lib/mas/translations";
  };
}
