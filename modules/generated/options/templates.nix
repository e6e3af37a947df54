# Written by `mas2nix compile` from src/schema/templates.rs. Do not edit: change that instead.
{ lib, types }:
types.section {
  path = lib.mkOption {
    type = lib.types.str;
    description = "Directory of the page templates.";
    defaultText = lib.literalMD "what the package brings";
  };
  assets_manifest = lib.mkOption {
    type = lib.types.str;
    description = "File that lists the style sheets and scripts the pages load.";
    defaultText = lib.literalMD "what the package brings";
  };
  translations_path = lib.mkOption {
    type = lib.types.str;
    description = "Directory of the translations.";
    defaultText = lib.literalMD "what the package brings";
  };
}
