//! The option tree: a JSON schema, read into the form that the rest of the program uses.
//!
//! The same reader takes our own schema (see [`crate::schema`] for its extension keywords) and
//! upstream's `config.schema.json`, so that the two can be compared.

use std::{cell::RefCell, sync::LazyLock};

use semver::Version;
use serde_json::{Map, Value, json};

use crate::schema::{
    OLDEST,
    format::{self, Format},
};

/// An option, or a group of options.
#[derive(Clone, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "they are independent of each other"
)]
pub struct Node {
    /// The type of its values.
    pub shape: Shape,
    /// Its purpose, and when to change it.
    pub description: String,
    /// Whether MAS accepts `null` as its value.
    pub nullable: bool,
    /// What `null` means, if that differs from leaving the option out.
    pub null_means: Option<String>,
    /// Whether it is required when its parent is present.
    pub required: bool,
    /// MAS versions older than this one require it.
    pub required_before: Option<Version>,
    /// The value that MAS uses if the option is absent.
    pub default: Option<Value>,
    /// The default in words, if it is not a constant.
    pub default_text: Option<String>,
    /// Whether upstream's schema leaves the default out.
    pub hidden_default: bool,
    /// An example value for the documentation.
    pub example: Option<Value>,
    /// The first MAS version with this option.
    pub since: Version,
    /// The first MAS version without it, if it was removed.
    pub removed: Option<Version>,
    /// Whether its value must never be shown.
    pub secret: bool,
    /// If it names a file: the option beside it that takes the file's content itself, such as `secret` for
    /// `secret_file`.
    pub file_of: Option<String>,
    /// Whether it names a directory of which MAS reads every file.
    pub directory: bool,
    /// Whether it names a file whose every byte counts for MAS, including a final newline.
    pub read_raw: bool,
    /// The format of its names, if it is a map.
    pub names: Option<&'static Format>,
    /// Whether the NixOS module treats an empty text as unset.
    pub unset_if_empty: bool,
    /// In a tagged section, the tag values for which the option is valid; empty means all.
    pub variants: Vec<Variant>,
    /// Properties that upstream's schema states differently, from `x-upstream`.
    pub upstream: Map<String, Value>,
}

/// A tag value for which an option is valid.
#[derive(Clone, Debug)]
pub struct Variant {
    /// The value of the tag option.
    pub tag: String,
    /// Whether the option is required for this tag value.
    pub required: bool,
    /// The texts it accepts for this tag value, if it accepts only some.
    pub choices: Vec<String>,
}

/// The type of an option's values.
#[derive(Clone, Debug)]
pub enum Shape {
    /// `true` or `false`.
    Boolean,
    /// A whole number.
    Integer {
        /// Its JSON schema format, such as `uint16`.
        format: String,
        /// The smallest allowed value.
        min: i128,
        /// The largest allowed value.
        max: i128,
    },
    /// A number, possibly with a fraction.
    Number {
        /// Its JSON schema format, such as `double`.
        format: String,
        /// The smallest allowed value.
        min: Option<f64>,
        /// The largest allowed value.
        max: Option<f64>,
    },
    /// A text, possibly of a given format.
    Text {
        /// The format that the text must have.
        format: Option<&'static Format>,
        /// Its JSON schema format, such as `uri`.
        json: Option<String>,
    },
    /// One of a fixed set of texts.
    Choice(Vec<Choice>),
    /// Any JSON value.
    Any,
    /// A list of entries of one type.
    List(Box<Node>),
    /// A map with names of the user's choice.
    Map(Box<Node>),
    /// A map with fixed names.
    Section(Section),
}

/// One of the texts that an option accepts.
#[derive(Clone, Debug)]
pub struct Choice {
    /// The text, as it appears in the configuration.
    pub value: String,
    /// Its meaning, for the documentation.
    pub description: String,
    /// The first MAS version that accepts it.
    pub since: Version,
}

/// A group of options with fixed names.
#[derive(Clone, Debug)]
pub struct Section {
    /// The options with their names, in declaration order.
    pub options: Vec<(String, Node)>,
    /// How the options depend on each other; `None` if they are independent.
    pub union: Option<Union>,
}

