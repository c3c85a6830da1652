//! Many files at once: a pattern in the place of the path.

use std::path::{Path, PathBuf};

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::support::{HOUR, Inbox, Ran, command, knocker, run};
#[cfg(target_os = "linux")]
use crate::top::OnTerminal;

/// A folder of files, each a copy of an inbox.
struct Tenants(tempfile::TempDir);

impl Tenants {
    /// `acme` and `globex` with the events of [`Inbox::with_events`], and `quiet` without an endpoint.
    fn three() -> Self {
        let tenants = Self(tempfile::tempdir().unwrap());
        tenants.add("acme", &Inbox::with_events());
        tenants.add("globex", &Inbox::with_events());
        tenants.add("quiet", &Inbox::empty());
        tenants
    }

    fn add(&self, name: &str, inbox: &Inbox) {
        inbox.store.conn().execute("VACUUM INTO ?1", [self.path(name).to_str().unwrap()]).unwrap();
        self.open(name).pragma_update(None, "journal_mode", "WAL").unwrap();
    }

    /// A file that is no database.
    fn add_damaged(&self, name: &str) {
        std::fs::write(self.path(name), "not a database".repeat(100)).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(format!("{name}.db"))
    }

    fn name(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    fn open(&self, name: &str) -> Connection {
        Connection::open(self.path(name)).unwrap()
    }

    fn count(&self, name: &str, what: &str) -> i64 {
        self.open(name).query_row(&format!("SELECT count(*) FROM {what}"), [], |row| row.get(0)).unwrap()
    }

    fn pattern(&self) -> String {
        self.0.path().join("*.db").display().to_string()
    }

    fn knocker(&self, args: &[&str]) -> Ran {
        knocker(&[&["--db", &self.pattern()], args].concat())
    }
}

/// The words of the line that begins with this.
fn row<'t>(text: &'t str, name: &str) -> Vec<&'t str> {
    let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("no line {name} in {text}"));
    line[name.len()..].split_whitespace().collect()
}

#[test]
fn stats_have_a_row_a_file_and_a_sum() {
    let tenants = Tenants::three();
    let text = tenants.knocker(&["stats"]).ok().stdout;
    assert_eq!(row(&text, &tenants.name("acme"))[..6], ["1", "0", "1", "1", "1", "0"], "{text}");
    assert_eq!(row(&text, &tenants.name("quiet"))[..7], ["0", "0", "0", "0", "0", "0", "-"], "{text}");
    assert_eq!(row(&text, "(3 files)")[..6], ["2", "0", "2", "2", "2", "0"], "{text}");

    let document = tenants.knocker(&["--json", "stats"]).ok().json();
    let databases = document["databases"].as_array().unwrap();
    let names: Vec<&str> = databases.iter().map(|file| file["database"].as_str().unwrap()).collect();
    assert_eq!(names, ["acme", "globex", "quiet"].map(|name| tenants.name(name)));
    assert_eq!(databases[0]["endpoints"][0]["endpoint"], "orders");
    let total = &document["total"];
    assert_eq!(total["events"], json!({"received": 2, "processing": 0, "failed": 2, "handled": 2, "dead": 2, "ignored": 0}));
    assert_eq!((&total["databases"], &total["failed"], &total["last_hour"]["failures"]), (&json!(3), &json!(0), &json!(4)));
}

#[test]
fn a_pattern_may_stand_for_folders_and_in_the_environment() {
    let tenants = Tenants::three();
    let folder = tenants.0.path().join("sites");
    for name in ["one", "two"] {
        std::fs::create_dir_all(folder.join(name)).unwrap();
        std::fs::copy(tenants.path("acme"), folder.join(name).join("app.db")).unwrap();
    }
    let mut stats = command(&["--json", "stats"]);
    let ran = run(stats.env("KNOCKER_DB", folder.join("*/app.db")), b"").ok();
    assert_eq!(ran.json()["total"]["databases"], 2);
}

#[test]
fn a_damaged_file_stops_no_other_and_is_named() {
    let tenants = Tenants::three();
    tenants.add_damaged("broken");
    let ran = tenants.knocker(&["stats"]);
    assert!(ran.stdout.contains("(3 files)"), "{}", ran.stdout);
    ran.fails(1, &format!("{}: ", tenants.name("broken")), "knocker doctor");

    let ran = tenants.knocker(&["--json", "requeue", "--status", "dead", "--yes"]);
    let document = ran.json();
    assert_eq!(document["failed"][0]["database"], tenants.name("broken"));
    assert_eq!((&document["total"]["changed"], &document["total"]["failed"]), (&json!(2), &json!(1)));
    assert!(ran.stderr.contains("error: 1 of 4 files failed, and the others are done"), "{}", ran.stderr);
    assert_eq!(ran.code, 1);
}

