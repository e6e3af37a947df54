# Forms of text, for options and rules alike.
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

  # What the group in the pattern holds, if the value is a text that matches as a whole.
  capture =
    pattern: value:
    let
      found = if builtins.isString value then builtins.match pattern value else null;
    in
    if found == null then null else builtins.head found;
}
