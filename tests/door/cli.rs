//! The rules through the CLI under `wasmedge`: as a script that one process reads, or as a process
//! for each subcommand.

use super::words::{Applied, Change, Command, Fault, Instant, Order, SkuStock};
use super::{Door, json};
use crate::harness;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{self, Child, ChildStdin, ChildStdout, Output, Stdio};
use tempfile::TempDir;

/// Where the test's folder is for the program.
const SEEN_AS: &str = "/data";

/// `wasmedge` with the CLI, whose data is in `folder`/shop.
pub(crate) fn command(folder: &Path) -> process::Command {
    let mut command = process::Command::new("wasmedge");
    command.arg("--dir").arg(format!("{SEEN_AS}:{}", folder.display()));
    command.arg("--env").arg(format!("EDGE_INVENTORY_DATA={SEEN_AS}/shop"));
    command.arg(harness::guest("inventory.so"));
    command
}

/// A `script` that is asked line by line.
pub(crate) struct ScriptDoor {
    child: Child,
    lines: ChildStdin,
    answers: BufReader<ChildStdout>,
    /// Where nobody else has one.
    folder: Option<TempDir>,
}

impl ScriptDoor {
    /// Starts on an empty folder.
    pub(crate) fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut door = Self::on(folder.path());
        door.folder = Some(folder);
        door
    }

    /// Starts on a folder that outlives it.
    pub(crate) fn on(folder: &Path) -> Self {
        let mut command = command(folder);
        command.arg("script").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("wasmedge runs");
        let (lines, answers) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Self { child, lines, answers: BufReader::new(answers), folder: None }
    }

    /// Says a line without waiting for its answer; `false` where nobody reads any more.
    pub(crate) fn say(&mut self, line: &Value) -> bool {
        writeln!(self.lines, "{line}").is_ok()
    }

    /// The next answer; `None` where the program has ended.
    pub(crate) fn hear(&mut self) -> Option<Value> {
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        // The last line of a process that was killed may be a part of one.
        line.ends_with('\n').then(|| serde_json::from_str(&line).unwrap())
    }

    pub(crate) fn ask(&mut self, line: &Value) -> Value {
        assert!(self.say(line), "the script has ended");
        self.hear().expect("a line has an answer")
    }

    /// As `kill -9` does.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for ScriptDoor {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Door for ScriptDoor {
    fn apply(&mut self, now: Instant, commands: &[Command]) -> Result<Applied, Fault> {
        self.ask(&json!({ "now": json::written(now) }));
        let outcomes = match commands {
            [Command::Expire(limit)] => {
                vec![json::outcome(&self.ask(&json!({ "expire": { "limit": limit } })))?]
            }
            [Command::Snapshot(step)] => vec![json::outcome(&self.ask(&step.line()))?],
            [one] => vec![json::outcome(&self.ask(&json::command_of_batch(one)))?],
            many => {
                let commands: Vec<Value> = many.iter().map(json::command_of_batch).collect();
                let answer = self.ask(&json!({ "batch": { "commands": commands } }));
                batch_outcomes(&answer)?
            }
        };
        Ok(Applied { outcomes, changed_skus: None })
    }

    fn order(&mut self, order_id: &str) -> Result<Option<Order>, Fault> {
        Ok(found(&self.ask(&json!({ "get": { "order_id": order_id } }))).map(json::order))
    }

    fn stock(&mut self, sku: &str) -> Result<Option<SkuStock>, Fault> {
        let answer = self.ask(&json!({ "stock": { "skus": [sku] } }));
        Ok(answer["ok"]["stock"].as_array().unwrap().first().map(json::stock))
    }

    fn changes(&mut self, after: u64, limit: u32) -> Result<Vec<Change>, Fault> {
        Ok(changes(&self.ask(&json!({ "changes": { "after": after, "limit": limit } }))))
    }

    fn audit(&mut self) -> Result<Vec<String>, Fault> {
        Ok(differences(&self.ask(&json!({ "audit": {} }))))
    }
}

/// A process for each step.
pub(crate) struct CommandDoor {
    folder: TempDir,
    now: Instant,
}

impl CommandDoor {
    /// Starts on an empty folder.
    pub(crate) fn open() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), now: 0 }
    }

    fn run(&self, arguments: &[String]) -> Option<Value> {
        let mut command = command(self.folder.path());
        command.args(["--json", "--now", &json::written(self.now)]).args(arguments);
        let Output { status, stdout, stderr } = command.output().expect("wasmedge runs");
        if stdout.is_empty() {
            let said = String::from_utf8_lossy(&stderr);
            assert_eq!(status.code(), Some(64), "{arguments:?}: {said}");
            return None;
        }
        let answer: Value = serde_json::from_slice(&stdout).unwrap();
        let code = match &answer {
            it if it.get("refused").is_some() => 1,
            it if it["fault"]["code"] == "malformed" => 64,
            it if it["ok"]["ok"] == false => 1,
            _ => 0,
        };
        assert_eq!(status.code(), Some(code), "{arguments:?}: {answer}");
        Some(answer)
    }
}

