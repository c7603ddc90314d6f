//! The orders file as it is: invoices with their lines, and which sale each cancel line undoes.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use crate::table::{Row, Table, TableError};

/// The most units of a quantity or a counter (api.md).
pub(crate) const UNITS_MAX: u32 = i32::MAX as u32;
const SKU_LENGTH_MAX: usize = 64;
/// Leaves room in an order id of 128 characters for the number of a part.
const INVOICE_LENGTH_MAX: usize = 120;
const LINE_NO_MAX: u32 = 1_000_000;

/// A year of a shop fits: 12 bytes a line, and each text once.
pub struct Feed {
    pub(crate) skus: Vec<Box<str>>,
    /// In the file's order.
    pub(crate) invoices: Vec<Invoice>,
    pub(crate) lines: Vec<FeedLine>,
    /// In the order of the links file; empty where there is none.
    pub(crate) links: Vec<Link>,
}

pub(crate) struct Invoice {
    pub(crate) number: Box<str>,
    pub(crate) kind: Kind,
    /// Seconds since 1970, in the shop's own time.
    pub(crate) at_s: u64,
    /// Its part of `Feed::lines`.
    pub(crate) lines: Range<usize>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Sale,
    Cancel,
}

pub(crate) struct FeedLine {
    pub(crate) line_no: u32,
    /// An index into `Feed::skus`.
    pub(crate) sku: u32,
    pub(crate) quantity: u32,
}

/// Units of a sale line that a cancel invoice undoes.
#[derive(Debug, PartialEq)]
pub(crate) struct Link {
    /// Indices into `Feed::invoices`.
    pub(crate) cancel: usize,
    pub(crate) sale: usize,
    /// Indices into `Feed::lines`.
    pub(crate) cancel_line: usize,
    pub(crate) sale_line: usize,
    pub(crate) quantity: u32,
}

impl Feed {
    /// Reads the orders and, where it lies beside them, the file of links.
    pub fn read(orders: &Path) -> Result<Self, TableError> {
        let mut feed = read_orders(orders)?;
        if let Some(links) = links_path(orders).filter(|path| path.exists()) {
            feed.links = read_links(&links, &feed)?;
        }
        Ok(feed)
    }

    fn start_invoice(&mut self, number: &str, (kind, at_s): &(Kind, u64)) {
        let lines = self.lines.len()..self.lines.len() + 1;
        self.invoices.push(Invoice { number: number.into(), kind: *kind, at_s: *at_s, lines });
    }
}

/// `orders.csv.gz` has its links in `orders_cancel_links.csv.gz`, packed or not.
fn links_path(orders: &Path) -> Option<PathBuf> {
    let name = orders.file_name()?.to_str()?;
    let (stem, _) = name.split_once(".csv")?;
    let plain = orders.with_file_name(format!("{stem}_cancel_links.csv"));
    let packed = orders.with_file_name(format!("{stem}_cancel_links.csv.gz"));
    Some(if plain.exists() { plain } else { packed })
}

const INVOICE: usize = 0;
const LINE_NO: usize = 1;
const SKU: usize = 2;
const QUANTITY: usize = 3;

fn read_orders(path: &Path) -> Result<Feed, TableError> {
    let columns = ["invoice_no", "line_no", "sku", "qty", "ts", "kind"];
    let mut table = Table::open(path, columns)?;
    let mut feed = Feed { skus: vec![], invoices: vec![], lines: vec![], links: vec![] };
    let mut invoices: HashSet<Box<str>> = HashSet::new();
    let mut skus: HashMap<Box<str>, u32> = HashMap::new();
    while let Some(row) = table.row()? {
        let number = row.word(INVOICE, INVOICE_LENGTH_MAX)?;
        let line_no = row.count(LINE_NO, LINE_NO_MAX)?;
        let sku = row.word(SKU, SKU_LENGTH_MAX)?;
        let quantity = row.count(QUANTITY, UNITS_MAX)?;
        let head = head(&row)?;

        let last = feed.invoices.last_mut().filter(|last| *last.number == *number);
        if let Some(invoice) = last {
            continue_invoice(&row, invoice, &feed.lines, &head, line_no)?;
        } else {
            if !invoices.insert(number.into()) {
                let what = format!("invoice {number} came before; its lines stand together");
                return Err(row.bad(what));
            }
            feed.start_invoice(number, &head);
        }
        let sku = *skus.entry(sku.into()).or_insert_with(|| {
            feed.skus.push(sku.into());
            u32::try_from(feed.skus.len() - 1).expect("as many skus would not fit the memory")
        });
        feed.lines.push(FeedLine { line_no, sku, quantity });
    }
    Ok(feed)
}

