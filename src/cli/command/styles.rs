//! `remedia styles`: list them, show one, print the form of a style file.

use serde::Serialize;

use crate::cli::arguments::{StylesArgs, StylesCommand};
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::printer::Form;
use crate::domain::style::Style;
use crate::planner::styles::{StyleEntry, StyleLibrary, StyleOrigin};

/// The version of [`StyleList`] that this build writes.
const STYLE_LIST_SCHEMA_VERSION: u32 = 1;

/// Every style at a glance.
#[derive(Debug, Serialize)]
struct StyleList {
    schema_version: u32,
    styles: Vec<StyleLine>,
}

/// One style at a glance.
#[derive(Debug, Serialize)]
struct StyleLine {
    name: String,
    title: String,
    description: String,
    aliases: Vec<String>,
    own: bool,
}

impl From<&StyleEntry> for StyleLine {
    fn from(entry: &StyleEntry) -> Self {
        Self {
            name: entry.style.name.clone(),
            title: entry.style.title.clone(),
            description: entry.style.description.clone(),
            aliases: entry.style.aliases.clone(),
            own: matches!(entry.origin, StyleOrigin::UserFile(_)),
        }
    }
}

/// Prints what was asked for.
pub(crate) fn run(arguments: &StylesArgs, context: &Context) -> Result<Exit, Failure> {
    let printer = &context.printer;
    let library = StyleLibrary::load(context.settings().styles.as_deref())?;
    match &arguments.command {
        None | Some(StylesCommand::List) => {
            let list = StyleList {
                schema_version: STYLE_LIST_SCHEMA_VERSION,
                styles: library.entries().map(StyleLine::from).collect(),
            };
            printer.either(&list, as_text)?;
        }
        Some(StylesCommand::Show { name }) => {
            let entry = library.entry(name)?;
            match printer.form() {
                // The text as it was written: a copy of it is the start of a style of one's own.
                Form::Text => printer.result(&entry.text)?,
                Form::Json | Form::JsonLines => printer.document(&entry.style)?,
            }
        }
        Some(StylesCommand::Schema) => printer.document(&schemars::schema_for!(Style))?,
    }
    Ok(Exit::SUCCESS)
}

fn as_text(list: &StyleList) -> String {
    let width = list
        .styles
        .iter()
        .map(|style| style.name.chars().count())
        .max()
        .unwrap_or(0);
    let mut text = String::new();
    for style in &list.styles {
        text.push_str(&format!("{:width$}  {}\n", style.name, style.description));
        let mut notes = Vec::new();
        if !style.aliases.is_empty() {
            notes.push(format!("also: {}", style.aliases.join(", ")));
        }
        if style.own {
            notes.push("from your own folder".to_owned());
        }
        if !notes.is_empty() {
            text.push_str(&format!("{:width$}  {}\n", "", notes.join("; ")));
        }
    }
    text
}
