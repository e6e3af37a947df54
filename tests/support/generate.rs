//! Generates configurations from the schema: mostly valid ones, and ones with a fault.

use mas2nix::{
    config::tree::{self, Node, Section, Shape, Union},
    schema::format::{CREDENTIAL_SOURCE, Format},
};
use proptest::{
    collection, option,
    prelude::*,
    sample::{Index, select},
    strategy::{BoxedStrategy, ValueTree},
    test_runner::TestRunner,
};
use serde_json::{Map, Value, json};

/// Any configuration whose options are all of the right type. It may still break rules.
pub fn typed(node: &Node) -> BoxedStrategy<Value> {
    let value = match &node.shape {
        Shape::Boolean => any::<bool>().prop_map(Value::from).boxed(),
        Shape::Integer { min, max, .. } => {
            let (min, max) = (i64::try_from(*min).unwrap(), i64::try_from(*max).unwrap());
            let near = max.min(min.saturating_add(100));
            prop_oneof![Just(min), Just(max), min..=near]
                .prop_map(Value::from)
                .boxed()
        }
        Shape::Number { min, max, .. } => {
            let (min, max) = (min.unwrap_or(0.001), max.unwrap_or(1e9));
            prop_oneof![
                Just(json!(min)),
                Just(json!(max)),
                Just(json!(1)),
                Just(json!(0.5))
            ]
            .boxed()
        }
        Shape::Text { format, .. } => texts(*format),
        Shape::Choice(choices) => {
            let values: Vec<Value> = choices.iter().map(|c| c.value.as_str().into()).collect();
            select(values).boxed()
        }
        Shape::Any => select(vec![
            json!({}),
            json!(null),
            json!([1, "a", {"b": null}]),
            json!("text"),
            json!({"admin_users": ["a"], "x": {"y": 1.5, "z": null}}),
        ])
        .boxed(),
        Shape::List(item) => collection::vec(typed(item), 0..3)
            .prop_map(Value::from)
            .boxed(),
        Shape::Map(item) => collection::btree_map("[a-z]{1,5}", typed(item), 0..3)
            .prop_map(|map| map.into_iter().collect::<Map<_, _>>().into())
            .boxed(),
        Shape::Section(section) => sections(section),
    };
    if node.nullable {
        prop_oneof![9 => value, 1 => Just(Value::Null)].boxed()
    } else {
        value
    }
}

fn sections(section: &Section) -> BoxedStrategy<Value> {
    match &section.union {
        Some(Union::Forms(forms)) => {
            let forms: Vec<_> = forms
                .iter()
                .map(|form| {
                    let wanted = |name: &String| form.options.contains(name);
                    let options = section.options.iter().filter(|(name, _)| wanted(name));
                    object(options, |name, _| form.required.contains(name))
                })
                .collect();
            proptest::strategy::Union::new(forms).boxed()
        }
        Some(Union::Tagged(tag)) => {
            let Shape::Choice(choices) = &section.get(tag).unwrap().shape else {
                unreachable!("a tag is one of several texts");
            };
            let forms: Vec<_> = choices
                .iter()
                .map(|choice| {
                    let value = choice.value.clone();
                    let of = |node: &Node| {
                        let variant = node.variants.iter().find(|v| v.tag == choice.value);
                        variant.map(|variant| variant.required)
                    };
                    let options = section.options.iter().filter(|(name, node)| {
                        name != tag && (node.variants.is_empty() || of(node).is_some())
                    });
                    let object = object(options, |_, node| of(node).unwrap_or(node.required));
                    let tag = tag.clone();
                    object
                        .prop_map(move |mut object| {
                            object[&tag] = value.clone().into();
                            object
                        })
                        .boxed()
                })
                .collect();
            proptest::strategy::Union::new(forms).boxed()
        }
        None => object(section.options.iter(), |_, node| node.required),
    }
}

fn object<'a>(
    options: impl Iterator<Item = &'a (String, Node)>,
    required: impl Fn(&String, &Node) -> bool,
) -> BoxedStrategy<Value> {
    let entries: Vec<BoxedStrategy<Option<(String, Value)>>> = options
        .filter(|(_, node)| node.removed.is_none())
        .map(|(name, node)| {
            let name_ = name.clone();
            let value = typed(node);
            let value = if required(name, node) {
                value.prop_map(Some).boxed()
            } else {
                option::weighted(0.3, value).boxed()
            };
            value
                .prop_map(move |value| value.map(|value| (name_.clone(), value)))
                .boxed()
        })
        .collect();
    entries
        .prop_map(|entries| entries.into_iter().flatten().collect::<Map<_, _>>().into())
        .boxed()
}