/// What every line of an invoice repeats.
fn head(row: &Row<'_, 6>) -> Result<(Kind, u64), TableError> {
    let [.., ts, kind] = row.fields();
    let kind = match kind {
        "sale" => Kind::Sale,
        "cancel" => Kind::Cancel,
        _ => return Err(row.bad(format!("kind '{kind}' is neither sale nor cancel"))),
    };
    let at = humantime::parse_rfc3339_weak(ts).ok();
    let since_1970 = at.and_then(|at| at.duration_since(UNIX_EPOCH).ok());
    let since_1970 = since_1970
        .ok_or_else(|| row.bad(format!("ts '{ts}' is not a time such as 2010-12-01T08:26:00")))?;
    Ok((kind, since_1970.as_secs()))
}

fn continue_invoice(
    row: &Row<'_, 6>,
    invoice: &mut Invoice,
    lines: &[FeedLine],
    head: &(Kind, u64),
    line_no: u32,
) -> Result<(), TableError> {
    if (invoice.kind, invoice.at_s) != *head {
        let what = format!("kind and ts differ from earlier lines of invoice {}", invoice.number);
        return Err(row.bad(what));
    }
    if lines.last().is_some_and(|last| last.line_no >= line_no) {
        return Err(row.bad(format!("line_no {line_no} does not follow the line before it")));
    }
    invoice.lines.end += 1;
    Ok(())
}

fn read_links(path: &Path, feed: &Feed) -> Result<Vec<Link>, TableError> {
    let columns = ["cancel_invoice", "cancel_line", "sale_invoice", "sale_line", "qty"];
    let mut table = Table::open(path, columns)?;
    let numbers = feed.invoices.iter().enumerate();
    let by_number = numbers.map(|(index, invoice)| (&*invoice.number, index)).collect();
    // Units of each sale line that are undone so far.
    let mut undone: HashMap<usize, u32> = HashMap::new();
    let mut links = Vec::new();
    while let Some(row) = table.row()? {
        let link = link(&row, feed, &by_number)?;
        let sold = feed.lines[link.sale_line].quantity;
        let units = undone.entry(link.sale_line).or_default();
        *units = units.saturating_add(link.quantity);
        if *units > sold {
            return Err(row.bad(format!("{units} of the {sold} units sold are cancelled")));
        }
        links.push(link);
    }
    Ok(links)
}