/// How the options of a section depend on each other.
#[derive(Clone, Debug)]
pub enum Union {
    /// One option, the tag, decides which of the others are valid. Holds the tag's name.
    Tagged(String),
    /// The section has one of several forms.
    Forms(Vec<Form>),
}

/// One of the alternative forms of a section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Form {
    /// The names of the options that the form allows.
    pub options: Vec<String>,
    /// The names of the options that the form requires.
    pub required: Vec<String>,
}

impl Section {
    /// The option with this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Node> {
        let found = self.options.iter().find(|(key, _)| key == name);
        found.map(|(_, node)| node)
    }

    /// Whether the option is required in every case, not only for some tag value or form.
    #[must_use]
    pub fn requires(&self, name: &str) -> bool {
        let in_forms = matches!(self.union, Some(Union::Forms(_)));
        let option = self.get(name);
        !in_forms && option.is_some_and(|option| option.required && option.variants.is_empty())
    }

    /// The option that names a file with the value of `name`, such as `secret_file` for `secret`.
    #[must_use]
    pub fn file_option(&self, name: &str) -> Option<&str> {
        let mut options = self.options.iter();
        let found = options.find(|(_, node)| node.file_of.as_deref() == Some(name));
        found.map(|(option, _)| option.as_str())
    }
}

impl Node {
    /// The section, if this node is one.
    #[must_use]
    pub fn section(&self) -> Option<&Section> {
        match &self.shape {
            Shape::Section(section) => Some(section),
            _ => None,
        }
    }

    /// All nodes below this one with their paths, such as `clients[].jwks.keys[].kty`. Each group comes
    /// before its options.
    #[must_use]
    pub fn descendants(&self) -> Vec<(String, &Node)> {
        let mut found = Vec::new();
        self.collect("", &mut found);
        found
    }

    fn collect<'a>(&'a self, path: &str, found: &mut Vec<(String, &'a Node)>) {
        for (step, child) in self.children() {
            let path = join(path, &step);
            found.push((path.clone(), child));
            child.collect(&path, found);
        }
    }

    /// The nodes directly below this one, each with its path step: a name, `[]` or `*`.
    fn children(&self) -> Vec<(String, &Node)> {
        match &self.shape {
            Shape::Section(section) => {
                let options = section.options.iter();
                options.map(|(name, node)| (name.clone(), node)).collect()
            }
            Shape::List(item) => vec![("[]".to_owned(), item)],
            Shape::Map(value) => vec![("*".to_owned(), value)],
            _ => Vec::new(),
        }
    }

    /// The node at a path such as `clients[].client_id`.
    #[must_use]
    pub fn find(&self, path: &str) -> Option<&Node> {
        steps(path).try_fold(self, |node, step| {
            let children = node.children();
            let found = children.into_iter().find(|(key, _)| *key == step);
            found.map(|(_, child)| child)
        })
    }
}

/// Joins two paths with a dot where one is needed. Either path may be empty.
#[must_use]
pub fn join(path: &str, step: &str) -> String {
    match (path, step) {
        ("", _) => step.to_owned(),
        (_, "") => path.to_owned(),
        (_, "[]") => format!("{path}[]"),
        _ => format!("{path}.{step}"),
    }
}

/// Splits a path into its steps: names, `[]` and `*`.
pub fn steps(path: &str) -> impl Iterator<Item = &str> {
    path.split('.')
        .flat_map(|part| {
            let name = part.trim_end_matches("[]");
            let lists = (part.len() - name.len()) / 2;
            std::iter::once(name).chain(std::iter::repeat_n("[]", lists))
        })
        .filter(|step| !step.is_empty())
}

/// A JSON schema in a form that the reader does not support.
#[derive(Debug, thiserror::Error)]
#[error("{at}: {reason}")]
pub struct SchemaError {
    at: String,
    reason: String,
}

impl SchemaError {
    fn new(at: &str, reason: &str) -> Self {
        SchemaError {
            at: if at.is_empty() { "the schema" } else { at }.to_owned(),
            reason: reason.to_owned(),
        }
    }
}

/// Reads upstream's JSON schema: draft 7 or newer, with references only within the document.
///
/// # Errors
///
/// If the schema has an unsupported form. The error names the path in the configuration.
pub fn read(schema: &Value) -> Result<Node, SchemaError> {
    let reader = Reader {
        root: schema,
        null_means_unset: false,
        open: RefCell::default(),
    };
    reader.node(schema, "", &OLDEST)
}

