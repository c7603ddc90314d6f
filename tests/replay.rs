//! The program's own replay, through a server that is killed in the middle.

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::mpsc,
    thread,
    time::Duration,
};

use crate::harness::{Host, Start, edge_host, guest};

/// A real shop's year, where it lies beside the repository; else orders like its first ones.
fn orders(folder: &Path) -> PathBuf {
    let real = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/orders.csv.gz");
    if real.exists() {
        return real;
    }
    eprintln!("{} is missing: replaying made-up orders", real.display());
    let path = folder.join("orders.csv");
    write_orders(&path);
    path
}

/// Three hundred sales, ten minutes apart. Of every tenth a line is cancelled two hours later, and
/// of every fifteenth two days later.
pub(crate) fn write_orders(path: &Path) {
    let at = |minute: u32| {
        let (day, hour) = (1 + minute / 1_440, minute / 60 % 24);
        format!("2010-12-{day:02}T{hour:02}:{:02}:00", minute % 60)
    };
    let header = "invoice_no,line_no,sku,qty,ts,customer,country,kind\n";
    let mut orders = header.to_owned();
    let mut links = "cancel_invoice,cancel_line,sale_invoice,sale_line,qty\n".to_owned();
    for sale in 1..=300 {
        for line in 1..=1 + sale % 30 {
            let (sku, units) = (sale * line % 50, 1 + line % 7);
            writeln!(orders, "{sale},{line},S{sku},{units},{},,,sale", at(sale * 10)).unwrap();
        }
    }
    for sale in (10..=300).step_by(5) {
        let later = match sale {
            _ if sale % 10 == 0 => 120,
            _ if sale % 15 == 0 => 2_880,
            _ => continue,
        };
        let at = at(sale * 10 + later);
        writeln!(orders, "C{sale},1,S{},1,{at},,,cancel", sale % 50).unwrap();
        writeln!(links, "C{sale},1,{sale},1,1").unwrap();
    }
    std::fs::write(path, orders).unwrap();
    std::fs::write(path.with_file_name("orders_cancel_links.csv"), links).unwrap();
}

fn replay(orders: &Path, address: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(edge_host());
    command.arg("replay").arg(orders).args(["--server", address, "--limit-orders", "300"]);
    command.args(arguments);
    command
}

fn assert_clean(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("no unit is wrong, and the audit is clean"), "{text}");
    text
}

/// The sequence of the last change, looked for from `seq` on.
fn last_change(host: &Host, mut seq: u64) -> u64 {
    loop {
        let page = host.get(&format!("/v1/changes?after={seq}&limit=1000"));
        match page.body["next"].as_u64() {
            Some(next) if next == seq => return seq,
            Some(next) => seq = next,
            // It may be too busy for a page.
            None => assert_eq!(page.status, 503, "{page:?}"),
        }
    }
}

/// A host at the address of one that was killed.
fn restart(data: &Path, address: &str) -> Host {
    let mut command = Command::new(edge_host());
    command.args(["--listen", address, "--data"]).arg(data);
    command.arg("--guest").arg(guest("inventory_guest.aot.wasm"));
    Start::from(command).start()
}

#[test]
fn a_server_killed_in_the_middle_of_a_replay_makes_no_unit_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let orders = orders(folder.path());
    // Few connections, so that the replay does not end before the kills come.
    for arguments in [&["--connections", "2"][..], &["--connections", "2", "--batch", "10"]] {
        let mut host = Host::start(&data);
        let address = host.address.clone();
        let mut command = replay(&orders, &address, arguments);
        let (sender, ended) = mpsc::channel();
        let replay = thread::spawn(move || sender.send(command.output().unwrap()));
        let (mut kills, mut seq) = (0, 0);
        let output = loop {
            if let Ok(output) = ended.recv_timeout(Duration::from_millis(1)) {
                break output;
            }
            if kills == 3 {
                continue;
            }
            seq = last_change(&host, seq);
            if seq > kills * 1_000 {
                kills += 1;
                host.signal("-KILL");
                host.wait();
                host = restart(&data, &address);
            }
        };
        replay.join().unwrap().unwrap();
        assert_clean(&output);
        assert!(kills > 0, "the replay was over before the server could be killed");
        drop(host);
        std::fs::remove_dir_all(&data).unwrap();
    }
}

#[test]
fn a_replay_run_twice_changes_nothing_and_another_one_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let host = Host::start(&folder.path().join("data"));
    let orders = orders(folder.path());
    let scarce = ["--stock", "scarce", "--ship-after", "1h"];
    let first = replay(&orders, &host.address, &scarce).output().unwrap();
    let text = assert_clean(&first);
    assert!(text.contains("insufficient_stock"), "scarce stock must refuse orders: {text}");
    let before = last_change(&host, 0);
    assert_clean(&replay(&orders, &host.address, &scarce).output().unwrap());
    assert_eq!(last_change(&host, before), before);

    let other = replay(&orders, &host.address, &[]).output().unwrap();
    assert_eq!(other.status.code(), Some(2));
    let message = String::from_utf8_lossy(&other.stderr);
    assert!(message.contains("holds a replay of other orders"), "{message}");
}

#[test]
fn a_replay_finds_a_unit_that_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let host = Host::start(&folder.path().join("data"));
    let orders = folder.path().join("orders.csv");
    write_orders(&orders);
    assert_clean(&replay(&orders, &host.address, &[]).output().unwrap());
    let sellable = host.sellable("S7");
    host.set_sellable("S7", u32::try_from(sellable).unwrap() + 1);
    let output = replay(&orders, &host.address, &[]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8_lossy(&output.stdout);
    let difference = text.lines().find(|line| line.contains("sku S7: stock: expected"));
    assert!(difference.is_some(), "{text}");
    assert!(text.contains("1 DIFFERENCES"), "{text}");
}
