# String formats, for options and rules.
{
  formats = import ./generated/formats.nix;

  matches =
    format: value:
    builtins.isString value
    && builtins.match format.pattern value != null
    && (
      !(format ? also)
      || builtins.match format.also.when value == null
      || builtins.match format.also.require value != null
    );

  # The text matched by the group in the pattern, if the value is a string that matches completely.
  capture =
    pattern: value:
    let
      found = if builtins.isString value then builtins.match pattern value else null;
    in
    if found == null then null else builtins.head found;
}