/// The option tree of [`crate::schema::Settings`].
///
/// # Panics
///
/// If the schema of our own types cannot be read. The tests rule that out.
#[must_use]
pub fn settings() -> Node {
    own::<crate::schema::Settings>()
}

/// The option tree of [`crate::schema::module::Module`].
///
/// # Panics
///
/// If the schema of our own types cannot be read. The tests rule that out.
#[must_use]
pub fn module() -> Node {
    own::<crate::schema::module::Module>()
}

fn own<T: schemars::JsonSchema>() -> Node {
    let schema = crate::schema::json_schema::<T>();
    let reader = Reader {
        root: &schema,
        null_means_unset: true,
        open: RefCell::default(),
    };
    let tree = reader.node(&schema, "", &OLDEST);
    tree.expect("our own schema can be read")
}

struct Reader<'a> {
    root: &'a Value,
    /// Whether `null` among a schema's types means only that the option may be left out. In our own
    /// schema it does, for an `Option` that has a default or holds a group.
    null_means_unset: bool,
    /// The references that lead to the part being read, from the outermost.
    open: RefCell<Vec<String>>,
}

/// A part of a schema after all references were followed.
struct Resolved {
    schema: Object,
    /// Whether `null` was removed from a union.
    null: bool,
    /// The references that were followed.
    references: Vec<String>,
}

type Object = Map<String, Value>;

