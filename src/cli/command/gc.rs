//! `remedia gc`: work files that no job needs any more.

use crate::cli::arguments::GcArgs;
use crate::cli::context::Context;
use crate::cli::duration::parse_duration;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::wording::bytes;
use crate::engine::{Engine, GcPlan, GcReason, GcRequest};

/// Says what could go and, with `--yes`, removes it.
pub(crate) fn run(arguments: &GcArgs, context: &Context) -> Result<Exit, Failure> {
    let older_than = parse_duration(&arguments.older_than).map_err(Failure::usage)?;
    let engine = context.engine()?;
    if arguments.remote {
        return remote(&engine, &GcRequest { older_than }, arguments.yes, context);
    }
    let planned = engine.gc_plan(&GcRequest { older_than })?;
    if arguments.yes {
        let removed = engine.gc_apply(&planned)?;
        context
            .printer
            .either(&removed, |removed| as_text(removed, "removed"))?;
    } else {
        context
            .printer
            .either(&planned, |planned| as_text(planned, "would remove"))?;
        if !planned.items.is_empty() {
            context
                .printer
                .note("nothing was removed; `remedia gc --yes` removes it");
        }
    }
    Ok(Exit::SUCCESS)
}

/// The same for what lies at providers.
fn remote(
    engine: &Engine,
    request: &GcRequest,
    remove: bool,
    context: &Context,
) -> Result<Exit, Failure> {
    let planned = engine.remote_plan(request)?;
    let (plan, verb) = if remove {
        (engine.remote_apply(&planned)?, "removed")
    } else {
        (planned, "would remove")
    };
    context.printer.either(&plan, |plan| {
        if plan.items.is_empty() {
            return "nothing to remove\n".to_owned();
        }
        let lines = plan.items.iter().map(|item| {
            format!(
                "{verb} {} {} {} of job {}\n",
                item.provider, item.kind, item.name, item.job
            )
        });
        lines.collect()
    })?;
    if !remove && !plan.items.is_empty() {
        context
            .printer
            .note("nothing was removed; `remedia gc --remote --yes` removes it");
    }
    Ok(Exit::SUCCESS)
}

fn as_text(plan: &GcPlan, verb: &str) -> String {
    if plan.items.is_empty() {
        return "nothing to remove\n".to_owned();
    }
    let mut text = String::new();
    for item in &plan.items {
        let reason = match item.reason {
            GcReason::Delivered => "the job is delivered",
            GcReason::Stopped => "the job has ended",
            GcReason::Unknown => "no job has this folder",
            GcReason::Temporary => "left by a run that was killed",
        };
        text.push_str(&format!(
            "{verb} {} ({}): {reason}\n",
            item.path,
            bytes(item.bytes)
        ));
    }
    text.push_str(&format!("{} in all\n", bytes(plan.bytes)));
    text
}
