//! Takes bytes that nobody reads out of the file of a shared object.

use std::{mem::size_of, ops::Range};

use object::{
    LittleEndian as LE, U64,
    elf::{self, FileHeader64, ProgramHeader64, SectionHeader64},
    pod::{Pod, from_bytes_mut, slice_from_bytes_mut},
};

/// The object without the pages of its file that lie in this range, where one loaded segment goes
/// around them. No address moves: nothing is mapped where they were. An object of another form
/// than that of WasmEdge's compiler comes back as it is.
pub(super) fn cut(object: Vec<u8>, unused: &Range<usize>) -> Vec<u8> {
    cut_out(object.clone(), unused).unwrap_or(object)
}

fn cut_out(mut object: Vec<u8>, unused: &Range<usize>) -> Option<Vec<u8>> {
    let header = *header_of(&mut object)?;
    let segments: &mut [ProgramHeader64<LE>] =
        table(&mut object, header.e_phoff, header.e_phnum.get(LE))?;
    let around = segments.iter().position(|it| {
        let start = it.p_offset.get(LE);
        let end = start.saturating_add(it.p_filesz.get(LE));
        it.p_type.get(LE) == elf::PT_LOAD
            && (start..end).contains(&(unused.start as u64))
            && unused.end as u64 <= end
    })?;
    let page = segments[around].p_align.get(LE).max(1);
    let hole = (unused.start as u64).next_multiple_of(page)..unused.end as u64 / page * page;
    // One entry only says where the table is, which the header does, too: its place is for the
    // part of the segment behind the hole. Loaded segments must stay in the order of addresses.
    let spare = segments.iter().position(|it| it.p_type.get(LE) == elf::PT_PHDR)?;
    if hole.is_empty() || spare > around {
        return None;
    }
    segments[spare..=around].rotate_left(1);
    segments[around] = segments[around - 1];
    let [before, behind] = &mut segments[around - 1..=around] else { return None };
    let kept = hole.start - before.p_offset.get(LE);
    let skipped = hole.end - before.p_offset.get(LE);
    before.p_filesz.set(LE, kept);
    before.p_memsz.set(LE, kept);
    for place in [&mut behind.p_offset, &mut behind.p_vaddr, &mut behind.p_paddr] {
        place.set(LE, place.get(LE) + skipped);
    }
    for size in [&mut behind.p_filesz, &mut behind.p_memsz] {
        size.set(LE, size.get(LE) - skipped);
    }

    let length = hole.end - hole.start;
    let follow = |offset: &mut U64<LE>| {
        if offset.get(LE) >= hole.end {
            offset.set(LE, offset.get(LE) - length);
        }
    };
    for segment in segments {
        follow(&mut segment.p_offset);
    }
    let sections: &mut [SectionHeader64<LE>] =
        table(&mut object, header.e_shoff, header.e_shnum.get(LE))?;
    for section in sections {
        let start = section.sh_offset.get(LE);
        if start < hole.start && hole.end <= start.saturating_add(section.sh_size.get(LE)) {
            section.sh_size.set(LE, hole.start - start);
        }
        follow(&mut section.sh_offset);
    }
    follow(&mut header_of(&mut object)?.e_shoff);
    object.drain(usize::try_from(hole.start).ok()?..usize::try_from(hole.end).ok()?);
    Some(object)
}

fn header_of(object: &mut [u8]) -> Option<&mut FileHeader64<LE>> {
    let header: &mut FileHeader64<LE> = from_bytes_mut(object).ok()?.0;
    let is_known = header.e_ident.magic == elf::ELFMAG
        && header.e_ident.class == elf::ELFCLASS64
        && header.e_ident.data == elf::ELFDATA2LSB
        && usize::from(header.e_phentsize.get(LE)) == size_of::<ProgramHeader64<LE>>()
        && usize::from(header.e_shentsize.get(LE)) == size_of::<SectionHeader64<LE>>();
    is_known.then_some(header)
}

fn table<T: Pod>(object: &mut [u8], offset: U64<LE>, count: u16) -> Option<&mut [T]> {
    let table = object.get_mut(usize::try_from(offset.get(LE)).ok()?..)?;
    Some(slice_from_bytes_mut(table, count.into()).ok()?.0)
}

#[cfg(test)]
mod tests {
    use object::{Object, ObjectSection, ObjectSegment, pod::bytes_of};

    use super::*;

    const PAGE: u64 = 0x1000;
    /// Bytes of the segment that is read only, and of the one behind it.
    const READ_ONLY: u64 = 4 * PAGE;
    const CODE: u64 = PAGE;