impl Door for CommandDoor {
    fn apply(&mut self, now: Instant, commands: &[Command]) -> Result<Applied, Fault> {
        self.now = now;
        let outcomes = match commands {
            [one] => vec![json::outcome(&self.run(&arguments(one)).ok_or(Fault::Malformed)?)?],
            many => {
                let commands: Vec<Value> = many.iter().map(json::command_of_batch).collect();
                let body = json!({ "commands": commands }).to_string();
                let answer = self.run(&["batch".into(), "--body".into(), body]);
                batch_outcomes(&answer.ok_or(Fault::Malformed)?)?
            }
        };
        Ok(Applied { outcomes, changed_skus: None })
    }

    fn order(&mut self, order_id: &str) -> Result<Option<Order>, Fault> {
        let answer = self.run(&["get".into(), order_id.into()]).ok_or(Fault::Malformed)?;
        Ok(found(&answer).map(json::order))
    }

    fn stock(&mut self, sku: &str) -> Result<Option<SkuStock>, Fault> {
        let answer = self.run(&["stock".into(), sku.into()]).ok_or(Fault::Malformed)?;
        Ok(found(&answer).map(json::stock))
    }

    fn changes(&mut self, after: u64, limit: u32) -> Result<Vec<Change>, Fault> {
        let (after, limit) = (format!("--after={after}"), format!("--limit={limit}"));
        Ok(changes(&self.run(&["changes".into(), after, limit]).unwrap()))
    }

    fn audit(&mut self) -> Result<Vec<String>, Fault> {
        Ok(differences(&self.run(&["audit".into()]).unwrap()))
    }
}

/// A command as a subcommand with its flags.
fn arguments(command: &Command) -> Vec<String> {
    if let Command::Expire(limit) = command {
        return vec!["expire".into(), format!("--limit={limit}")];
    }
    if let Command::Catalog(body) = command {
        return vec!["catalog".into(), "change".into(), format!("--body={body}")];
    }
    if let Command::Count(_) = command {
        return vec!["count".into(), format!("--body={}", json::command(command).1)];
    }
    if let Command::Snapshot(step) = command {
        return step.words();
    }
    let (operation, body) = json::command(command);
    let mut arguments = vec![operation.to_owned()];
    arguments.extend(json::order_id(command).map(str::to_owned));
    for (name, value) in body.as_object().unwrap() {
        let flag = name.replace('_', "-");
        match (name.as_str(), value) {
            ("lines", lines) => {
                let lines = lines.as_array().unwrap().iter();
                let line = |it: &Value| format!("{}={}", word(&it["sku"]), it["quantity"]);
                arguments.extend(lines.map(line));
            }
            ("items", items) => arguments.extend(items.as_array().unwrap().iter().map(item)),
            ("ship_to", place) => arguments.push(format!("--ship-to={}", word(&place["adcode"]))),
            (_, Value::Bool(true)) => arguments.push(format!("--{flag}")),
            (_, Value::Bool(false)) => {}
            _ => arguments.push(format!("--{flag}={}", word(value))),
        }
    }
    arguments
}

/// `SKU@WAREHOUSE:on_hand+=5,if=3`
fn item(item: &Value) -> String {
    let mut text = word(&item["sku"]);
    if let Some(code) = item.get("warehouse") {
        text = format!("{text}@{}", word(code));
    }
    let counters = ["sellable", "on_hand", "unavailable"];
    let counter = counters.into_iter().find(|name| item.get(*name).is_some()).unwrap();
    let change = &item[counter];
    text = match (change.get("set"), change["change"].as_i64()) {
        (Some(units), _) => format!("{text}:{counter}={units}"),
        (None, Some(units)) if units < 0 => format!("{text}:{counter}-={}", -units),
        (None, units) => format!("{text}:{counter}+={}", units.unwrap()),
    };
    item.get("compare_quantity").map_or(text.clone(), |units| format!("{text},if={units}"))
}

fn word(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn batch_outcomes(answer: &Value) -> Result<Vec<super::words::Outcome>, Fault> {
    match answer.get("fault") {
        Some(fault) => Err(json::fault(fault)),
        None => answer["ok"]["outcomes"].as_array().unwrap().iter().map(json::outcome).collect(),
    }
}

/// What was read; `None` where it is unknown.
fn found(answer: &Value) -> Option<&Value> {
    let code = answer["refused"]["code"].as_str();
    assert!(matches!(code, None | Some("unknown_order" | "unknown_sku")), "{answer}");
    answer.get("ok")
}

fn changes(answer: &Value) -> Vec<Change> {
    answer["ok"]["changes"].as_array().unwrap().iter().map(json::change).collect()
}

fn differences(answer: &Value) -> Vec<String> {
    let report = &answer["ok"];
    let differences = report["differences"].as_array().unwrap();
    assert_eq!(report["ok"], differences.is_empty());
    differences.iter().map(Value::to_string).collect()
}
