//! A TCP proxy that stops in the middle of things.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

/// Hands on what clients send, up to so many bytes. Then it keeps quiet, and all connections open.
pub struct StallingProxy {
    port: u16,
    stalled: Arc<AtomicBool>,
    ended: Arc<AtomicBool>,
}

impl StallingProxy {
    /// In front of the server on this port.
    pub fn start(server: u16, bytes: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let [stalled, ended] = std::array::from_fn(|_| Arc::new(AtomicBool::new(false)));
        let left = Arc::new(Mutex::new(bytes));
        let (stall, end) = (Arc::clone(&stalled), Arc::clone(&ended));
        std::thread::spawn(move || {
            for client in listener.incoming() {
                if end.load(SeqCst) {
                    return;
                }
                let client = client.unwrap();
                let server = TcpStream::connect(("127.0.0.1", server)).unwrap();
                let (mut back, mut answers) =
                    (client.try_clone().unwrap(), server.try_clone().unwrap());
                std::thread::spawn(move || std::io::copy(&mut answers, &mut back));
                let (left, stall) = (Arc::clone(&left), Arc::clone(&stall));
                std::thread::spawn(move || hand_on(client, server, &left, &stall));
            }
        });
        Self { port, stalled, ended }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether all bytes are used up.
    pub fn has_stalled(&self) -> bool {
        self.stalled.load(SeqCst)
    }
}

impl Drop for StallingProxy {
    fn drop(&mut self) {
        self.ended.store(true, SeqCst);
        TcpStream::connect(("127.0.0.1", self.port)).ok(); // it wakes up and sees
    }
}

/// Ends with the client.
fn hand_on(mut client: TcpStream, mut server: TcpStream, left: &Mutex<usize>, stall: &AtomicBool) {
    let mut bytes = [0; 4096];
    while let Ok(count @ 1..) = client.read(&mut bytes) {
        let mut left = left.lock().unwrap();
        let handed_on = count.min(*left);
        *left -= handed_on;
        server.write_all(&bytes[..handed_on]).ok();
        if *left == 0 {
            stall.store(true, SeqCst);
        }
    }
    server.shutdown(Shutdown::Both).ok();
}