impl Reader<'_> {
    fn node(&self, schema: &Value, at: &str, parent: &Version) -> Result<Node, SchemaError> {
        let resolved = self.resolve(schema, at)?;
        let Resolved { schema, null, .. } = &resolved;
        self.within(&resolved, at, || self.resolved(schema, *null, at, parent))
    }

    /// Calls `read` for a part of the schema. It must not be inside of itself, because there would be no end.
    fn within<T>(
        &self,
        part: &Resolved,
        at: &str,
        read: impl FnOnce() -> Result<T, SchemaError>,
    ) -> Result<T, SchemaError> {
        let depth = self.open.borrow().len();
        for reference in &part.references {
            if self.open.borrow().contains(reference) {
                return Err(endless(reference, at));
            }
        }
        self.open.borrow_mut().extend_from_slice(&part.references);
        let result = read();
        self.open.borrow_mut().truncate(depth);
        result
    }

    fn resolved(
        &self,
        schema: &Object,
        null: bool,
        at: &str,
        parent: &Version,
    ) -> Result<Node, SchemaError> {
        let version = |key: &str| -> Result<Option<Version>, SchemaError> {
            let text = schema.get(key).and_then(Value::as_str);
            text.map(Version::parse)
                .transpose()
                .map_err(|e| SchemaError::new(at, &format!("{key}: {e}")))
        };
        let flag = |key: &str| schema.get(key).and_then(Value::as_bool);
        let text = |key: &str| schema.get(key).and_then(Value::as_str).map(str::to_owned);
        let since = version("x-since")?.unwrap_or_else(|| parent.clone());
        let default = match schema.get("x-default") {
            Some(real) => Some(real).filter(|real| !real.is_null()),
            None => schema.get("default"),
        };
        let shape = self.shape(schema, at, &since)?;
        let group = matches!(shape, Shape::Section(_) | Shape::List(_) | Shape::Map(_));
        let unset = self.null_means_unset && (group || default.is_some());
        let nullable = flag("x-nullable").unwrap_or(null && !unset);
        Ok(Node {
            shape,
            description: one_line(&text("description").unwrap_or_default()),
            nullable,
            null_means: text("x-null"),
            required: false,
            required_before: version("x-required-before")?,
            default: default.cloned(),
            hidden_default: schema.contains_key("x-default"),
            default_text: text("x-default-text"),
            example: schema.get("examples").map(|examples| examples[0].clone()),
            since,
            removed: version("x-removed")?,
            secret: flag("x-secret").unwrap_or(false),
            file_of: text("x-file-of"),
            directory: flag("x-directory").unwrap_or(false),
            read_raw: flag("x-read-raw").unwrap_or(false),
            names: text("x-names").as_deref().and_then(format::find),
            unset_if_empty: flag("x-unset-if-empty").unwrap_or(false),
            variants: Vec::new(),
            upstream: schema
                .get("x-upstream")
                .and_then(Value::as_object)
                .cloned()
                .unwrap_or_default(),
        })
    }

    /// Follows references, unwraps an `allOf` with one element, and removes `null` from unions. Keywords
    /// beside a reference override those of its target.
    fn resolve(&self, schema: &Value, at: &str) -> Result<Resolved, SchemaError> {
        let mut schema = schema.as_object().cloned().unwrap_or_default();
        let mut null = false;
        let mut references = Vec::new();
        loop {
            let inner = if let Some(reference) = schema.shift_remove("$ref") {
                let reference = reference.as_str().unwrap_or_default().to_owned();
                if references.contains(&reference) {
                    return Err(endless(&reference, at));
                }
                let found = self.root.pointer(reference.trim_start_matches('#'));
                let found = found.cloned();
                references.push(reference);
                found
            } else if let Some([only]) = array(&schema, "allOf") {
                let only = only.clone();
                schema.shift_remove("allOf");
                Some(only)
            } else if let Some(rest) = without_null(&schema) {
                null = true;
                schema.shift_remove("anyOf");
                rest
            } else {
                None
            };
            let Some(inner) = inner else { break };
            schema = overlay(inner.as_object().cloned().unwrap_or_default(), schema);
        }
        if let Some(types) = schema.get_mut("type")
            && let Some(list) = types.as_array()
        {
            let rest: Vec<&Value> = list.iter().filter(|t| *t != "null").collect();
            null |= rest.len() < list.len();
            if let [only] = rest[..] {
                *types = only.clone();
            }
        }
        Ok(Resolved {
            schema,
            null,
            references,
        })
    }

    fn shape(&self, schema: &Object, at: &str, since: &Version) -> Result<Shape, SchemaError> {
        if let Some(choices) = self.choices(schema, at, since)? {
            return Ok(Shape::Choice(choices));
        }
        let format = || {
            schema
                .get("format")
                .and_then(Value::as_str)
                .map(str::to_owned)
        };
        match schema.get("type").and_then(Value::as_str) {
            Some("boolean") => Ok(Shape::Boolean),
            Some("integer") => {
                let format = format().unwrap_or_default();
                let (least, most) = integer_range(&format);
                let bound = |key: &str| schema.get(key).and_then(Value::as_i64).map(i128::from);
                Ok(Shape::Integer {
                    min: bound("minimum").unwrap_or(least),
                    max: bound("maximum").unwrap_or(most),
                    format,
                })
            }
            Some("number") => Ok(Shape::Number {
                format: format().unwrap_or_default(),
                min: schema.get("minimum").and_then(Value::as_f64),
                max: schema.get("maximum").and_then(Value::as_f64),
            }),
            Some("string") => Ok(Shape::Text {
                format: schema
                    .get("x-format")
                    .and_then(Value::as_str)
                    .and_then(format::find),
                json: format(),
            }),
            Some("array") => {
                let items = schema
                    .get("items")
                    .ok_or_else(|| SchemaError::new(at, "a list without items"))?;
                let item = self.node(items, &join(at, "[]"), since)?;
                Ok(Shape::List(Box::new(Node {
                    required: true,
                    ..item
                })))
            }
            Some("object") | None if schema.keys().any(|key| is_object_keyword(key)) => {
                self.object(schema, at, since)
            }
            None => Ok(Shape::Any),
            Some(other) => Err(SchemaError::new(at, &format!("unknown type {other}"))),
        }
    }

    fn choices(
        &self,
        schema: &Object,
        at: &str,
        since: &Version,
    ) -> Result<Option<Vec<Choice>>, SchemaError> {
        let listed = array(schema, "enum").map(<[Value]>::to_vec);
        let alternatives = array(schema, "oneOf").or(array(schema, "anyOf"));
        let alternatives = alternatives.map(<[Value]>::to_vec);
        let entries: Vec<Value> = match (listed, alternatives) {
            (Some(values), _) => values,
            (None, Some(alternatives)) => alternatives,
            (None, None) => return Ok(None),
        };
        let mut choices = Vec::new();
        for entry in entries {
            let (entry, values) = match entry {
                Value::String(value) => (Object::new(), vec![Value::String(value)]),
                other => {
                    let entry = self.resolve(&other, at)?.schema;
                    let values = match (entry.get("const"), array(&entry, "enum")) {
                        (Some(value), _) => vec![value.clone()],
                        (None, Some(values)) => values.to_vec(),
                        (None, None) => return Ok(None),
                    };
                    (entry, values)
                }
            };
            for value in values {
                let Some(value) = value.as_str() else {
                    return Ok(None);
                };
                choices.push(choice(value, &entry, since));
            }
        }
        Ok(Some(choices))
    }

    fn object(&self, schema: &Object, at: &str, since: &Version) -> Result<Shape, SchemaError> {
        // `true` stands for any value, unless it only allows more than the properties.
        let values = match schema.get("additionalProperties") {
            Some(Value::Bool(true)) if !schema.contains_key("properties") => Some(&*ANYTHING),
            values => values.filter(|values| values.is_object()),
        };
        if let Some(values) = values {
            return Ok(Shape::Map(Box::new(self.node(
                values,
                &join(at, "*"),
                since,
            )?)));
        }
        let mut options = self.properties(schema, at, since)?;
        let mut union = None;
        if let Some(alternatives) = array(schema, "oneOf").or(array(schema, "anyOf")) {
            let forms: Result<Vec<Resolved>, SchemaError> = alternatives
                .iter()
                .map(|form| self.resolve(form, at))
                .collect();
            let forms = forms?;
            let tags = forms.iter().map(|form| tag(&form.schema));
            let tags: Option<Vec<(String, String)>> = tags.collect();
            let described = schema.get("x-tag-description").and_then(Value::as_str);
            let found = match tags {
                Some(tags) => self.tagged(&forms, &tags, described, at, since)?,
                None => self.forms(&forms, at, since)?,
            };
            options.splice(0..0, found.options);
            union = found.union;
        }
        Ok(Shape::Section(Section { options, union }))
    }

    fn properties(
        &self,
        schema: &Object,
        at: &str,
        since: &Version,
    ) -> Result<Vec<(String, Node)>, SchemaError> {
        let required = array(schema, "required").unwrap_or_default();
        let properties = schema.get("properties").and_then(Value::as_object);
        let properties = properties.into_iter().flatten();
        properties
            .map(|(name, schema)| {
                let mut node = self.node(schema, &join(at, name), since)?;
                node.required = required.iter().any(|key| key == name);
                Ok((name.clone(), node))
            })
            .collect()
    }

    fn tagged(
        &self,
        forms: &[Resolved],
        tags: &[(String, String)],
        description: Option<&str>,
        at: &str,
        since: &Version,
    ) -> Result<Section, SchemaError> {
        let name = tags[0].0.clone();
        let mut choices = Vec::new();
        let mut options: Vec<(String, Node)> = Vec::new();
        for (form, (_, value)) in forms.iter().zip(tags) {
            choices.push(choice(value, &form.schema, since));
            let properties = self.within(form, at, || self.properties(&form.schema, at, since))?;
            for (key, mut node) in properties {
                if key == name {
                    continue;
                }
                let values = match &node.shape {
                    Shape::Choice(choices) => choices.iter().map(|c| c.value.clone()).collect(),
                    _ => Vec::new(),
                };
                let variant = Variant {
                    tag: value.clone(),
                    required: node.required,
                    choices: values,
                };
                if let Some((_, known)) = options.iter_mut().find(|(known, _)| *known == key) {
                    known.variants.push(variant);
                    merge_choices(known, node);
                } else {
                    node.variants.push(variant);
                    options.push((key, node));
                }
            }
        }
        let template = self.node(&serde_json::json!({"type": "string"}), at, since)?;
        let tag = Node {
            shape: Shape::Choice(choices),
            description: one_line(description.unwrap_or_default()),
            required: true,
            ..template
        };
        options.insert(0, (name.clone(), tag));
        Ok(Section {
            options,
            union: Some(Union::Tagged(name)),
        })
    }

    fn forms(&self, forms: &[Resolved], at: &str, since: &Version) -> Result<Section, SchemaError> {
        let mut options = Vec::new();
        let mut union = Vec::new();
        for form in forms {
            let found = self.within(form, at, || self.properties(&form.schema, at, since))?;
            let names = |wanted: fn(&Node) -> bool| {
                let wanted = found.iter().filter(|(_, node)| wanted(node));
                wanted.map(|(name, _)| name.clone()).collect::<Vec<_>>()
            };
            union.push(Form {
                options: names(|_| true),
                required: names(|node| node.required),
            });
            options.extend(found);
        }
        Ok(Section {
            options,
            union: Some(Union::Forms(union)),
        })
    }
}

