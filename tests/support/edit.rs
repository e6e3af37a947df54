//! Changing a configuration at a path such as `http.listeners[0].binds`.

use serde_json::Value;

fn steps(path: &str) -> Vec<&str> {
    path.split(['.', '['])
        .map(|step| step.trim_end_matches(']'))
        .collect()
}

fn at<'a>(value: &'a mut Value, step: &str) -> &'a mut Value {
    match step.parse::<usize>() {
        Ok(index) => &mut value[index],
        Err(_) => &mut value[step],
    }
}

pub fn set(config: &mut Value, path: &str, new: Value) {
    *steps(path).into_iter().fold(config, at) = new;
}

pub fn remove(config: &mut Value, path: &str) {
    let steps = steps(path);
    let (last, parents) = steps.split_last().unwrap();
    let parent = parents.iter().fold(config, |value, step| at(value, step));
    let removed = parent.as_object_mut().unwrap().shift_remove(*last);
    assert!(removed.is_some(), "{path} is not there to remove");
}

/// The first concrete path in a configuration that matches a general path such as `clients[].jwks`.
pub fn concrete(config: &Value, path: &str) -> Option<String> {
    match path.split_once("[]") {
        None => {
            let mut keys = path.split('.').filter(|key| !key.is_empty());
            keys.try_fold(config, |value, key| value.get(key))
                .map(|_| path.to_owned())
        }
        Some((list, rest)) => {
            let mut keys = list.split('.').filter(|key| !key.is_empty());
            let items = keys
                .try_fold(config, |value, key| value.get(key))?
                .as_array()?;
            let mut items = items.iter().enumerate();
            items.find_map(|(i, item)| {
                let below = concrete(item, rest.trim_start_matches('.'))?;
                Some(match below.as_str() {
                    "" => format!("{list}[{i}]"),
                    below => format!("{list}[{i}].{below}"),
                })
            })
        }
    }
}
