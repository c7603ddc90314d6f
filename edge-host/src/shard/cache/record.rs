//! A sku's stock as bytes in Redis. Whatever does not read back whole is a miss.

use crate::guest::stock::{SkuStock, WarehouseStock};

/// The first byte: what follows is laid out as below.
const LAYOUT: u8 = 1;

/// Numbers are little-endian; the sku is the key.
pub(super) fn write(stock: &SkuStock) -> Vec<u8> {
    let SkuStock { sku: _, sellable, reserved, committed, on_hand, warehouses } = stock;
    let mut bytes = vec![LAYOUT];
    bytes.extend(sellable.to_le_bytes());
    for number in [reserved, committed, on_hand] {
        bytes.extend(number.to_le_bytes());
    }
    for warehouse in warehouses {
        let WarehouseStock { warehouse, on_hand, reserved, committed, unavailable } = warehouse;
        let length = u16::try_from(warehouse.len()).expect("a code has at most 64 characters");
        bytes.extend(length.to_le_bytes());
        bytes.extend(warehouse.as_bytes());
        for number in [on_hand, reserved, committed, unavailable] {
            bytes.extend(number.to_le_bytes());
        }
    }
    bytes
}

pub(super) fn read(sku: &str, bytes: &[u8]) -> Option<SkuStock> {
    let mut rest = bytes.strip_prefix(&[LAYOUT])?;
    let rest = &mut rest;
    let mut stock = SkuStock {
        sku: sku.to_owned(),
        sellable: u32_of(rest)?,
        reserved: u64_of(rest)?,
        committed: u64_of(rest)?,
        on_hand: u64_of(rest)?,
        warehouses: Vec::new(),
    };
    while !rest.is_empty() {
        let length = u16::from_le_bytes(take(rest)?);
        let (code, after) = rest.split_at_checked(usize::from(length))?;
        *rest = after;
        stock.warehouses.push(WarehouseStock {
            warehouse: str::from_utf8(code).ok()?.to_owned(),
            on_hand: u32_of(rest)?,
            reserved: u32_of(rest)?,
            committed: u32_of(rest)?,
            unavailable: u32_of(rest)?,
        });
    }
    Some(stock)
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, after) = rest.split_first_chunk::<N>()?;
    *rest = after;
    Some(*taken)
}

fn u32_of(rest: &mut &[u8]) -> Option<u32> {
    take(rest).map(u32::from_le_bytes)
}

fn u64_of(rest: &mut &[u8]) -> Option<u64> {
    take(rest).map(u64::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back_and_every_part_of_it_does_not() {
        let warehouse = |code: &str| WarehouseStock {
            warehouse: code.to_owned(),
            on_hand: 9,
            reserved: 1,
            committed: u32::MAX,
            unavailable: 0,
        };
        let stock = SkuStock {
            sku: "TEA".to_owned(),
            sellable: 7,
            reserved: u64::MAX,
            committed: 2,
            on_hand: 18,
            warehouses: vec![warehouse("WH-1"), warehouse("仓")],
        };
        let bytes = write(&stock);
        assert_eq!(read("TEA", &bytes), Some(stock));
        // What ends between two warehouses reads as stock with fewer: Redis keeps values whole.
        for length in (0..bytes.len()).filter(|length| ![29, 51].contains(length)) {
            assert_eq!(read("TEA", &bytes[..length]), None, "{length}");
        }
    }
}
