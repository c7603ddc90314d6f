//! One process per data folder, though WASI has no file locks.
//!
//! The owner holds a UDP socket, bound to a loopback address and port made from the folder's device
//! and inode. The kernel gives an address to one socket at a time, and takes it back however the
//! process ends, so nothing is left behind by `kill -9`. Nothing is ever sent to it. (A Unix socket
//! would be nicer, but WasmEdge opens those only with `--allow-af-unix`, which crun cannot say. A
//! file of ours cannot tell whether its writer still lives.)
//!
//! It holds within a network namespace: processes of one machine, or of one pod. Two containers
//! with networks of their own MUST NOT share a data folder (k3s: one replica to a volume).

use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::path::Path;

use xxhash_rust::xxh3::xxh3_64;

/// Below the ports that systems hand out by themselves.
const PORTS: std::ops::Range<u16> = 1_024..32_768;

/// This process has the folder for itself as long as this lives.
#[derive(Debug)]
pub(crate) struct Owner {
    _socket: system::Socket,
}

/// The address that stands for a folder.
pub(crate) fn address(folder: &Path) -> io::Result<SocketAddr> {
    let (device, inode) = system::identity(folder)?;
    let hash = xxh3_64([device.to_le_bytes(), inode.to_le_bytes()].as_flattened());
    let [a, b, c, _, low, high, ..] = hash.to_le_bytes();
    let port = PORTS.start + u16::from_le_bytes([low, high]) % (PORTS.end - PORTS.start);
    // Not 127.0.x.y, where others are.
    Ok(SocketAddrV4::new(Ipv4Addr::new(127, a.max(1), b, c), port).into())
}

impl Owner {
    /// `None` while another process is the owner.
    pub(crate) fn of(folder: &Path) -> io::Result<Option<Self>> {
        match system::bind(&address(folder)?) {
            Ok(socket) => Ok(Some(Self { _socket: socket })),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => Ok(None),
            Err(error) => Err(error),
        }
    }
}

#[cfg(target_family = "wasm")]
mod system {
    use std::ffi::CString;
    use std::io;
    use std::mem::MaybeUninit;
    use std::net::SocketAddr;
    use std::path::Path;

    use wasmedge_wasi_socket::socket::{AddressFamily, SocketType};

    pub(super) use wasmedge_wasi_socket::socket::Socket;

    pub(super) fn bind(address: &SocketAddr) -> io::Result<Socket> {
        let socket = Socket::new(AddressFamily::Inet4, SocketType::Datagram)?;
        socket.bind(address)?;
        Ok(socket)
    }

    /// What std has for this is unstable on WASI.
    #[allow(unsafe_code, reason = "a call of the C library")]
    pub(super) fn identity(folder: &Path) -> io::Result<(u64, u64)> {
        let path = CString::new(folder.as_os_str().as_encoded_bytes())?;
        let mut stat = MaybeUninit::<libc::stat>::uninit();
        // SAFETY: `path` ends in a zero, and `stat` has room for what is written.
        if unsafe { libc::stat(path.as_ptr(), stat.as_mut_ptr()) } != 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the call above has filled it.
        let stat = unsafe { stat.assume_init() };
        Ok((stat.st_dev, stat.st_ino))
    }
}

#[cfg(not(target_family = "wasm"))]
mod system {
    use std::io;
    use std::net::{SocketAddr, UdpSocket};
    use std::os::unix::fs::MetadataExt;
    use std::path::Path;

    pub(super) type Socket = UdpSocket;

    pub(super) fn bind(address: &SocketAddr) -> io::Result<Socket> {
        UdpSocket::bind(address)
    }

    pub(super) fn identity(folder: &Path) -> io::Result<(u64, u64)> {
        let metadata = std::fs::metadata(folder)?;
        Ok((metadata.dev(), metadata.ino()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_one_owner_until_that_ends() {
        let folder = std::env::temp_dir();
        let other = folder.join("..");
        let owner = Owner::of(&folder).unwrap().expect("nobody has it");
        assert!(Owner::of(&folder).unwrap().is_none());
        assert!(Owner::of(&other).unwrap().is_some());
        drop(owner);
        assert!(Owner::of(&folder).unwrap().is_some());
    }
}