#[test]
fn where_every_file_is_damaged_no_others_are_spoken_of() {
    let tenants = Tenants(tempfile::tempdir().unwrap());
    tenants.add_damaged("broken");
    tenants.add_damaged("torn");
    let ran = tenants.knocker(&["stats"]);
    assert!(ran.stderr.contains("error: 2 of 2 files failed\n"), "{}", ran.stderr);
    assert_eq!(ran.code, 1);
}

#[test]
fn a_busy_file_stops_no_other_and_may_be_tried_again() {
    let tenants = Tenants::three();
    let holder = tenants.open("globex");
    holder.execute_batch("BEGIN IMMEDIATE").unwrap();
    let ran = tenants.knocker(&["requeue", "--status", "dead", "--yes"]);
    assert_eq!(ran.stdout, format!("{}: 1 event requeued\n1 event requeued in 1 of 3 files\n", tenants.name("acme")));
    ran.fails(4, &format!("{}: ", tenants.name("globex")), "");
    holder.execute_batch("ROLLBACK").unwrap();
    let again = tenants.knocker(&["requeue", "--status", "dead", "--yes"]).ok();
    assert_eq!(again.stdout, format!("{}: 1 event requeued\n1 event requeued in 1 of 3 files\n", tenants.name("globex")));
}

#[test]
fn what_deletes_tells_first_and_wants_a_yes() {
    let tenants = Tenants::three();
    let prune = ["prune", "events", "--older-than", "0s"];
    let dry = tenants.knocker(&[&prune[..], &["--dry-run"]].concat()).ok().stdout;
    assert!(dry.ends_with("dry run: 2 events, 2 deliveries, 2 attempts would be deleted in 2 of 3 files\n"), "{dry}");
    tenants.knocker(&prune).fails(2, "deleting rows of many files wants a confirmation", "--yes");
    assert_eq!(tenants.count("acme", "knocker_events"), 4);

    let document = tenants.knocker(&[&["--json"], &prune[..], &["--yes"]].concat()).ok().json();
    assert_eq!(
        document["total"],
        json!({"events": 2, "deliveries": 2, "attempts": 2, "audits": 0, "more": false, "dry_run": false, "databases": 3, "failed": 0})
    );
    assert_eq!(document["databases"][0]["prune_id"], 1);
    assert_eq!(["acme", "globex"].map(|name| tenants.count(name, "knocker_events")), [3, 3]);
    assert_eq!(tenants.knocker(&[&prune[..], &["--yes"]].concat()).ok().stdout, "nothing is that old; nothing was deleted\n");
}

/// `script` of Linux runs a command on a terminal of its own.
#[cfg(target_os = "linux")]
#[test]
fn the_question_names_how_many_files() {
    let tenants = Tenants::three();
    let ask = |answer: &[u8]| {
        let line = format!("{} --db '{}' replay --status dead", env!("CARGO_BIN_EXE_knocker"), tenants.pattern());
        run(std::process::Command::new("script").args(["-qec", &line, "/dev/null"]).env("TERM", "xterm"), answer)
    };
    let dead = "knocker_events WHERE status = 'dead'";
    let no = ask(b"n\n");
    assert!(no.stdout.contains("Replay 2 events in 2 of 3 files? [y/N]"), "{}", no.stdout);
    assert_eq!((no.code, tenants.count("acme", dead)), (1, 1), "{}", no.stdout);
    let yes = ask(b"y\n");
    assert!(yes.stdout.contains("2 events replayed in 2 of 3 files"), "{}", yes.stdout);
    assert_eq!(["acme", "globex"].map(|name| tenants.count(name, dead)), [0, 0]);
}

#[test]
fn files_without_the_endpoint_are_passed_over_and_one_that_none_has_is_told() {
    let tenants = Tenants::three();
    let replayed = tenants.knocker(&["replay", "--endpoint", "orders", "--status", "dead", "--yes"]).ok().stdout;
    assert!(replayed.ends_with("2 events replayed in 2 of 3 files\n"), "{replayed}");
    tenants.knocker(&["replay", "--endpoint", "none", "--yes"]).fails(3, "none", "endpoint list");
    tenants.knocker(&["events", "--endpoint", "none"]).fails(3, "none", "endpoint list");
}

