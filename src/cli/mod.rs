//! The command line: which verbs there are, and what each is given.
//!
//! Parsing and help stand here; each group of verbs does its work in a file of its own.

use clap::{Parser, Subcommand};

use crate::cli::ending::Ending;

pub mod ending;
mod argument;
mod configuration;
mod ask;
mod explain;
mod costs;
mod demo;
mod doctor;
mod folder;
mod follow;
mod interrupt;
pub mod lines;
mod log;
mod manual;
mod named;
mod place;
mod progress;
mod read;
mod request;
mod retention;
mod run;
pub mod screen;
mod scenario;
mod sim;
mod status;
mod test_email;
mod way;

/// Verbs in groups, which clap cannot do by itself; a test holds it against the real list.
const HELP: &str = "\
{about}

Usage: {usage}

Look:
  status         Are the backups fresh, what is doomed, what is held and why
  plan           What would be done now, what comes next, what is held and why
  explain        Everything about one backup, machine, policy or slot, and why
  machines       list, show: machines, their policies and newest good backups
  snapshots list, snapshots show
                 Every snapshot, ours or not, and what keeps or dooms it
  policies list, policies show
                 What each policy is for, when, what it keeps, and what holds it
  costs          What this month has cost, by kind and machine
  log            The journal: list, show, verify, export; backup, restore, ...
  retention preview
                 What keep rules keep of a list, or of the live fleet

Back up:
  plan approve   Approve deletions that wait for a person
  pin, unpin     Keep one backup whatever the rules say, or let go of it
  hold, release  Keep one backup until a date, with a reason, or end that
  snapshots create, snapshots delete
                 Make or delete one backup by hand, behind the same rails
  policies run   Take a backup under a policy now
  policies retire
                 Let the backups of a removed policy go
  retention thaw Let a machine's old backups expire though it has no young one
  retry          Ask the cloud again for what it refused, with the next slot
  adopt          Make a snapshot that is not in the journal a backup
  disown         Say that a snapshot only looks like ours

Stop things:
  freeze         Delete nothing for a while
  thaw           End a freeze; shows first what goes then
  pause, resume  No creates and no deletes of policies for a while

Those under \"Back up\" and \"Stop things\" go to the daemon that runs. Without one
they write the journal themselves, but for `snapshots` and `policies run`: only
a daemon speaks with the cloud.

Set up:
  run            Run the daemon
  doctor         What the cloud answers and how this machine stands; what to set
  test-email     Send one letter now, and say what the server answered
  check-config   Judge a configuration, and show when each policy runs next
  config         A file to begin with, what a file comes to, and what can be set
  demo           Watch the daemon work against a simulated cloud; needs nothing
  sim serve      Serve the simulated cloud over HTTP
  completions    The script that completes verbs and options in your shell
  man            The manual: one page, or with --out a page for each verb
  version        Print the version

Options:
{options}

Exit codes: 0 ok, 1 failed, 2 usage, 3 findings, 4 no daemon answers,
75 busy: the journal is in use, 77 the cloud refuses the key,
78 configuration or key file refused.
`quartermaster VERB --help` tells more.
";

/// Columns of a line of help, also where no terminal says how wide it is; longer lines are hard to read.
const WIDEST: usize = 80;

/// Beneath the help of each verb that changes the cloud.
const EVERY_MODE: &str =
    "It is done in every mode: `observe` and `protect` bind policies only, and not what a person types.";

