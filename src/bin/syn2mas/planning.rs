//! What `migrate` would do: for the question before the start, for `--plan`, and for a plan in a file.

use std::{
    io::{self, Write},
    path::Path,
};

use anyhow::Result;
use indicatif::HumanBytes;
use mas2nix::{
    migrate::{
        context::Context,
        cutover::{
            Migration, Outcome, Step,
            decide::{self, Decision, Goal, Seen, Stage},
            host::Host as _,
            real_host::{MigrateOptions, RealHost},
            refusal::Refusal,
        },
        journal::Target,
        plan::{Expected, Plan},
        preflight::{self, finding::Finding},
    },
    util::{numbers::counted, terminal::plain},
};
use serde_json::json;

use crate::{
    exit::Ending,
    output::{self, about, seconds},
    verdict::{self, Verdict},
    view::{Style, quoted, view},
};

/// What a migration would do now.
pub struct Prospect {
    target: Target,
    /// The steps, or those that undo an interrupted run first.
    pub steps: Vec<Step>,
    /// What they do, in words, as far as it is worth a line.
    pub actions: Vec<String>,
    /// The findings, if an inspection is among the steps. There are no blockers.
    pub findings: Vec<Finding>,
    is_undoing: bool,
}

impl Prospect {
    /// Whether the findings are those of an inspection.
    pub fn has_inspected(&self) -> bool {
        self.steps.contains(&Step::Inspect)
    }

    /// What the migration is about, and its steps.
    pub fn subject(&self) -> (&Target, &[Step]) {
        (&self.target, &self.steps)
    }
}

/// Looks what a migration would do. Otherwise, the outcome is known already: there are blockers, it is
/// refused, or there is nothing to do.
pub async fn look(
    context: &Context,
    options: &MigrateOptions,
    host: &mut RealHost<'_>,
) -> Result<Result<Prospect, Outcome>> {
    let (seen, decision) = Migration::new(host, None, |_| {}).plan(Goal::Migrate).await;
    let (steps, is_undoing) = match decision {
        Decision::Forward(steps) => (steps, false),
        Decision::Back(steps) => (steps, true),
        Decision::Done(_) => {
            let cut_over = host.state().cut_over.clone().unwrap_or_default();
            return Ok(Err(Outcome::Already { cut_over }));
        }
        Decision::Refuse(refusal) => return Ok(Err(Outcome::Refused(refusal))),
    };
    let target = match seen.target {
        Seen::Known(target) => target,
        Seen::Unknown(reason) => {
            let refusal = Refusal::Unknown(reason);
            return Ok(Err(Outcome::Refused(refusal)));
        }
    };
    let findings = if steps.contains(&Step::Inspect) {
        preflight::inspect(context, options.scope).await?
    } else {
        Vec::new()
    };
    if Ending::from(&*findings) == Ending::Blocked {
        return Ok(Err(Outcome::Blocked(findings)));
    }
    Ok(Ok(Prospect {
        actions: actions(host, &steps),
        target,
        steps,
        findings,
        is_undoing,
    }))
}

/// What the steps do, in words, as far as it is worth a line.
fn actions(host: &RealHost, steps: &[Step]) -> Vec<String> {
    let actions = steps.iter().filter_map(|step| host.describe(*step));
    // Where there are no units, there are two spaces in their place.
    let actions = actions.map(|text| text.split_whitespace().collect::<Vec<_>>().join(" "));
    actions.collect()
}

/// What a rollback would do now.
pub struct WayBack {
    /// What its steps do, in words.
    pub actions: Vec<String>,
    loses_nothing: bool,
    accept_loss: bool,
}

impl WayBack {
    /// Looks what a rollback would do. Otherwise, the outcome is known already: it would lose something, it is
    /// refused, or there is nothing to do.
    pub async fn look(host: &mut RealHost<'_>, accept_loss: bool) -> Result<Self, Outcome> {
        let goal = Goal::RollBack { accept_loss };
        let (seen, decision) = Migration::new(host, None, |_| {}).plan(goal).await;
        match decision {
            Decision::Forward(steps) | Decision::Back(steps) => Ok(WayBack {
                actions: actions(host, &steps),
                loses_nothing: decide::loses_nothing(goal, host.state(), &seen),
                accept_loss,
            }),
            Decision::Done(Stage::NotBegun) => Err(Outcome::RolledBack),
            Decision::Done(_) => Err(Outcome::Already {
                cut_over: host.state().cut_over.clone().unwrap_or_default(),
            }),
            Decision::Refuse(refusal) => Err(Outcome::Refused(refusal)),
        }
    }

    /// What to ask before it begins.
    pub fn question(&self) -> &'static str {
        match (self.loses_nothing, self.accept_loss) {
            (true, _) => "Nothing would be lost. Go back?",
            (false, true) => "Go back, and lose what `syn2mas rollback --plan` shows?",
            (false, false) => "Complete the rollback that was interrupted?",
        }
    }

    /// Prints it.
    pub fn print(&self, json: bool) -> Result<Ending> {
        let next = view().given.next(if self.accept_loss {
            "syn2mas rollback --accept-loss"
        } else {
            "syn2mas rollback"
        });
        let mut out = io::stdout().lock();
        if json {
            let losses = self.loses_nothing.then(Vec::<()>::new);
            let value = json!({
                "result": "planned", "done": false, "actions": self.actions, "losses": losses, "next": next,
            });
            writeln!(out, "{value:#}")?;
            return Ok(Ending::Good);
        }
        print_actions(&mut out, view().out, &self.actions)?;
        let text = match (self.loses_nothing, self.accept_loss) {
            (true, _) => "Nothing was done. Nothing would be lost.",
            (false, true) => {
                "Nothing was done. Without `--accept-loss`, the plan shows what would be lost."
            }
            (false, false) => {
                "Nothing was done. This completes a rollback that was interrupted: what it loses was checked, \
                 or accepted, when it began."
            }
        };
        writeln!(out)?;
        verdict::print_next(&mut out, view().out, "", text, "Next:", Some(&next))?;
        Ok(Ending::Good)
    }
}