#[test]
fn a_wrong_flag_is_told_once() {
    let tenants = Tenants::three();
    let ran = tenants.knocker(&["requeue", "--status", "handled", "--yes"]);
    assert_eq!((ran.code, ran.stderr.matches("error: ").count()), (2, 1), "{}", ran.stderr);
}

#[test]
fn lists_are_of_all_files_the_newest_first_with_their_file() {
    let tenants = Tenants::three();
    let inbox = Inbox::with_orders();
    inbox.receive(r#"{"id": "evt_old", "type": "order.created"}"#, 20 * HOUR);
    tenants.add("old", &inbox);
    let events = tenants.knocker(&["--json", "events"]).ok().json_lines();
    assert_eq!(events.len(), 9);
    let times: Vec<i64> = events.iter().map(|event| event["received_at"].as_i64().unwrap()).collect();
    assert!(times.is_sorted_by(|one, next| one >= next), "{times:?}");
    assert_eq!((&events[8]["database"], &events[8]["key"]), (&json!(tenants.name("old")), &json!("order.created:evt_old")));

    let page = tenants.knocker(&["events", "--limit", "3"]).ok().stdout;
    let until = page.lines().last().unwrap().strip_prefix("older ones: --until ").unwrap();
    let rest = tenants.knocker(&["--json", "events", "--until", until]).ok().json_lines();
    let key = |event: &Value| (event["database"].to_string(), event["id"].to_string());
    let first: Vec<_> = events[..3].iter().map(key).collect();
    let mut all: Vec<_> = first.iter().cloned().chain(rest.iter().map(key)).collect();
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 9, "{page}");

    let deliveries = tenants.knocker(&["deliveries", "-n", "2"]).ok().stdout;
    assert!(deliveries.starts_with("FILE ") && deliveries.contains(&tenants.name("acme")), "{deliveries}");
    tenants.knocker(&["events", "--before", "3"]).fails(2, "--before names a row of one file", "--until");
    tenants.knocker(&["deliveries", "--event", "3"]).fails(2, "--event names a row of one file", "--db");
}

#[test]
fn what_is_about_one_file_refuses_many() {
    let tenants = Tenants::three();
    let commands: &[&[&str]] = &[
        &["tail"],
        &["show", "event", "1"],
        &["why", "1"],
        &["export"],
        &["import", "x.jsonl"],
        &["backup", "x.db"],
        &["restore", "x.db"],
        &["publish", "--to", "https://127.0.0.1:9"],
        &["forward", "http://127.0.0.1:9", "--delivery", "1"],
        &["retention", "--handled", "30d"],
        &["endpoint", "list"],
        &["endpoint", "add", "x"],
        &["listen", "x", "--port", "0"],
        &["demo"],
    ];
    for args in commands {
        tenants.knocker(args).fails(2, "names many", "Name one with --db");
    }
    tenants.knocker(&["replay", "1"]).fails(2, "an id names a row of one file", "--db");
    tenants.knocker(&["replay", "--delivery", "1"]).fails(2, "--delivery names a row of one file", "--db");
    tenants.knocker(&["stats", "--prometheus"]).fails(2, "the metrics are those of one file", "--json");
    tenants.knocker(&["doctor", "--repair", "--backup-to", "x.db"]).fails(2, "--backup-to is one file", "beside it");
    assert_eq!(
        std::fs::read_dir(tenants.0.path()).unwrap().filter(|entry| entry.as_ref().unwrap().path().extension().unwrap() == "db").count(),
        3
    );
}

