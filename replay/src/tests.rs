//! What the tests of this room share: a small file of orders, and its links.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// Two sales; a cancel two hours later, one after two days, and a last sale on the third day.
/// Sale 1 repeats sku A.
pub(crate) const ORDERS: &str = "\
invoice_no,line_no,sku,qty,ts,customer,country,kind
1,1,A,6,2010-12-01T08:26:00,17850,United Kingdom,sale
1,2,B,4,2010-12-01T08:26:00,17850,United Kingdom,sale
1,3,A,1,2010-12-01T08:26:00,17850,United Kingdom,sale
2,1,C,5,2010-12-01T09:00:00,13047,France,sale
2,3,B,1,2010-12-01T09:00:00,13047,France,sale
C1,1,B,2,2010-12-01T10:26:00,17850,United Kingdom,cancel
C1,2,C,1,2010-12-01T10:26:00,17850,United Kingdom,cancel
C2,1,A,1,2010-12-03T10:00:00,17850,United Kingdom,cancel
3,1,A,2,2010-12-03T11:00:00,,United Kingdom,sale
";

/// C1 undoes 2 B of sale 1, C2 returns 1 A of it and comes too late, and 1 C of sale 2 is undone
/// by C1.
pub(crate) const LINKS: &str = "\
cancel_invoice,cancel_line,sale_invoice,sale_line,qty
C1,1,1,2,2
C1,2,2,1,1
C2,1,1,1,1
";

/// The files in a folder of their own, removed in the end.
pub(crate) struct Sample {
    orders: PathBuf,
}

impl Sample {
    pub(crate) fn new(orders: &str, links: Option<&str>) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("edge-inventory-replay-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("orders.csv"), orders).unwrap();
        if let Some(links) = links {
            fs::write(folder.join("orders_cancel_links.csv"), links).unwrap();
        }
        Self { orders: folder.join("orders.csv") }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.orders
    }
}

impl Drop for Sample {
    fn drop(&mut self) {
        fs::remove_dir_all(self.orders.parent().unwrap()).unwrap();
    }
}