/// Prints what the steps do.
pub fn print_actions(out: &mut impl Write, style: Style, actions: &[String]) -> io::Result<()> {
    for (i, line) in actions.iter().enumerate() {
        let line = style.wrapped(&plain(line), &format!("{:>3}. ", i + 1));
        writeln!(out, "{line}")?;
    }
    Ok(())
}

/// Prints the plan, and writes it to a file.
pub async fn print(
    context: &Context,
    options: &MigrateOptions,
    prospect: &Prospect,
    file: Option<&Path>,
    json: bool,
) -> Result<Ending> {
    let given = &view().given;
    if prospect.is_undoing {
        let text =
            "An earlier run was interrupted, and has to be undone before there can be a plan.";
        let next = given.next("syn2mas rollback");
        let value = json!({"result": "refused", "reason": text});
        verdict::say(json, value, text, &next)?;
        return Ok(Ending::Blocked);
    }
    let plan = Plan::make(
        context,
        options,
        prospect.subject(),
        &prospect.findings,
        prospect.actions.clone(),
    )
    .await?;
    if let Some(file) = file {
        plan.write(file)?;
    }
    let next = match file {
        // What the plan has decided already is not given again.
        Some(file) => given.with_plan(&quoted(&file.to_string_lossy())),
        None => given.again("syn2mas migrate"),
    };
    let mut out = io::stdout().lock();
    if json {
        let value = json!({
            "result": "planned", "plan": plan, "findings": prospect.findings, "file": file, "next": next,
        });
        writeln!(out, "{value:#}")?;
        return Ok(Ending::Good);
    }
    let style = view().out;
    output::findings(&mut out, style, &prospect.findings)?;
    print_actions(&mut out, style, &plan.actions)?;
    writeln!(out)?;
    print_expected(&mut out, style, &plan.expected)?;
    if let Some(file) = file {
        let text = format!(
            "The plan is in {}. It has no secrets, but names of databases and files.",
            file.display()
        );
        writeln!(out, "{}", style.folded(&text))?;
    }
    if !prospect.has_inspected() {
        verdict::print_command(&mut out, style, "Next:", &next)?;
        return Ok(Ending::Good);
    }
    let verdict = Verdict::of(&prospect.findings, Some(plan.expected.imported()), |_| {
        next.clone()
    });
    verdict.print(&mut out, style)?;
    Ok(Ending::Good)
}

fn print_expected(out: &mut impl Write, style: Style, expected: &Expected) -> io::Result<()> {
    let downtime = match (expected.downtime, expected.last_round, expected.start) {
        (Some(all), Some(round), Some(start)) => format!(
            "{}: {} for the last round, and {} for Synapse's own start",
            about(all),
            seconds(round),
            seconds(start)
        ),
        (Some(all), ..) => format!(
            "{}, and the time of Synapse's own start, which is unknown",
            about(all)
        ),
        (None, ..) => {
            "the time of backup, import, comparison and Synapse's start, because its tables \
                       cannot be copied while it runs. `syn2mas rehearse` measures it"
                .to_owned()
        }
    };
    writeln!(out, "{}", style.wrapped(&downtime, "Downtime: "))?;
    for need in &expected.disk {
        let place = match &need.place {
            Some(place) => format!(" in {}", place.display()),
            None => " on the server of MAS's database".to_owned(),
        };
        let free = need.free.map_or(String::new(), |free| {
            format!(", where {} are free", HumanBytes(free))
        });
        let needed = HumanBytes(need.needed);
        let text = format!("up to {needed} for {}{place}{free}", need.what);
        writeln!(out, "{}", style.wrapped(&text, "Disk:     "))?;
    }
    Ok(())
}

/// Says what has changed since a plan was made. Nothing was done.
pub fn refuse(plan: &Plan, changes: &[String], json: bool) -> Result<Ending> {
    let made = &plan.made;
    let reason = format!(
        "{} since the plan was made at {made}",
        match changes.len() {
            1 => "something has changed".to_owned(),
            number => format!("{} have changed", counted(number, "thing")),
        }
    );
    let next = view().given.next("syn2mas migrate --plan");
    let mut out = io::stdout().lock();
    if json {
        let value = json!({
            "result": "refused", "reason": reason, "changes": changes, "next": next,
        });
        writeln!(out, "{value:#}")?;
        return Ok(Ending::Blocked);
    }
    let style = view().out;
    let text = format!("Nothing was done: {reason}:");
    writeln!(out, "{}", style.folded(&text))?;
    for change in changes {
        writeln!(out, "{}", style.wrapped(&plain(change), "  - "))?;
    }
    let text = "If that is right, make a new plan.";
    verdict::print_next(&mut out, style, "", text, "Next:", Some(&next))?;
    Ok(Ending::Blocked)
}