#[test]
fn a_pattern_that_names_none_is_not_found_and_creates_none() {
    let folder = tempfile::tempdir().unwrap();
    let pattern = folder.path().join("*.db").display().to_string();
    for args in [&["stats"][..], &["init"], &["doctor"], &["--json", "top"]] {
        knocker(&[&["--db", &pattern], args].concat()).fails(3, "no file is there that", "quotes");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_pattern_that_the_shell_has_taken_apart_is_recognized() {
    let tenants = Tenants::three();
    let [one, two] = ["acme", "globex"].map(|name| tenants.name(name));
    knocker(&["--db", &one, &two, "stats"]).fails(2, &two, "quotes");
}

#[test]
fn each_file_is_brought_up_to_date() {
    let tenants = Tenants::three();
    let fresh = Connection::open(tenants.path("fresh")).unwrap();
    fresh.execute_batch("CREATE TABLE app (x)").unwrap();
    let text = tenants.knocker(&["init"]).ok().stdout;
    assert!(text.starts_with(&tenants.name("fresh")) && text.ends_with("1 file created or migrated, 3 files up to date\n"), "{text}");
    let document = tenants.knocker(&["--json", "init"]).ok().json();
    assert_eq!((&document["total"]["changed"], &document["total"]["databases"]), (&json!(0), &json!(4)));
}

#[test]
fn the_doctor_ends_as_the_worst_file_does() {
    let tenants = Tenants::three();
    let healthy = tenants.knocker(&["--json", "doctor"]).json();
    assert_eq!(healthy["total"]["errors"], 0, "{healthy}");
    assert_eq!(healthy["databases"][0]["facts"]["file"], tenants.path("acme").canonicalize().unwrap().display().to_string());

    tenants.open("globex").execute_batch("DROP INDEX _knocker_deliveries_outcome").unwrap();
    tenants.add_damaged("broken");
    let ran = tenants.knocker(&["doctor"]);
    assert_eq!(ran.code, 11, "{}{}", ran.stdout, ran.stderr);
    assert!(row(&ran.stdout, &tenants.name("globex")).concat().contains("objects_missing"), "{}", ran.stdout);
    assert!(ran.stdout.contains("(4 files)") && ran.stdout.contains("knocker --db FILE doctor"), "{}", ran.stdout);

    let repaired = tenants.knocker(&["--json", "doctor", "--repair"]).json();
    let repaired: Vec<usize> =
        repaired["databases"].as_array().unwrap().iter().map(|file| file["repaired"].as_array().unwrap().len()).collect();
    assert_eq!(repaired.iter().filter(|&&number| number > 0).count(), 1, "{repaired:?}");
}

#[test]
fn due_passes_run_in_each_file() {
    let tenants = Tenants::three();
    assert_eq!(tenants.knocker(&["retain"]).ok().stdout, "no pass is due\n");
    knocker(&["--db", &tenants.name("globex"), "retention", "--handled", "1m"]).ok();
    let text = tenants.knocker(&["retain"]).ok().stdout;
    let deleted = "deleted 1 event, 1 delivery, 1 attempt and 0 prune records";
    assert_eq!(text, format!("{}: {deleted}\n{deleted} in 1 of 3 files\n", tenants.name("globex")));
}

#[cfg(target_os = "linux")]
#[test]
fn top_opens_a_file_of_the_list_and_comes_back() {
    let tenants = Tenants::three();
    let mut top = OnTerminal::on(Path::new(&tenants.pattern()));
    top.wait_for("enter");
    top.wait_for("FILE");
    top.type_in(b"\r");
    top.wait_for("ENDPOINT");
    // The dead event of this file, after a yes; then out of it, and out of the list.
    top.type_in(b"jryq");
    top.wait_for("FILE");
    top.type_in(b"q");
    assert!(top.end().contains("\x1b[?1049l"));
    let dead = "knocker_events WHERE status = 'dead'";
    assert_eq!(["acme", "globex"].map(|name| tenants.count(name, dead)).iter().sum::<i64>(), 1);
    tenants.knocker(&["top"]).fails(2, "top wants a terminal", "--json top");
}

/// A process may have few files open: as many are open as are worked on at once.
#[cfg(unix)]
#[test]
fn hundreds_of_files_need_no_more_descriptors_than_a_few() {
    let tenants = Tenants::three();
    for index in 0..197 {
        std::fs::copy(tenants.path("acme"), tenants.path(&format!("copy-{index:03}"))).unwrap();
    }
    for args in ["--json stats", "--json top", "--json doctor", "--json replay --status dead --dry-run", "--json retain"] {
        let line = format!("ulimit -n 40; exec {} --db '{}' {args}", env!("CARGO_BIN_EXE_knocker"), tenants.pattern());
        let ran = run(std::process::Command::new("sh").args(["-c", &line]), b"");
        assert_eq!(ran.json()["total"]["databases"], 200, "{args}: {}", ran.stderr);
        assert_eq!(ran.json()["total"]["failed"], 0, "{args}: {}", ran.stderr);
    }
}
