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
}