fn texts(format: Option<&'static Format>) -> BoxedStrategy<Value> {
    let samples: &[&str] = match format.map(|format| format.name) {
        None => {
            return prop_oneof![
                Just(json!("/run/secrets/x")),
                Just(json!("a@example.com")),
                Just(json!("Ünï ${code} '' \"quoted\" \\ \n")),
                "[a-zA-Z0-9 /:._-]{1,20}"
                    .prop_filter(
                        "the module refuses paths that systemd does not load",
                        |text| { !text.starts_with('/') || CREDENTIAL_SOURCE.matches(text) }
                    )
                    .prop_map(Value::from),
            ]
            .boxed();
        }
        Some("Url") => &[
            "https://example.com/",
            "http://localhost:8080",
            "io.element.app:/callback",
            "https://u:p@[::1]:443/x?y#z",
            "http://10.0.0.1",
            "https://münchen.example",
            "https://example.com./",
        ],
        Some("Ulid") => {
            return "0[0-9A-HJKMNP-TV-Z]{25}".prop_map(Value::from).boxed();
        }
        Some("IpNetwork") => &[
            "10.0.0.0/8",
            "127.0.0.1",
            "::1/128",
            "fd00::/8",
            "::ffff:1.2.3.4",
        ],
        Some("SocketAddress") => &["127.0.0.1:8080", "[::]:80", "[::1]:65535", "0.0.0.0:0"],
        Some("Mode") => &["660", "0600", "7"],
        Some("Hostname") => &["localhost", "db.example.com", "10.0.0.1"],
        Some("ServerName") => &["example.com", "localhost:8008", "[::1]:8448", "1.2.3.4"],
        Some("Hex32") => &["0000111122223333444455556666777788889999aaaaBBBBccccddddeeeeffff"],
        Some("Base64Url") => &["AQAB", "", "AQ", "-_8", "b2xk"],
        Some("Base64") => &["AQAB", "AQ==", "+/8=", ""],
        Some("Dsn") => &[
            "https://key@sentry.example.com/1",
            "http://a:b@localhost:9000/x/2",
        ],
        Some(other) => unreachable!("no samples for {other}"),
    };
    select(samples.to_vec()).prop_map(Value::from).boxed()
}

/// The configuration with one change: a value removed, of another type, out of range, or replaced
/// by another of the right type.
pub fn with_fault(config: &Value, settings: &Node, runner: &mut TestRunner) -> Value {
    let mut places = Vec::new();
    collect(config, &mut Vec::new(), &mut places);
    let place = &places[draw(any::<Index>(), runner).index(places.len())];
    let mut config = config.clone();
    let old = at(&mut config, place).clone();
    let mut replacements = replacements(&old);
    if let Some(node) = settings.find(&general(place)) {
        let typed = typed(node);
        let others = std::iter::repeat_with(|| draw(&typed, runner));
        replacements.extend(others.take(replacements.len()).collect::<Vec<_>>());
    }
    let kind = draw(any::<Index>(), runner).index(replacements.len() + 1);
    match replacements.get(kind) {
        Some(new) => *at(&mut config, place) = new.clone(),
        None => remove(&mut config, place),
    }
    config
}

/// One value of a strategy.
pub fn draw<T: std::fmt::Debug>(strategy: impl Strategy<Value = T>, runner: &mut TestRunner) -> T {
    strategy.new_tree(runner).unwrap().current()
}

fn general(place: &[Step]) -> String {
    place.iter().fold(String::new(), |path, step| match step {
        Step::Key(key) => tree::join(&path, key),
        Step::Index(_) => tree::join(&path, "[]"),
    })
}

#[derive(Clone, Debug)]
enum Step {
    Key(String),
    Index(usize),
}

fn collect(value: &Value, path: &mut Vec<Step>, places: &mut Vec<Vec<Step>>) {
    let children: Vec<(Step, &Value)> = match value {
        Value::Object(map) => map
            .iter()
            .map(|(key, value)| (Step::Key(key.clone()), value))
            .collect(),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .map(|(i, value)| (Step::Index(i), value))
            .collect(),
        _ => Vec::new(),
    };
    for (step, child) in children {
        path.push(step);
        places.push(path.clone());
        collect(child, path, places);
        path.pop();
    }
}

fn at<'a>(value: &'a mut Value, place: &[Step]) -> &'a mut Value {
    place.iter().fold(value, |value, step| match step {
        Step::Key(key) => &mut value[key],
        Step::Index(i) => &mut value[i],
    })
}

fn remove(config: &mut Value, place: &[Step]) {
    let (last, parent) = place.split_last().unwrap();
    match (last, at(config, parent)) {
        (Step::Key(key), Value::Object(map)) => {
            map.shift_remove(key);
        }
        (Step::Index(i), Value::Array(items)) => {
            items.remove(*i);
        }
        _ => unreachable!("places come from the configuration itself"),
    }
}

fn replacements(old: &Value) -> Vec<Value> {
    let mut new = vec![
        json!(null),
        json!("wrong"),
        json!(""),
        json!(-1),
        json!(0),
        json!(1.5),
        json!(99_999_999_999_i64),
        json!(true),
        json!([]),
        json!({}),
        json!([{}]),
    ];
    match old {
        Value::Object(map) => {
            let mut more = map.clone();
            more.insert("unknown_option".to_owned(), json!(1));
            new.extend([more.into(), json!([old])]);
        }
        Value::Array(items) => {
            let mut twice = items.clone();
            twice.extend(items.clone());
            let mut longer = items.clone();
            longer.push(json!({}));
            new.extend([twice.into(), longer.into()]);
        }
        Value::String(text) => {
            new.extend([json!(format!("{text}x")), json!(format!(" {text}"))]);
        }
        _ => {}
    }
    new
}