fn link(
    row: &Row<'_, 5>,
    feed: &Feed,
    by_number: &HashMap<&str, usize>,
) -> Result<Link, TableError> {
    let end = |invoice_column: usize, kind: Kind| {
        let number = row.word(invoice_column, INVOICE_LENGTH_MAX)?;
        let line_no = row.count(invoice_column + 1, LINE_NO_MAX)?;
        let found = by_number.get(number).copied().and_then(|index| {
            let invoice = &feed.invoices[index];
            let mut lines = invoice.lines.clone();
            let line = lines.find(|line| feed.lines[*line].line_no == line_no)?;
            (invoice.kind == kind).then_some((index, line))
        });
        found.ok_or_else(|| {
            row.bad(format!("the orders have no {kind:?} {number} with a line {line_no}"))
        })
    };
    let (cancel, cancel_line) = end(0, Kind::Cancel)?;
    let (sale, sale_line) = end(2, Kind::Sale)?;
    if feed.lines[cancel_line].sku != feed.lines[sale_line].sku {
        return Err(row.bad("the two lines are of different skus".into()));
    }
    if feed.invoices[cancel].at_s < feed.invoices[sale].at_s {
        return Err(row.bad("the cancel is earlier than its sale".into()));
    }
    let quantity = row.count(4, UNITS_MAX)?;
    Ok(Link { cancel, sale, cancel_line, sale_line, quantity })
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;
    use crate::tests::{LINKS, ORDERS, Sample};

    #[test]
    fn orders_and_their_links_are_read_plain_or_gzipped() {
        let sample = Sample::new(ORDERS, Some(LINKS));
        let packed = sample.path().with_file_name("packed.csv.gz");
        let mut encoder = GzEncoder::new(File::create(&packed).unwrap(), Compression::fast());
        encoder.write_all(ORDERS.as_bytes()).unwrap();
        encoder.finish().unwrap();

        let feed = Feed::read(sample.path()).unwrap();
        assert_eq!(feed.invoices.len(), 5);
        assert_eq!(feed.invoices[0].lines, 0..3);
        assert_eq!(feed.invoices[0].at_s, 1_291_191_960);
        assert_eq!(feed.skus.iter().map(|sku| &**sku).collect::<Vec<_>>(), ["A", "B", "C"]);
        assert_eq!(feed.links.len(), 3);
        assert_eq!(
            feed.links[0],
            Link { cancel: 2, sale: 0, cancel_line: 5, sale_line: 1, quantity: 2 }
        );

        let packed = Feed::read(&packed).unwrap();
        assert_eq!(packed.lines.len(), feed.lines.len());
        assert!(packed.links.is_empty());
    }

    fn refused(orders: &str, links: Option<&str>) -> String {
        let sample = Sample::new(orders, links);
        Feed::read(sample.path()).err().expect("refused").to_string()
    }

    #[test]
    fn a_bad_file_is_refused_with_its_line() {
        let header = "invoice_no,line_no,sku,qty,ts,customer,country,kind\n";
        let good = "1,1,A,6,2010-12-01T08:26:00,1,UK,sale\n";
        for (rows, line, why) in [
            ("1,1,A,0,2010-12-01T08:26:00,1,UK,sale\n", 3, "qty '0' is not a whole number"),
            ("2,1,A,-3,2010-12-01T08:26:00,1,UK,sale\n", 3, "qty '-3'"),
            ("2,1,,3,2010-12-01T08:26:00,1,UK,sale\n", 3, "sku '' is not 1 to 64 visible"),
            ("2,1,A,3,2010-13-01T08:26:00,1,UK,sale\n", 3, "ts '2010-13-01T08:26:00'"),
            ("2,1,A,3,2010-12-01T08:26:00,1,UK,gift\n", 3, "kind 'gift'"),
            ("1,2,A,3,2010-12-01T08:27:00,1,UK,sale\n", 3, "kind and ts differ"),
            ("1,1,A,3,2010-12-01T08:26:00,1,UK,sale\n", 3, "line_no 1 does not follow"),
            (
                "2,1,A,3,2010-12-01T08:26:00,1,UK,sale\n1,2,A,3,2010-12-01T08:26:00,1,UK,sale\n",
                4,
                "invoice 1 came before",
            ),
            ("2,1,A\n", 3, "found record with 3 fields"),
        ] {
            let message = refused(&format!("{header}{good}{rows}"), None);
            assert!(message.contains(&format!("line {line}")) || why.starts_with("found"));
            assert!(message.contains(why), "{message}");
        }
    }

    #[test]
    fn a_file_without_a_column_or_without_itself_is_refused() {
        let message = refused("invoice_no,line_no,sku,ts,kind\n", None);
        assert!(message.contains("no column 'qty'; needed are invoice_no, line_no"), "{message}");
        let missing = Feed::read(Path::new("/nowhere/orders.csv")).err().unwrap().to_string();
        assert!(missing.starts_with("cannot read /nowhere/orders.csv: No such file"), "{missing}");
    }

    #[test]
    fn links_that_contradict_the_orders_are_refused() {
        let header = "cancel_invoice,cancel_line,sale_invoice,sale_line,qty\n";
        for (row, why) in [
            ("C1,1,9,1,1\n", "line 2: the orders have no Sale 9 with a line 1"),
            ("1,1,1,1,1\n", "line 2: the orders have no Cancel 1 with a line 1"),
            ("C1,1,1,1,2\n", "line 2: the two lines are of different skus"),
            ("C1,1,1,2,9\n", "line 2: 9 of the 4 units sold are cancelled"),
        ] {
            let message = refused(ORDERS, Some(&format!("{header}{row}")));
            assert!(message.contains(why), "{message}");
        }
    }
}