#[derive(Debug, Parser)]
#[command(
    name = "quartermaster",
    version,
    about = "Looks after the backups and the credits of a Barrack AI account",
    help_template = HELP,
    disable_help_subcommand = true,
    arg_required_else_help = true,
    max_term_width = WIDEST
)]
pub struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Are the backups fresh, what is doomed, what is held and why
    Status(status::StatusArguments),
    /// What this month and the one before have cost, by kind and machine
    Costs(costs::CostsArguments),
    /// List, show, check, export, copy and restore the journal
    #[command(subcommand)]
    Log(log::LogVerb),
    /// What the keep rules come to, and machines that have no young backup
    #[command(subcommand)]
    Retention(RetentionVerb),
    /// What would be done now, what comes next, what is held and why
    #[command(args_conflicts_with_subcommands = true)]
    Plan {
        #[command(flatten)]
        arguments: read::PlanArguments,
        #[command(subcommand)]
        verb: Option<PlanVerb>,
    },
    /// Everything about one backup, snapshot, machine, policy or slot, and why it is so
    Explain(explain::ExplainArguments),
    /// The machines, which policies are for them, and how old their newest good backups are
    #[command(subcommand)]
    Machines(MachinesVerb),
    /// Keep one backup whatever the rules say
    Pin(ask::OneBackup),
    /// Let go of a pinned backup: the rules decide again
    Unpin(ask::OneBackup),
    /// Ask the cloud again for what it refused, with the next slot
    Retry(ask::Retrying),
    /// Make a snapshot that is not in the journal a backup, which no policy prunes
    Adopt(ask::OneSnapshot),
    /// Say that a snapshot only looks like ours, so that it holds nothing any more
    Disown(ask::Disowning),
    /// Keep one backup until a date: no rule and no person deletes it before
    Hold(request::Holding),
    /// End a hold before its date
    Release(request::Releasing),
    /// Every snapshot that the cloud shows, and backups made or deleted by hand
    #[command(subcommand)]
    Snapshots(SnapshotsVerb),
    /// The policies in force, taken now or let go of
    #[command(subcommand)]
    Policies(PoliciesVerb),
    /// No creates and no deletes of policies for a while
    Pause(request::Pausing),
    /// End a pause
    Resume(request::Resuming),
    /// Delete nothing for a while
    Freeze(ask::Freezing),
    /// End a freeze
    Thaw(ask::Thawing),
    /// Run the daemon until SIGTERM or Ctrl-C
    Run(run::RunArguments),
    /// See what the cloud answers and how this machine stands, and write down which settings fit
    Doctor(doctor::DoctorArguments),
    /// Send one letter now, over the way that the configuration names, and say what came back
    TestEmail(test_email::TestEmailArguments),
    /// Judge a configuration, and show when each policy runs next
    CheckConfig(configuration::CheckArguments),
    /// Begin a configuration, show what is in force, or what can be set
    #[command(subcommand)]
    Config(configuration::ConfigVerb),
    /// Watch the daemon work against a simulated cloud, in simulated time
    Demo(demo::DemoArguments),
    /// The simulated cloud
    #[command(subcommand)]
    Sim(SimVerb),
    /// The script that completes verbs and options in your shell
    Completions(manual::CompletionArguments),
    /// The manual: one page, or with --out a page for each verb
    Man(manual::ManArguments),
    /// Print the version
    Version,
}

#[derive(Debug, Subcommand)]
enum RetentionVerb {
    /// Show what is kept and what expires, and why: of a file of instants, or of the live fleet
    Preview(Box<retention::PreviewArguments>),
    /// Let the expired backups of a machine go that has no young one, and keep the newest few
    Thaw(request::MachineThawing),
}

#[derive(Debug, Subcommand)]
enum PlanVerb {
    /// Approve the deletion of exactly these backups
    Approve(ask::Approving),
}

#[derive(Debug, Subcommand)]
enum MachinesVerb {
    /// All that looks have shown, with those that are gone at the end
    List(read::ListArguments),
    /// One machine: its policies, its backups, and why it cannot be snapshotted
    Show(read::ShowArguments),
}

#[derive(Debug, Subcommand)]
enum SnapshotsVerb {
    /// Every snapshot, ours or not, the newest first, with what keeps or dooms it
    List(read::SnapshotArguments),
    /// One snapshot or backup, also one that is over
    Show(read::ShowArguments),
    /// Delete one backup; the rails hold it like any other, but for those that are overridden. One that was
    /// made by hand is of no policy, and no shelf holds it
    #[command(after_help = EVERY_MODE)]
    Delete(request::Deleting),
    /// Make one backup more, of no policy
    #[command(after_help = EVERY_MODE)]
    Create(request::Creating),
}

