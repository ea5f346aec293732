//! The page for people: `node/CONFIG.md`, made of the template, the defaults and the types.

use std::fmt::Write as _;

use super::layers::{Schema, type_name};
use super::{TEMPLATE, schema};

const HEAD: &str = "\
# Settings

Made of the code by `TIDINGS_RENEW_PAGES=1 cargo test -p tidings --lib pages`; a test compares. `tidings init` writes the same as
`config.toml`, with every setting commented out.

A setting is named by its dotted key, the same everywhere; the later of these wins:

1. its default;
2. the file `config.toml` in the data folder: `outbound = 4` below `[params.peers]`;
3. the environment: `TIDINGS_PARAMS__PEERS__OUTBOUND=4`;
4. flags: `--set params.peers.outbound=4`, and those that `tidings run --help` lists.

What names no setting is refused, with a suggestion. `tidings config` shows what holds and where each value comes from. Relative
paths are relative to the data folder. Addresses are `IP:PORT`, or `IP:PORT/quic`.
";

/// One setting, as the template explains it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Setting<'a> {
    key: String,
    /// What the template shows, which is the default if there is one.
    shown: &'a str,
    text: String,
}

/// One section of the template.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Section<'a> {
    name: &'a str,
    text: String,
    settings: Vec<Setting<'a>>,
}

/// Reads the template: a header of a section comes with the comment right before it, a setting with the one before it or before
/// the setting that stands right before it.
fn sections(template: &str) -> Vec<Section<'_>> {
    let mut sections: Vec<Section<'_>> = Vec::new();
    let (mut text, mut has_settings) = (Vec::new(), false);
    for line in template.lines() {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            let text = if has_settings { String::new() } else { text.join(" ") };
            sections.push(Section { name, text, settings: Vec::new() });
        } else if let Some(comment) = line.strip_prefix("# ") {
            let setting = comment.split_once(" = ").filter(|(key, _)| !key.contains(' '));
            if let (Some((key, shown)), Some(section)) = (setting, sections.last_mut()) {
                let shown = shown.split("   ").next().unwrap_or(shown);
                let key = format!("{}.{key}", section.name);
                section.settings.push(Setting { key, shown, text: text.join(" ") });
                has_settings = true;
                continue;
            }
            if has_settings {
                text.clear();
            }
            text.push(comment);
            has_settings = false;
            continue;
        }
        text.clear();
        has_settings = false;
    }
    sections
}

fn row(schema: &Schema, setting: &Setting<'_>) -> String {
    let Setting { key, shown, text } = setting;
    let default = match schema.default_of(key) {
        Some(_) => format!("`{shown}`"),
        None => format!("unset; such as `{shown}`"),
    };
    let kind = schema.example_of(key).or_else(|| schema.default_of(key)).map_or("", type_name);
    format!("| `{key}` | {kind} | {default} | {} |", text.replace('|', "\\|"))
}

/// The page.
#[must_use]
pub fn reference() -> String {
    let (schema, mut page) = (schema(), HEAD.to_owned());
    for Section { name, text, settings } in sections(TEMPLATE) {
        let _ = write!(page, "\n## `[{name}]`\n\n");
        if !text.is_empty() {
            let _ = write!(page, "{text}\n\n");
        }
        page += "| setting | type | default | meaning |\n|---|---|---|---|\n";
        for setting in &settings {
            let _ = writeln!(page, "{}", row(&schema, setting));
        }
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_come_with_what_stands_before_them() {
        let template = "# Of the file.\n\n# Of a.\n[a]\n# How\n# many.\n# x = 1\n# y = 2   # z\n\n# What.\n# z = \"\"\n\n[b]\n";
        let sections = sections(template);
        let shown: Vec<_> = sections[0]
            .settings
            .iter()
            .map(|setting| (setting.key.as_str(), setting.shown, setting.text.as_str()))
            .collect();
        let expected =
            [("a.x", "1", "How many."), ("a.y", "2", "How many."), ("a.z", "\"\"", "What.")];
        assert_eq!(shown, expected);
        assert_eq!((sections[0].text.as_str(), sections[1].text.as_str()), ("Of a.", ""));
    }

    #[test]
    fn every_setting_has_a_row_with_a_meaning() {
        let sections = sections(TEMPLATE);
        let rows: Vec<_> = sections.iter().flat_map(|section| &section.settings).collect();
        for key in schema().keys() {
            // A rate has a row, and settings below it.
            let is_of = |row: &str| {
                key.strip_prefix(row).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            };
            let row = rows.iter().find(|row| is_of(&row.key));
            let row = row.unwrap_or_else(|| panic!("{key} has no row"));
            assert!(!row.text.is_empty(), "{key} has no meaning");
        }
    }
}