fn endless(reference: &str, at: &str) -> SchemaError {
    SchemaError::new(at, &format!("`{reference}` contains itself"))
}

fn array<'a>(schema: &'a Object, key: &str) -> Option<&'a [Value]> {
    schema.get(key).and_then(Value::as_array).map(Vec::as_slice)
}

/// Lays `top` over `base`. `properties` and `required` are merged; other keywords are replaced.
fn overlay(mut base: Object, top: Object) -> Object {
    for (key, value) in top {
        match (base.get_mut(&key), value) {
            (Some(Value::Object(below)), Value::Object(above)) if key == "properties" => {
                below.extend(above);
            }
            (Some(Value::Array(below)), Value::Array(above)) if key == "required" => {
                below.extend(above);
            }
            (_, value) => {
                base.insert(key, value);
            }
        }
    }
    base
}

/// The schema that any value fits.
static ANYTHING: LazyLock<Value> = LazyLock::new(|| json!({}));

fn is_object_keyword(key: &str) -> bool {
    matches!(
        key,
        "properties" | "additionalProperties" | "oneOf" | "anyOf"
    )
}

/// Builds a [`Choice`] from its text and the schema that describes it.
fn choice(value: &str, schema: &Object, parent: &Version) -> Choice {
    let text = |key: &str| schema.get(key).and_then(Value::as_str);
    let since = text("x-since").and_then(|version| Version::parse(version).ok());
    Choice {
        value: value.to_owned(),
        description: one_line(text("description").unwrap_or_default()),
        since: since.unwrap_or_else(|| parent.clone()),
    }
}