#[derive(Debug, Subcommand)]
enum PoliciesVerb {
    /// Each policy in force: mode, machines, schedule, next time, what it keeps
    List(read::ListArguments),
    /// One policy in full, with every machine that it is for
    Show(read::ShowArguments),
    /// Take a backup under a policy now, of all its machines or of one; ends what held the policy
    #[command(after_help = EVERY_MODE)]
    Run(request::Running),
    /// Let the backups of a policy go that is no longer in the configuration
    Retire(request::Retiring),
}

#[derive(Debug, Subcommand)]
enum SimVerb {
    /// Serve a simulated cloud over HTTP, until SIGTERM or Ctrl-C
    Serve(sim::ServeArguments),
}

impl Arguments {
    /// Does what was asked for.
    pub fn perform(self) -> Result<(), Ending> {
        match self.verb {
            Verb::Status(arguments) => status::show(&arguments),
            Verb::Costs(arguments) => costs::show(&arguments),
            Verb::Log(verb) => verb.perform(),
            Verb::Retention(RetentionVerb::Preview(arguments)) => arguments.preview(),
            Verb::Plan { arguments, verb: None } => arguments.plan(),
            Verb::Plan { verb: Some(PlanVerb::Approve(arguments)), .. } => arguments.approve(),
            Verb::Explain(arguments) => arguments.explain(),
            Verb::Machines(MachinesVerb::List(arguments)) => arguments.machines(),
            Verb::Machines(MachinesVerb::Show(arguments)) => arguments.machine(),
            Verb::Snapshots(SnapshotsVerb::List(arguments)) => arguments.list(),
            Verb::Snapshots(SnapshotsVerb::Show(arguments)) => arguments.snapshot(),
            Verb::Policies(PoliciesVerb::List(arguments)) => arguments.policies(),
            Verb::Policies(PoliciesVerb::Show(arguments)) => arguments.policy(),
            Verb::Pin(arguments) => arguments.pin(),
            Verb::Unpin(arguments) => arguments.unpin(),
            Verb::Retry(arguments) => arguments.retry(),
            Verb::Adopt(arguments) => arguments.adopt(),
            Verb::Disown(arguments) => arguments.disown(),
            Verb::Hold(arguments) => arguments.hold(),
            Verb::Release(arguments) => arguments.release(),
            Verb::Snapshots(SnapshotsVerb::Delete(arguments)) => arguments.delete(),
            Verb::Snapshots(SnapshotsVerb::Create(arguments)) => arguments.create(),
            Verb::Policies(PoliciesVerb::Run(arguments)) => arguments.run(),
            Verb::Policies(PoliciesVerb::Retire(arguments)) => arguments.retire(),
            Verb::Retention(RetentionVerb::Thaw(arguments)) => arguments.thaw(),
            Verb::Pause(arguments) => arguments.pause(),
            Verb::Resume(arguments) => arguments.resume(),
            Verb::Freeze(arguments) => arguments.freeze(),
            Verb::Thaw(arguments) => arguments.thaw(),
            Verb::Run(arguments) => run::run(&arguments),
            Verb::Doctor(arguments) => doctor::examine(&arguments),
            Verb::CheckConfig(arguments) => configuration::check(&arguments),
            Verb::Config(verb) => verb.perform(),
            Verb::TestEmail(arguments) => test_email::send(&arguments),
            Verb::Demo(arguments) => demo::demo(&arguments),
            Verb::Sim(SimVerb::Serve(arguments)) => sim::serve(&arguments),
            Verb::Completions(arguments) => arguments.complete(),
            Verb::Man(arguments) => arguments.write(),
            Verb::Version => screen::print(concat!("quartermaster ", env!("CARGO_PKG_VERSION"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_of_the_command_line_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn the_help_names_every_verb_and_no_other() {
        let command = Arguments::command();
        let named: Vec<&str> = HELP
            .lines()
            .filter(|line| line.starts_with("  ") && !line.trim_start().starts_with('{'))
            .flat_map(|line| line[2..16].split(", "))
            .filter_map(|words| words.split_whitespace().next())
            .collect();
        let verbs: Vec<&str> = command.get_subcommands().map(clap::Command::get_name).collect();
        for verb in &verbs {
            assert!(named.contains(verb), "{verb} is missing");
        }
        let named: std::collections::BTreeSet<&str> = named.into_iter().collect();
        assert_eq!(named.len(), verbs.len(), "{named:?}");
    }
}
