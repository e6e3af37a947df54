//! Merges settings. `modules/merge.nix` implements the same in Nix, and both are tested with
//! `tests/fixtures/merge.yaml`.

use serde_json::Value;

use crate::config::tree::join;

/// How two lists are merged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lists {
    /// One list with the entries of both, as when MAS merges its files.
    Joined,
    /// The upper list alone, as for settings over their defaults.
    Replaced,
}

/// Merges `above` into `below`: maps are merged, and any other value of `above` replaces that of `below`.
pub fn merge(below: &mut Value, above: Value, lists: Lists) {
    merge_at(below, above, lists, ["", ""], &mut |_, _| {});
}

/// Merges like [`merge`], and reports the path of everything that comes from `above`, such as
/// `http.public_base`: in the result, and in `above`. These differ for an entry of a joined list, such as
/// `clients[2]` from `clients[0]`. Of a whole new map or list, it reports only the path of the map or list.
pub fn merge_reporting(
    below: &mut Value,
    above: Value,
    lists: Lists,
    mut on_taken: impl FnMut(String, String),
) {
    merge_at(below, above, lists, ["", ""], &mut on_taken);
}

fn merge_at(
    below: &mut Value,
    above: Value,
    lists: Lists,
    [path, own]: [&str; 2],
    on_taken: &mut impl FnMut(String, String),
) {
    match (below, above) {
        (Value::Object(below), Value::Object(above)) => {
            for (key, value) in above {
                let (path, own) = (join(path, &key), join(own, &key));
                if let Some(known) = below.get_mut(&key) {
                    merge_at(known, value, lists, [&path, &own], on_taken);
                } else {
                    on_taken(path, own);
                    below.insert(key, value);
                }
            }
        }
        (Value::Array(below), Value::Array(above)) if lists == Lists::Joined => {
            for (i, value) in above.into_iter().enumerate() {
                on_taken(format!("{path}[{}]", below.len()), format!("{own}[{i}]"));
                below.push(value);
            }
        }
        (below, above) => {
            on_taken(path.to_owned(), own.to_owned());
            *below = above;
        }
    }
}