    /// What a linker makes: a segment with the tables and constants, and one of code behind it;
    /// then the table of sections. Every word of it differs from the others.
    fn object() -> Vec<u8> {
        let words = 0..u32::try_from((READ_ONLY + CODE) / 4).unwrap();
        let mut object: Vec<u8> = words.flat_map(u32::to_le_bytes).collect();
        let word = |value: usize| U64::new(LE, value.try_into().unwrap());
        let mut header: FileHeader64<LE> = *from_bytes_mut(&mut [0; 64]).unwrap().0;
        header.e_ident.magic = elf::ELFMAG;
        header.e_ident.class = elf::ELFCLASS64;
        header.e_ident.data = elf::ELFDATA2LSB;
        header.e_ident.version = 1;
        header.e_phoff = word(64);
        header.e_phentsize.set(LE, 56);
        header.e_phnum.set(LE, 3);
        header.e_shoff = word(object.len());
        header.e_shentsize.set(LE, 64);
        header.e_shnum.set(LE, 4);
        header.e_shstrndx.set(LE, 3);
        let mut place = bytes_of(&header).to_vec();
        for (kind, start, size) in [
            (elf::PT_PHDR, 64, 3 * 56),
            (elf::PT_LOAD, 0, READ_ONLY),
            (elf::PT_LOAD, READ_ONLY, CODE),
        ] {
            let mut segment: ProgramHeader64<LE> = *from_bytes_mut(&mut [0; 56]).unwrap().0;
            segment.p_type.set(LE, kind);
            for at in [&mut segment.p_offset, &mut segment.p_vaddr, &mut segment.p_paddr] {
                at.set(LE, start);
            }
            segment.p_filesz.set(LE, size);
            segment.p_memsz.set(LE, size);
            segment.p_align.set(LE, PAGE);
            place.extend_from_slice(bytes_of(&segment));
        }
        object[..place.len()].copy_from_slice(&place);
        let end = READ_ONLY + CODE;
        for (kind, start, size) in [
            (elf::SHT_NULL, 0, 0),
            (elf::SHT_PROGBITS, 0x200, READ_ONLY - 0x200),
            (elf::SHT_PROGBITS, READ_ONLY, CODE),
            (elf::SHT_STRTAB, end - 8, 8),
        ] {
            let mut section: SectionHeader64<LE> = *from_bytes_mut(&mut [0; 64]).unwrap().0;
            section.sh_type.set(LE, kind);
            section.sh_offset.set(LE, start);
            section.sh_addr.set(LE, start);
            section.sh_size.set(LE, size);
            object.extend_from_slice(bytes_of(&section));
        }
        object
    }

    /// The bytes of all loaded segments, each with its address.
    fn loaded(object: &[u8]) -> Vec<(u64, u8)> {
        let file = object::File::parse(object).unwrap();
        let bytes = file.segments().flat_map(|segment| {
            let bytes = segment.data().unwrap().to_vec();
            (segment.address()..).zip(bytes)
        });
        bytes.collect()
    }

    #[test]
    fn every_byte_outside_the_hole_keeps_its_address() {
        let whole = object();
        // The tables of the file are at its beginning, and no part of what is unused.
        let tables = 64 + 3 * 56;
        for (start, end, pages) in [
            (PAGE, 3 * PAGE, 2),
            (PAGE - 1, 3 * PAGE + 1, 2),
            (PAGE + 1, 3 * PAGE - 1, 0),
            (2 * PAGE, READ_ONLY, 2),
            (PAGE + 1, READ_ONLY, 2),
            (0x300, 0x400, 0),
            (0x300, PAGE, 0),
        ] {
            let unused = usize::try_from(start).unwrap()..usize::try_from(end).unwrap();
            let cut = cut(whole.clone(), &unused);
            assert_eq!(whole.len() - cut.len(), pages * 0x1000, "{unused:x?}");
            let hole = start.next_multiple_of(PAGE)..end / PAGE * PAGE;
            let rest = |object| {
                let bytes = loaded(object).into_iter();
                bytes.filter(|(at, _)| *at >= tables && !hole.contains(at)).collect::<Vec<_>>()
            };
            assert!(rest(&cut) == rest(&whole), "{unused:x?}");
            let file = object::File::parse(&*cut).unwrap();
            let code = file.sections().nth(1).unwrap().data().unwrap().to_vec();
            assert!(code == whole[0x4000..0x5000], "{unused:x?}");
        }
    }

    #[test]
    fn what_has_another_form_stays_as_it_is() {
        let object = object();
        let unused = 0x1000..0x3000;
        let with = |at: usize, byte: u8| {
            let mut other = object.clone();
            other[at] = byte;
            other
        };
        let other_class = with(4, elf::ELFCLASS32);
        let without_spare = with(64, 0);
        for other in [Vec::new(), b"\x7fELF".to_vec(), other_class, without_spare] {
            assert!(cut(other.clone(), &unused) == other);
        }
        assert!(cut(object.clone(), &(0x3800..0x4800)) == object, "it reaches into the code");
        for length in (0..object.len()).step_by(61) {
            let short = object[..length].to_vec();
            assert!(cut(short.clone(), &unused) == short, "{length} bytes");
        }
    }
}