/// The other schema in an `anyOf` of two, one of which is `null`.
#[expect(clippy::option_option, reason = "outer: has null; inner: what is left")]
fn without_null(schema: &Object) -> Option<Option<Value>> {
    let alternatives = array(schema, "anyOf")?;
    let is_null = |schema: &Value| schema["type"] == "null";
    let rest: Vec<&Value> = alternatives.iter().filter(|s| !is_null(s)).collect();
    match rest[..] {
        [only] if alternatives.len() == 2 => Some(Some(only.clone())),
        _ => None,
    }
}

/// The name and value of a form's tag: the one property that allows a single text only.
fn tag(form: &Object) -> Option<(String, String)> {
    let properties = form.get("properties")?.as_object()?;
    properties.iter().find_map(|(name, schema)| {
        let value = match (
            schema.get("const"),
            schema["enum"].as_array().map(Vec::as_slice),
        ) {
            (Some(value), _) | (None, Some([value])) => value.as_str()?,
            _ => return None,
        };
        Some((name.clone(), value.to_owned()))
    })
}

fn merge_choices(into: &mut Node, from: Node) {
    into.required &= from.required;
    if let (Shape::Choice(known), Shape::Choice(more)) = (&mut into.shape, from.shape) {
        for choice in more {
            if known.iter().all(|known| known.value != choice.value) {
                known.push(choice);
            }
        }
    }
}

/// The range of an integer type, limited to what a Nix integer can hold (`i64`).
fn integer_range(format: &str) -> (i128, i128) {
    match format {
        "uint8" => (0, u8::MAX.into()),
        "uint16" => (0, u16::MAX.into()),
        "uint32" => (0, u32::MAX.into()),
        "uint" | "uint64" => (0, i64::MAX.into()),
        _ => (i64::MIN.into(), i64::MAX.into()),
    }
}

/// Unwraps the lines of each paragraph: doc comments are wrapped, descriptions are not.
fn one_line(text: &str) -> String {
    text.split("\n\n")
        .map(|paragraph| paragraph.lines().collect::<Vec<_>>().join(" "))
        .collect::<Vec<_>>()
        .join("\n\n")
}
